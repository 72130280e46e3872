// Means, intervals and quantiles of a sweep.

import { describe, expect, it } from 'vitest';
import { quantile, ratioInterval, relativeWidth, spread, student } from '../../../engine/cli/tuning/statistics.js';

describe('ratios', () => {
  it('are averaged as logarithms: twice as slow and twice as fast is no change', () => {
    expect(ratioInterval([2, 0.5])?.value).toBeCloseTo(1, 12);
  });

  it("have Student's interval", () => {
    // Logarithms -0.1, 0, 0.1: deviation 0.1, of the mean 0.1 / sqrt(3); t = 4.303.
    const interval = ratioInterval([Math.exp(-0.1), 1, Math.exp(0.1)]);
    expect(interval?.high).toBeCloseTo(Math.exp((4.303 * 0.1) / Math.sqrt(3)), 6);
    expect(interval?.low).toBeCloseTo(1 / interval!.high, 12);
    expect(relativeWidth(interval!)).toBeCloseTo(interval!.high - 1, 12);
  });

  it('say nothing of their interval where there is one', () => {
    expect(ratioInterval([1.5])).toEqual({ value: 1.5, low: 0, high: Infinity, count: 1 });
  });

  it('that are none are left out', () => {
    expect(ratioInterval([Number.NaN, 0, Infinity])).toBeUndefined();
  });
});

describe('quantiles', () => {
  it("of Student's distribution come down to those of the normal one", () => {
    expect(student(0)).toBe(Infinity);
    expect(student(1)).toBe(12.706);
    expect(student(30)).toBe(2.042);
    expect(student(31)).toBeCloseTo(2.04, 2);
    expect(student(1e6)).toBeCloseTo(1.96, 4);
  });

  it('are interpolated', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([1], 0.99)).toBe(1);
    expect(spread([])).toBeUndefined();
  });
});
