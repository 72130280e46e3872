// The paper's model, fitted to points that obey it, nearly obey it, and don't.

import { describe, expect, it } from 'vitest';
import { fitModel, isKnown, modelled } from '../../../engine/cli/tuning/model.js';

const obeying = (a: number, b: number) =>
  [1e3, 1e4, 1e5, 1e6].map(epochLength => ({ epochLength, performance: 1 + a + b / epochLength }));

describe("the paper's model", () => {
  it('is found again in points that obey it', () => {
    const fit = fitModel(obeying(0.25, 21_000))!;
    expect(fit.a).toBeCloseTo(0.25, 9);
    expect(fit.b).toBeCloseTo(21_000, 3);
    expect(fit.r2).toBeCloseTo(1, 9);
    expect(fit.holds).toBe(true);
    expect(modelled(fit, 1_000)).toBeCloseTo(22.25, 9);
  });

  it('has an interval with the true values in it where points are off by a little', () => {
    const off = [1.01, 0.99, 1.01, 0.99];
    const points = obeying(0.1, 1_000).map((point, at) => ({ ...point, performance: point.performance * off[at]! }));
    const fit = fitModel(points)!;
    expect(Math.abs(fit.a - 0.1)).toBeLessThan(fit.aHalf);
    expect(Math.abs(fit.b - 1_000)).toBeLessThan(fit.bHalf);
    expect(fit.holds).toBe(true);
  });

  it('does not hold where the points are on no such curve', () => {
    const points = [1e3, 1e4, 1e5, 1e6].map((epochLength, at) => ({ epochLength, performance: [2, 1, 2, 1][at]! }));
    expect(fitModel(points)?.holds).toBe(false);
  });

  it('holds where it misses points by much, but none by more than is known of it', () => {
    const off = [1.3, 0.7, 1.3, 0.7];
    const points = (width: number) =>
      obeying(0.1, 1_000).map((point, at) => {
        const performance = point.performance * off[at]!;
        return { ...point, performance, low: performance / width, high: performance * width };
      });
    expect(fitModel(points(1.5))?.holds).toBe(true);
    expect(fitModel(points(1.01))?.holds).toBe(false);
  });

  it('holds where one point of several that are off has an interval that is narrow by chance', () => {
    const points = obeying(0.1, 1_000).map((point, at) => {
      const performance = point.performance * [1.2, 0.9, 0.8, 1.2][at]!;
      const width = at === 2 ? 1.01 : 1.4;
      return { ...point, performance, low: performance / width, high: performance * width };
    });
    expect(fitModel(points)?.holds).toBe(true);
  });

  it('is known where it holds, and both parts have narrow intervals', () => {
    const fit = { a: 0.2, b: 1_000, aHalf: 0.5, bHalf: 900, r2: 0.8, worst: 0.3, holds: true };
    expect(isKnown(fit)).toBe(true);
    expect(isKnown({ ...fit, holds: false })).toBe(false);
    expect(isKnown({ ...fit, aHalf: 0.7 })).toBe(false);
    expect(isKnown({ ...fit, bHalf: 1_100 })).toBe(false);
    expect(isKnown(fitModel(obeying(0.1, 1_000).slice(0, 2))!)).toBe(false);
  });

  it('never says that boundaries gain time', () => {
    const fit = fitModel([
      { epochLength: 1e3, performance: 1 },
      { epochLength: 1e6, performance: 1.1 },
    ]);
    expect(fit?.b).toBe(0);
    expect(fit?.a).toBeGreaterThan(0);
  });

  it('of two points has no interval', () => {
    const fit = fitModel(obeying(0.1, 1_000).slice(0, 2))!;
    expect(fit.aHalf).toBe(Infinity);
    expect(fit.r2).toBeNaN();
  });

  it('is not fitted to one epoch length', () => {
    expect(fitModel([{ epochLength: 1e3, performance: 1 }])).toBeUndefined();
  });
});
