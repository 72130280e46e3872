// What is said of a sweep whose figures are not what they could be taken for.

import { describe, expect, it } from 'vitest';
import type { CellRun } from '../../../engine/cli/tuning/cell.js';
import { problemsOf } from '../../../engine/cli/tuning/problems.js';
import type { Swept } from '../../../engine/cli/tuning/sweep.js';
import { EpochvisorError } from '../../../engine/errors/errors.js';
import { OutputCurve } from '../../../engine/observe/output-curve.js';
import { obeying } from './tuning-building.js';

function run(rest: Partial<CellRun> = {}): CellRun {
  return {
    output: new OutputCurve(),
    ms: 500,
    endMs: undefined,
    rate: 1_000,
    commandMs: [],
    instructions: 500_000,
    epochs: 5,
    logBytes: 0,
    outcome: undefined,
    waitsMs: [1, 2],
    waiting: 0,
    heldMs: [],
    lagMs: [],
    rssBytes: 0,
    aroundMs: 100,
    ...rest,
  };
}

function swept(runs: readonly CellRun[], rest: Partial<Swept> = {}): Swept {
  const paired = runs.map(one => ({ run: one, plain: undefined, simplex: undefined, longest: undefined }));
  const measured = [{ epochLength: 1_000, variant: 'deferred' as const, runs: paired }];
  const cells = obeying('deferred', 0.04, 900);
  return {
    cells,
    measured,
    baseline: 'plain',
    plain: undefined,
    twoPlain: undefined,
    optimised: true,
    rounds: 4,
    failure: undefined,
    ...rest,
  };
}

const ended = (rest: Partial<CellRun> = {}) => run({ outcome: { type: 'exit', status: 0 } as never, ...rest });
const codes = (of: Swept) => problemsOf(of).map(({ code, fatal }) => `${code}${fatal ? '!' : ''}`);

/** All intervals made so wide, as a part of their values, which are off by these factors. */
function widened(part: number, off: readonly number[] = []): Swept {
  const of = swept([run()]);
  const cells = of.cells.map((cell, at) => {
    const { count } = cell.performance!;
    const value = cell.performance!.value * (off[at] ?? 1);
    return { ...cell, performance: { value, count, low: value / (1 + part), high: value * (1 + part) } };
  });
  return { ...of, cells };
}

describe('the problems of a sweep', () => {
  it('are none where there is none', () => {
    expect(codes(swept([run(), run()]))).toEqual([]);
    expect(codes(swept([ended(), ended()]))).toEqual([]);
  });

  it('are a guest that ends too soon, waits for ever, or does other work each time', () => {
    expect(codes(swept([ended({ ms: 8 })]))).toEqual(['GUEST_ENDS_SOON!']);
    expect(codes(swept([run({ waitsMs: [], waiting: 40 })]))).toEqual(['GUEST_WAITS!']);
    expect(codes(swept([ended(), ended({ instructions: 700_000 })]))).toEqual(['GUEST_VARIES!']);
  });

  it('leave a curve to stand on where all points together tell where it lies', () => {
    expect(codes(widened(0.8))).toEqual(['WIDE_INTERVALS']);
    expect(codes(widened(0.8, [1.1, 0.95, 1.05, 0.9, 1.1, 1]))).toEqual(['WIDE_INTERVALS']);
  });

  it('are intervals that stay wide, and those that nothing can stand on', () => {
    expect(codes(widened(0.2))).toEqual(['WIDE_INTERVALS']);
    expect(codes(widened(0.8, [0.3, 2, 0.4, 3, 0.5, 2]))).toEqual(['WIDE_INTERVALS!']);
  });

  it('are a failure, a time too short, and no figure over plain', () => {
    expect(codes(swept([run()], { failure: new EpochvisorError('LOAD_FAILED', 'it failed') }))).toEqual([
      'LOAD_FAILED!',
    ]);
    expect(codes(swept([], { cells: [] }))).toEqual(['TUNE_TOO_SHORT!']);
    expect(codes(swept([run()], { baseline: 'simplex' }))).toEqual(['NO_PLAIN']);
  });
});
