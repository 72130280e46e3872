// The shortest run that fails in the same way: parts of its plan are left out, many at once and then one by one, while it still does
// (Zeller's ddmin, the parts being cuts.ts). What is left is what the failure needs; a reader has little else to look at.

import { type Cut, possibleCuts, without } from './cuts.js';
import type { RunOptions } from './run-plan.js';

/** A run takes some ten milliseconds. */
const TRIALS_MAX = 600;

/** What a failure is, whoever of the replicas it befell, and at which byte. */
export function wayOf(failure: string): string {
  return failure
    .replace(/\([^()]*; view \d+\)/, '')
    .replace(/\b[A-P]\b/g, 'X')
    .replace(/-?\d+/g, '#');
}

/**
 * @param failureOf what is wrong with a run; undefined: nothing
 * @returns what can be left out of `run`, which fails with `failure`
 */
export function shrink(
  run: RunOptions,
  failure: string,
  failureOf: (run: RunOptions) => string | undefined,
): readonly Cut[] {
  const way = wayOf(failure);
  let trials = 0;
  let cuts: readonly Cut[] = [];
  const takes = (more: readonly Cut[]): boolean => {
    if (trials >= TRIALS_MAX) return false;
    trials += 1;
    const tried = [...cuts, ...more];
    const result = failureOf(without(run, tried));
    if (result === undefined || wayOf(result) !== way) return false;
    cuts = tried;
    return true;
  };

  let left = possibleCuts(run);
  for (let size = left.length; size >= 1 && left.length > 0; ) {
    const before = left.length;
    left = leaveOut(left, size, takes);
    // One that goes may be what another needed: all are tried once more.
    if (size > 1) size = Math.floor(size / 2);
    else if (left.length === before) break;
  }
  for (let steps = 1; steps < run.guestSteps; steps = Math.ceil(steps * 1.5)) {
    if (takes([{ part: 'steps', to: steps }])) break;
  }
  leaveOut(left, 1, takes);
  return cuts;
}

/** `size` at a time. @returns what has to stay */
function leaveOut(parts: readonly Cut[], size: number, takes: (cuts: readonly Cut[]) => boolean): Cut[] {
  const stay: Cut[] = [];
  for (let at = 0; at < parts.length; at += size) {
    const some = parts.slice(at, at + size);
    if (!takes(some)) stay.push(...some);
  }
  return stay;
}
