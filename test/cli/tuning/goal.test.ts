// What is recommended for a goal, from sweeps made up for it.

import { describe, expect, it } from 'vitest';
import { recommend } from '../../../engine/cli/tuning/goal.js';
import { cell, obeying } from './tuning-building.js';

const cells = [
  ...obeying('simplex', 0.01, 200),
  ...obeying('original', 0.06, 9_000),
  ...obeying('deferred', 0.04, 900),
];

function lengthFor(goal: Parameters<typeof recommend>[1], of = cells): number {
  const verdict = recommend(of, goal);
  if (verdict?.met !== true) throw new Error('nothing meets the goal');
  return verdict.recommendation.epochLength;
}

describe('the recommendation', () => {
  it('is the shortest epoch within 3 % of the best, on the curve between the cells', () => {
    // 900 / EL = 0.03 * 1.04
    expect(lengthFor({}) / (900 / (0.03 * 1.04))).toBeCloseTo(1, 0);
  });

  it('is the same within a factor of 2 for another run with its noise', () => {
    for (const phase of [0, 1, 2, 3, 4, 5]) {
      const noisy = cells.map((each, at) => {
        const { value, ...rest } = each.performance!;
        return { ...each, performance: { ...rest, value: value * (1 + 0.01 * Math.sin(7 * at + phase)) } };
      });
      const ratio = lengthFor({}, noisy) / lengthFor({});
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    }
  });

  it('does not depend on which of two variants that nobody could tell apart came out cheaper', () => {
    // As on a host of two threads of one core: levels that are off by tens of percent, boundaries of the same cost.
    const sweepOf = (revised: number, deferred: number, original: number) =>
      [
        ...obeying('revised', revised, 10_000),
        ...obeying('deferred', deferred, 12_000),
        ...obeying('original', original, 1.4e7),
      ].map((each, at) => {
        const { value, ...rest } = each.performance!;
        const off = value * [1.25, 0.8][at % 2]!;
        return { ...each, performance: { ...rest, value: off, low: off / 1.5, high: off * 1.5 } };
      });
    const ratio = lengthFor({}, sweepOf(0.85, 0.64, 0.46)) / lengthFor({}, sweepOf(0.42, 0.5, 0.7));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  it('is never simplex, which has no backup', () => {
    const verdict = recommend([cell('simplex', 1e3, 1), cell('deferred', 1e3, 1.2), cell('deferred', 1e5, 1.1)], {});
    expect(verdict).toMatchObject({ met: true, recommendation: { variant: 'deferred' } });
    expect(recommend([cell('simplex', 1e3, 1)], {})).toBeUndefined();
  });

  it('keeps an overhead', () => {
    const length = lengthFor({ maxOverhead: 0.05 });
    expect(900 / length).toBeLessThanOrEqual(0.01);
    expect(900 / (length / 1.2)).toBeGreaterThan(0.01);
  });

  it('keeps a latency, with the least overhead that it leaves', () => {
    expect(lengthFor({ maxLatencyMs: 0.01 })).toBeLessThanOrEqual(10_000);
    expect(lengthFor({ maxLatencyMs: 0.01 })).toBeGreaterThan(5_000);
  });

  it('keeps both, or says what comes nearest and what it would take', () => {
    expect(lengthFor({ maxOverhead: 0.05, maxLatencyMs: 1 })).toBeGreaterThanOrEqual(90_000);
    const verdict = recommend(cells, { maxOverhead: 0.05, maxLatencyMs: 0.05 });
    expect(verdict?.met).toBe(false);
    expect(verdict).toMatchObject({
      nearest: { variant: 'deferred' },
      wants: expect.stringContaining('within that wait'),
    });
  });

  it('says that no epoch length is cheap enough', () => {
    const verdict = recommend(cells, { maxOverhead: 0.01 });
    expect(verdict).toMatchObject({ met: false, wants: expect.stringContaining('costs less than 4.0 %') });
  });

  it('goes by the points where no curve holds', () => {
    const values = [3, 1.2, 2.4, 1.1, 1.5, 1.1];
    const odd = obeying('deferred', 0, 0).map((each, at) => cell('deferred', each.epochLength, values[at]!));
    // Between 100,000 (2.4) and 1,000,000 (1.1), near the latter.
    const length = lengthFor({ maxOverhead: 0.15 }, odd);
    expect(length).toBeGreaterThan(500_000);
    expect(length).toBeLessThanOrEqual(1_000_000);
  });
});
