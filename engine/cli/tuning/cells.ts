// What is known of each setting of a sweep, from its runs.

import type { Variant } from '../../protocol/vocabulary.js';
import type { CellRun } from './cell.js';
import type { PlainCell } from './plain-cell.js';
import { type Interval, median, ratioInterval, relativeWidth, type Spread, spread } from './statistics.js';
import { compare, type Work } from './work.js';

/** `simplex`: no backup. */
export type Setting = Variant | 'simplex';

/** What was measured of one setting. Ratios are time over time: 1 = no cost, 2 = takes twice as long. */
export interface Cell {
  readonly epochLength: number;
  readonly variant: Setting;
  /** Time over that of the baseline; undefined where no common work was found. */
  readonly performance: Interval | undefined;
  /** What counted as the same work. */
  readonly work: Work | undefined;
  /** Time over that of the machine without a backup, at the same epoch length; undefined for itself. */
  readonly overSimplex: Interval | undefined;
  readonly instructionsPerSecond: number;
  /** How long an epoch takes, ms. */
  readonly epochMs: number;
  /** How long an interrupt waits that comes at a random moment while the guest runs; undefined: it never did. */
  readonly interruptMs: Spread | undefined;
  /** At this part of all moments the guest waited for an interrupt, and would have heard of one at once. */
  readonly waitingPart: number;
  /** From the guest's write, or operation, to its arrival at the device; undefined: there was none. */
  readonly outputMs: Spread | undefined;
  /** Log shipped to the backup, bytes a second. */
  readonly logBytesPerSecond: number;
  /** How far the backup's execution is behind, as the status says it. */
  readonly lagMs: Spread | undefined;
  /** Resident memory of all replicas, most. */
  readonly rssBytes: number;
}

/** A run, and what it is compared with: the runs of its round. */
export interface PairedRun {
  readonly run: CellRun;
  readonly plain: PlainCell | undefined;
  /** Without a backup: at the same epoch length, and at the longest. */
  readonly simplex: CellRun | undefined;
  readonly longest: CellRun | undefined;
}

export interface Measured {
  readonly epochLength: number;
  readonly variant: Setting;
  readonly runs: PairedRun[];
}

/** What stands for 1: the plain module, or, where it gives no figure, simplex with the longest epochs. */
export type Baseline = 'plain' | 'simplex';

/** Instructions of the guest's whole run, where some machine came to its end. */
export function instructionsInAll(measured: readonly Measured[]): number | undefined {
  const whole = measured.flatMap(({ runs }) => runs).find(({ run }) => run.outcome !== undefined);
  return whole?.run.instructions;
}

export function baselineOf(measured: readonly Measured[]): Baseline {
  const known = instructionsInAll(measured);
  const comparable = measured.flatMap(({ runs }) => runs).some(each => overPlain(each, known) !== undefined);
  return comparable ? 'plain' : 'simplex';
}

function overPlain({ run, plain }: PairedRun, known: number | undefined) {
  return plain && compare(run, plain, known);
}

export function performanceOf(
  { runs }: Measured,
  baseline: Baseline,
  known: number | undefined,
): { readonly performance: Interval | undefined; readonly work: Work | undefined } {
  const comparisons = runs.flatMap(each => {
    const { run, longest } = each;
    const comparison = baseline === 'plain' ? overPlain(each, known) : longest && compare(run, longest);
    return comparison === undefined ? [] : [comparison];
  });
  return { performance: ratioInterval(comparisons.map(({ ratio }) => ratio)), work: comparisons[0]?.work };
}

/** Whether more rounds would tell nothing: what costs much need not be known as well as what costs little. */
export function isNarrow(measured: Measured, baseline: Baseline, known: number | undefined): boolean {
  const { performance } = performanceOf(measured, baseline, known);
  if (performance === undefined || performance.count < 4) return false;
  return relativeWidth(performance) <= (performance.value > 2 ? 0.05 : 0.01);
}

export function summarize(measured: readonly Measured[], baseline: Baseline): Cell[] {
  const known = instructionsInAll(measured);
  return measured
    .filter(({ runs }) => runs.length > 0)
    .map(each => {
      const { epochLength, variant, runs } = each;
      const own = runs.map(({ run }) => run);
      const overSimplex = runs.flatMap(({ run, simplex }) => (simplex && compare(run, simplex)?.ratio) ?? []);
      const moments = own.flatMap(run => run.waitsMs);
      const waiting = own.reduce((sum, run) => sum + run.waiting, 0);
      return {
        epochLength,
        variant,
        ...performanceOf(each, baseline, known),
        overSimplex: variant === 'simplex' ? undefined : ratioInterval(overSimplex),
        instructionsPerSecond: median(own.map(run => 1000 * (run.rate ?? run.instructions / run.ms))),
        epochMs: median(own.map(run => run.ms / Math.max(1, run.epochs))),
        interruptMs: spread(moments),
        waitingPart: waiting / Math.max(1, waiting + moments.length),
        outputMs: spread(own.flatMap(run => run.heldMs)),
        logBytesPerSecond: median(own.map(run => (1000 * run.logBytes) / run.ms)),
        lagMs: spread(own.flatMap(run => run.lagMs)),
        rssBytes: Math.max(...own.map(run => run.rssBytes)),
      };
    });
}
