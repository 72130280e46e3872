// Sweeps made up for tests.

import type { Cell, Setting } from '../../../engine/cli/tuning/cells.js';
import type { Tuning } from '../../../engine/cli/tuning/conclusion.js';
import { fitsOf } from '../../../engine/cli/tuning/fits.js';
import { type Goal, recommend } from '../../../engine/cli/tuning/goal.js';

export const LENGTHS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

export function cell(variant: Setting, epochLength: number, value: number): Cell {
  return {
    variant,
    epochLength,
    performance: { value, low: value * 0.98, high: value * 1.02, count: 4 },
    work: 'whole run',
    overSimplex: undefined,
    instructionsPerSecond: 1e9 / value,
    epochMs: epochLength / 1e6,
    interruptMs: { median: epochLength / 2e6, p99: epochLength / 1e6, count: 100 },
    waitingPart: 0,
    outputMs: variant === 'simplex' ? undefined : { median: 0.2, p99: 0.9, count: 50 },
    logBytesPerSecond: variant === 'simplex' ? 0 : 12_500,
    lagMs: variant === 'simplex' ? undefined : { median: 2, p99: 9, count: 20 },
    rssBytes: 2 ** 27,
  };
}

/** Points that obey the model. */
export function obeying(variant: Setting, a: number, b: number): Cell[] {
  return LENGTHS.map(length => cell(variant, length, 1 + a + b / length));
}

export function tuningOf(cells: readonly Cell[], goal: Goal = {}): Tuning {
  return {
    guest: 'cpu.wasm',
    node: '20.0.0',
    host: { processor: 'a processor', parallelism: 8, loadBefore: 0, stealPart: 0 },
    baseline: 'plain',
    optimised: true,
    rounds: 4,
    cells,
    twoPlain: { value: 1.1, low: 1.08, high: 1.12, count: 4 },
    fits: fitsOf(cells),
    goal,
    verdict: recommend(cells, goal),
    problems: [],
  };
}
