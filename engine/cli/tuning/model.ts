// The paper's model fitted to a sweep: NP(EL) = 1 + a + b / EL (section 4.1).
//
// Of every instruction's time a part `a` goes to being rewritten and watched, whatever the epoch length EL, and every
// boundary costs as much as `b` instructions. With x = 1 / EL that is a straight line. The errors of measurement are
// relative, so squares of relative errors are summed: each point weighs 1 / NP^2. Latency is a line likewise, with x = EL.

import { student } from './statistics.js';

/** A point of a line, y > 0. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  readonly intercept: number;
  readonly slope: number;
  /** Half of the interval at 95 %; Infinity from two points, which any line fits. */
  readonly interceptHalf: number;
  readonly slopeHalf: number;
  /** The part of the weighted squares that the line explains, 0 to 1; NaN from two points. */
  readonly r2: number;
  /** The furthest point from the line, as a part of its y. */
  readonly worst: number;
}

/** The least squares with a slope of 0 at least; undefined where there are not two different x. */
export function fitLine(points: readonly Point[]): Line | undefined {
  if (new Set(points.map(point => point.x)).size < 2) return undefined;
  const weighted = points.map(({ x, y }) => ({ x, y, w: 1 / y ** 2 }));
  const sum = (of: (point: Point & { w: number }) => number) => weighted.reduce((total, point) => total + of(point), 0);
  const weight = sum(({ w }) => w);
  const [meanX, meanY] = [sum(({ w, x }) => w * x) / weight, sum(({ w, y }) => w * y) / weight];
  const squaresX = sum(({ w, x }) => w * (x - meanX) ** 2);
  const slope = Math.max(0, sum(({ w, x, y }) => w * (x - meanX) * (y - meanY)) / squaresX);
  const intercept = meanY - slope * meanX;
  const residuals = sum(({ w, x, y }) => w * (y - intercept - slope * x) ** 2);
  const squaresY = sum(({ w, y }) => w * (y - meanY) ** 2);
  const freedom = points.length - 2;
  const deviation = freedom > 0 ? Math.sqrt(residuals / freedom) : Number.POSITIVE_INFINITY;
  const t = freedom > 0 ? student(freedom) : 1;
  return {
    intercept,
    slope,
    interceptHalf: t * deviation * Math.sqrt(1 / weight + meanX ** 2 / squaresX),
    slopeHalf: (t * deviation) / Math.sqrt(squaresX),
    r2: freedom > 0 && squaresY > 0 ? Math.max(0, 1 - residuals / squaresY) : Number.NaN,
    worst: Math.max(...points.map(({ x, y }) => Math.abs(intercept + slope * x - y) / y)),
  };
}

/** One point of a sweep: normalized performance (time over time, 1 = no cost) at an epoch length in instructions. */
export interface SweepPoint {
  readonly epochLength: number;
  readonly performance: number;
  /** The ends of its interval at 95 %; without one it is taken as exact. */
  readonly low?: number;
  readonly high?: number;
}

export interface Fit {
  /** The part of the time that does not depend on the epoch length. */
  readonly a: number;
  /** Cost of a boundary, instructions. */
  readonly b: number;
  /** Halves of their intervals at 95 %. */
  readonly aHalf: number;
  readonly bHalf: number;
  readonly r2: number;
  /** The furthest point from the curve, as a part of it. */
  readonly worst: number;
  /** Whether the curve says what was measured, as well as that is known. */
  readonly holds: boolean;
}

/** A curve that misses a point by more, and twice its interval too, is none that a reader should go by. */
const WORST_MOST = 0.1;
/** Halves of intervals, as parts of what they are of: where they are less, two sweeps agree within a factor of two or so. */
const B_HALF_MOST = 1;
const A_HALF_MOST = 0.5;

/** Undefined where fewer than two epoch lengths were measured. */
export function fitModel(points: readonly SweepPoint[]): Fit | undefined {
  const line = fitLine(points.map(({ epochLength, performance }) => ({ x: 1 / epochLength, y: performance })));
  if (line === undefined) return undefined;
  const { intercept, slope, interceptHalf, slopeHalf, r2, worst } = line;
  const fit = { a: intercept - 1, b: slope, aHalf: interceptHalf, bHalf: slopeHalf, r2, worst };
  const usual = usualHalf(points);
  return { ...fit, holds: points.every(point => isNear(point, modelled(fit, point.epochLength), usual)) };
}

/** Half of a point's interval, as a logarithm. */
function half({ performance, low = performance, high = performance }: SweepPoint): number {
  return Math.log(Math.max(performance / low, high / performance));
}

/** Their mean: an interval from three or four runs is often narrow by chance alone. */
function usualHalf(points: readonly SweepPoint[]): number {
  return points.reduce((sum, point) => sum + half(point), 0) / points.length;
}

/** Twice the interval: of six points one is outside of its own more often than not, with every curve. */
function isNear(point: SweepPoint, curve: number, usual: number): boolean {
  const { performance } = point;
  const isWithin = Math.abs(Math.log(curve / performance)) <= 2 * Math.max(half(point), usual);
  return isWithin || Math.abs(curve - performance) <= WORST_MOST * performance;
}

/** Whether a and b are known well enough to go by: many points that are each off by chance still tell where a curve lies. */
export function isKnown({ a, b, aHalf, bHalf, holds }: Fit): boolean {
  return holds && bHalf <= B_HALF_MOST * b && aHalf <= A_HALF_MOST * (1 + a);
}

/** NP at an epoch length. */
export function modelled({ a, b }: Pick<Fit, 'a' | 'b'>, epochLength: number): number {
  return 1 + a + b / epochLength;
}
