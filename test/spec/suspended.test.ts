import { describe, expect, test } from 'vitest';
import { plain, SUSPENDED } from './engines.js';
import { runScript } from './run.js';
import { loadScript, scriptNames } from './suite.js';

describe.each(SUSPENDED)('the core test scripts: $name', engine => {
  test('pass every command that plain V8 passes', () => {
    const worse = scriptNames().flatMap(name => {
      const script = loadScript(name);
      const expected = runScript(script, plain);
      return runScript(script, engine)
        .filter((outcome, index) => outcome.complaint !== undefined && expected[index]!.complaint === undefined)
        .map(({ line, type, complaint }) => `${name}.wast:${line} ${type}: ${complaint}`);
    });
    expect(worse).toEqual([]);
  }, 300_000);
});
