// What a sweep says: the paper's model fitted to it, and a recommendation.
//
// The paper (section 4.1) explains its figures by NP(EL) = 1 + a + b / EL: of every instruction's time a part `a` goes
// to being rewritten and watched, whatever the epoch length EL, and every boundary costs as much as `b` instructions.
// With x = 1 / EL that is a straight line. The errors of measurement are relative, so squares of relative errors are
// summed: each point weighs 1 / NP^2.

/** One point of a sweep: normalized performance (time over time, 1 = no cost) at an epoch length in instructions. */
export interface SweepPoint {
  readonly epochLength: number;
  readonly performance: number;
}

export interface Fit {
  /** The part of the time that does not depend on the epoch length. */
  readonly a: number;
  /** Cost of a boundary, instructions. */
  readonly b: number;
}

/** The least squares; undefined where fewer than two epoch lengths were measured. A boundary never gains time: b >= 0. */
export function fitModel(points: readonly SweepPoint[]): Fit | undefined {
  if (new Set(points.map(point => point.epochLength)).size < 2) return undefined;
  let [weight, x, y, xx, xy] = [0, 0, 0, 0, 0];
  for (const point of points) {
    const w = 1 / point.performance ** 2;
    const inverse = 1 / point.epochLength;
    weight += w;
    x += w * inverse;
    y += w * point.performance;
    xx += w * inverse * inverse;
    xy += w * inverse * point.performance;
  }
  const slope = (weight * xy - x * y) / (weight * xx - x * x);
  const b = Math.max(0, slope);
  return { a: (y - b * x) / weight - 1, b };
}

/** How much worse than the best a setting may be and still be recommended: less can't be told from noise. */
export const TOLERANCE = 0.03;

/** The setting to use: within TOLERANCE of the best, the one with the shortest epochs, for interrupts wait for their ends. */
export function recommend<T extends SweepPoint>(points: readonly T[]): T | undefined {
  const best = Math.min(...points.map(point => point.performance));
  const good = points.filter(point => point.performance <= best * (1 + TOLERANCE));
  return good.toSorted((one, other) => one.epochLength - other.epochLength || one.performance - other.performance)[0];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
