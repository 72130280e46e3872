// The core test scripts of WebAssembly, through the instrumenter.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MATRIX, plain } from './engines.js';
import { runScript } from './run.js';
import { loadFile, scriptNames } from './suite.js';
import { baselineOf, worse } from './worse.js';

describe('the runner of the core test scripts', () => {
  test('complains about every assertion of a script in which all are wrong', () => {
    const script = loadFile(join(import.meta.dirname, 'planted.wast'));
    const valid = script.commands.find(command => command.type === 'module')!.bytes;
    const refusals = (
      ['assert_invalid', 'assert_malformed', 'assert_unlinkable', 'assert_uninstantiable'] as const
    ).map(type => ({ type, bytes: valid, line: 0, text: 'unreachable', module_type: 'binary' as const }));
    const absent = {
      type: 'assert_return',
      line: 0,
      action: { type: 'invoke', field: 'absent' },
      expected: [],
    } as const;
    const planted = { ...script, commands: [...script.commands, ...refusals, absent] };
    const assertions = runScript(planted, plain).filter(outcome => outcome.type.startsWith('assert_'));
    expect(assertions.length).toBe(18);
    expect(assertions.filter(outcome => outcome.complaint === undefined)).toEqual([]);
  });

  test('finds that plain V8 passes all but a few of the 53,899 commands', () => {
    const outcomes = scriptNames().flatMap(baselineOf);
    const passed = outcomes.filter(outcome => outcome.complaint === undefined).length;
    console.log(`core test scripts on plain V8 ${process.versions.v8}: ${passed} of ${outcomes.length} commands pass`);
    expect(outcomes.length).toBe(53_899);
    expect(passed).toBeGreaterThan(53_000);
  });
});

describe.each(MATRIX)('the core test scripts, rewritten: $name', engine => {
  // Three seconds, and on a machine that is busy with other things minutes: no reason to fail.
  test('pass every command that plain V8 passes', { timeout: 1_800_000 }, () => {
    expect(worse(engine, scriptNames())).toEqual([]);
  });
});
