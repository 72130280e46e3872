// Which epoch length and variant to use for a goal, and what that gives up.
//
// A recommendation read off the cells would jump by a decade with the noise of one of them. So it is read off the fitted
// curves where they hold: overhead falls as b / EL, the wait of an interrupt grows in proportion to EL. Of all that meet an
// overhead the shortest epochs are taken, for interrupts wait for their ends; where only a latency is asked for, the longest.

import type { Variant } from '../../protocol/vocabulary.js';
import type { Cell } from './cells.js';
import { pointsOf } from './fits.js';
import { fitLine, fitModel, modelled } from './model.js';

export interface Goal {
  /** Time over the baseline's, less 1: 0.05 is 5 %. */
  readonly maxOverhead?: number;
  /** What an interrupt waits, at most, at 99 %, ms. */
  readonly maxLatencyMs?: number;
}

export interface Recommendation {
  readonly variant: Variant;
  readonly epochLength: number;
  /** What is to be expected there. */
  readonly overhead: number;
  readonly interruptP99Ms: number | undefined;
  /** Less overhead than that no setting has. */
  readonly leastOverhead: number;
}

export type Verdict =
  | { readonly met: true; readonly recommendation: Recommendation }
  /** What comes nearest, and in `wants` what it would take. */
  | { readonly met: false; readonly nearest: Recommendation | undefined; readonly wants: string };

/** How much worse than the best a setting may be where no goal is given: less can't be told from noise. */
export const TOLERANCE = 0.03;

/** What is known of a variant at any epoch length within the sweep. */
interface Curve {
  readonly variant: Variant;
  readonly least: number;
  readonly most: number;
  readonly performance: (epochLength: number) => number;
  readonly latencyMs: ((epochLength: number) => number) | undefined;
  /** Half of the interval in which its level lies, a part of the time; 0: unknown, or exact. */
  readonly half: number;
}

export function curvesOf(cells: readonly Cell[]): Curve[] {
  const variants = [...new Set(cells.map(cell => cell.variant))].filter(variant => variant !== 'simplex');
  return variants.flatMap(variant => {
    const own = cells
      .filter(cell => cell.variant === variant && cell.performance !== undefined)
      .toSorted((one, other) => one.epochLength - other.epochLength);
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) return [];
    const points = pointsOf(own, variant);
    const fit = fitModel(points);
    const performance =
      fit?.holds === true
        ? (length: number) => modelled(fit, length)
        : interpolated(points.map(point => [point.epochLength, point.performance] as const));
    const half = fit?.holds === true && Number.isFinite(fit.aHalf) ? fit.aHalf : 0;
    const [least, most] = [first.epochLength, last.epochLength];
    return [{ variant, least, most, performance, latencyMs: latencyCurve(own), half }];
  });
}

/** The wait of an interrupt at 99 %, a line with the epoch length; undefined where the guest was never seen to run. */
function latencyCurve(own: readonly Cell[]): Curve['latencyMs'] {
  const points = own.flatMap(({ epochLength, interruptMs }) =>
    interruptMs === undefined || interruptMs.p99 <= 0 ? [] : [{ x: epochLength, y: interruptMs.p99 }],
  );
  const line = fitLine(points);
  if (line !== undefined && line.intercept >= 0) return length => line.intercept + line.slope * length;
  return points.length === 0 ? undefined : interpolated(points.map(({ x, y }) => [x, y] as const));
}

/** Between the points, straight on logarithmic axes. */
function interpolated(points: readonly (readonly [x: number, y: number])[]): (x: number) => number {
  return x => {
    const after = points.findIndex(point => point[0] >= x);
    if (after === 0 || points.length === 1) return points[0]![1];
    if (after < 0) return points.at(-1)![1];
    const [[fromX, fromY], [toX, toY]] = [points[after - 1]!, points[after]!];
    const part = Math.log(x / fromX) / Math.log(toX / fromX);
    return Math.exp(Math.log(fromY) + part * Math.log(toY / fromY));
  };
}

/** Steps of a search over epoch lengths: a tenth of a decade is less than anybody could tell apart. */
const STEPS_A_DECADE = 40;

function candidates(curves: readonly Curve[], leastOverhead: number): Recommendation[] {
  return curves.flatMap(curve => {
    const decades = Math.log10(curve.most / curve.least);
    const steps = Math.max(1, Math.round(decades * STEPS_A_DECADE));
    return Array.from({ length: steps + 1 }, (_, step) => {
      const epochLength = rounded(curve.least * 10 ** ((decades * step) / steps));
      return {
        variant: curve.variant,
        epochLength,
        overhead: curve.performance(epochLength) - 1,
        interruptP99Ms: curve.latencyMs?.(epochLength),
        leastOverhead,
      };
    });
  });
}

/** Two digits: more would feign a precision that is not there. */
function rounded(epochLength: number): number {
  return Number(epochLength.toPrecision(2));
}

/** Undefined where no pair has a figure. */
export function recommend(cells: readonly Cell[], goal: Goal): Verdict | undefined {
  const curves = curvesOf(cells);
  if (curves.length === 0) return undefined;
  const leastOverhead = Math.min(...candidates(curves, 0).map(each => each.overhead));
  const all = candidates(curves, leastOverhead);
  const { maxOverhead, maxLatencyMs } = goal;
  const onlyLatency = maxOverhead === undefined && maxLatencyMs !== undefined;
  // A bound on overhead alone wants the shortest epochs under it; one on latency, the least overhead under that.
  const overheadMost = maxOverhead ?? (onlyLatency ? Infinity : (1 + leastOverhead) * (1 + TOLERANCE) - 1);
  const latencyMost = maxLatencyMs ?? Infinity;
  const isCheap =
    maxOverhead === undefined && !onlyLatency
      ? nearItsLeast(curves, all, overheadMost)
      : (each: Recommendation) => each.overhead <= overheadMost;
  const meets = all.filter(each => isCheap(each) && (each.interruptP99Ms ?? 0) <= latencyMost);
  const best = onlyLatency ? leastOverheadOf(meets) : shortestOf(meets);
  if (best !== undefined) return { met: true, recommendation: best };
  const excess = (each: Recommendation) =>
    Math.max((1 + each.overhead) / (1 + overheadMost), (each.interruptP99Ms ?? 0) / latencyMost);
  const nearest = all.toSorted((one, other) => excess(one) - excess(other))[0];
  return { met: false, nearest, wants: wanted(all, overheadMost, latencyMost) };
}

/**
 * Whether a setting is within the tolerance of the least that its own variant costs, for variants that can't be told from
 * the best: beside the least of another, a variant whose level is off by a few percent would need epochs ten times as long.
 */
function nearItsLeast(
  curves: readonly Curve[],
  all: readonly Recommendation[],
  overheadMost: number,
): (each: Recommendation) => boolean {
  const bounds = new Map(
    curves.map(({ variant, half }) => {
      const own = Math.min(...all.filter(each => each.variant === variant).map(each => each.overhead));
      return [variant, own - half <= overheadMost ? (1 + own) * (1 + TOLERANCE) - 1 : -Infinity];
    }),
  );
  return ({ variant, overhead }) => overhead <= bounds.get(variant)!;
}

/** The least overhead, and, of what can't be told apart from it, the shortest epochs. */
function leastOverheadOf(meets: readonly Recommendation[]): Recommendation | undefined {
  const least = Math.min(...meets.map(each => each.overhead));
  return shortestOf(meets.filter(each => 1 + each.overhead <= (1 + least) * (1 + TOLERANCE)));
}

function shortestOf(meets: readonly Recommendation[]): Recommendation | undefined {
  return meets.toSorted((one, other) => one.epochLength - other.epochLength || one.overhead - other.overhead)[0];
}

function wanted(all: readonly Recommendation[], overheadMost: number, latencyMost: number): string {
  const leastOverhead = Math.min(...all.map(each => each.overhead));
  const leastLatency = Math.min(...all.map(each => each.interruptP99Ms ?? 0));
  if (leastOverhead > overheadMost) {
    const longest = Math.max(...all.map(each => each.epochLength));
    return `no epoch length up to ${longest.toLocaleString('en-US')} costs less than ${percent(leastOverhead)}`;
  }
  if (leastLatency > latencyMost)
    return `no epoch length has interrupts wait less than ${milliseconds(leastLatency)} at 99 %`;
  const within = all.filter(each => each.overhead <= overheadMost);
  const fastest = Math.min(...within.map(each => each.interruptP99Ms ?? 0));
  const quick = all.filter(each => (each.interruptP99Ms ?? 0) <= latencyMost);
  const cheapest = Math.min(...quick.map(each => each.overhead));
  return `with that overhead interrupts wait ${milliseconds(fastest)}, and within that wait the overhead is ${percent(cheapest)}`;
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(Math.abs(part) < 0.1 ? 1 : 0)} %`;
}

/** A time with two or three digits, in the unit that suits it. */
export function milliseconds(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toPrecision(3)} s`;
  return ms >= 0.1 ? `${ms.toPrecision(3)} ms` : `${(1_000 * ms).toPrecision(2)} us`;
}
