// Where a script fares worse than in plain V8.

import { type Engine, plain } from './engines.js';
import { type Outcome, runScript } from './run.js';
import { loadScript } from './suite.js';

/**
 * Since WebAssembly 3.0 a constant expression may name any immutable global before it, not imported ones alone: what these scripts
 * of 2.0 want refused is valid, and runs also where V8 does not know that yet (engine/instrument/substitution).
 */
const VALID_SINCE = new Set(['data:85', 'data:89', 'elem:152', 'elem:156', 'global:352', 'global:356']);

/** What this V8 does with every script, once a process. */
const baseline = new Map<string, readonly Outcome[]>();

export function baselineOf(name: string): readonly Outcome[] {
  let outcomes = baseline.get(name);
  if (outcomes === undefined) {
    outcomes = runScript(loadScript(name), plain);
    baseline.set(name, outcomes);
  }
  return outcomes;
}

/** Commands that plain V8 passes and this engine does not, with their complaints. */
export function worse(engine: Engine, names: readonly string[]): string[] {
  return names.flatMap(name => {
    const expected = baselineOf(name);
    return runScript(loadScript(name), engine)
      .filter((outcome, index) => outcome.complaint !== undefined && expected[index]!.complaint === undefined)
      .filter(({ line, type }) => type !== 'assert_invalid' || !VALID_SINCE.has(`${name}:${line}`))
      .map(({ line, type, complaint }) => `${name}.wast:${line} ${type}: ${complaint}`);
  });
}
