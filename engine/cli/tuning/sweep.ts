// A sweep: epoch length x variant, each cell run in several short rounds that alternate with the others, and with the
// two baselines: the machine without a backup (simplex), and the module as it is in one Node process (plain).
//
// Speeds are compared within a round, so that what disturbs this host for longer than a round disturbs both sides. A pair
// and the plain machine are compared by the times at which they had printed the same number of bytes. A guest that does
// not print while a cell lasts is compared by instructions: a plain machine does not count them, but if it ran to its
// end, so did some machine that does.

import { DISK_KIND } from '../../../devices/disk/disk-kind.js';
import { OutputCurve, timeRatio } from '../../observe/output-curve.js';
import { timedPlainRun } from '../../plain/timed.js';
import type { Variant } from '../../protocol/vocabulary.js';
import { type CellRun, runCell, type SweptGuest } from './cell.js';
import { median } from './model.js';

export interface SweepPlan {
  readonly guest: SweptGuest;
  /** Instructions, ascending. */
  readonly epochLengths: readonly number[];
  readonly variants: readonly Variant[];
  readonly secondsPerCell: number;
  readonly rounds: number;
}

/** What was measured of one setting. Ratios are time over time: 1 = no cost, 2 = takes twice as long. */
export interface Cell {
  readonly epochLength: number;
  /** `simplex`: no backup. */
  readonly variant: Variant | 'simplex';
  /** Time over that of the plain machine; undefined where no common progress was found. */
  readonly overPlain: number | undefined;
  /** Time over that of the machine without a backup, at the same epoch length; undefined for itself. */
  readonly overSimplex: number | undefined;
  readonly instructionsPerSecond: number;
  /** How long an epoch takes, ms. */
  readonly epochMs: number;
  /**
   * How long an interrupt that comes at a random moment waits for the end of its epoch, ms; undefined for a guest that
   * mostly waits, whose epochs end as soon as an interrupt comes.
   */
  readonly interruptWaitMs: { readonly median: number; readonly p99: number } | undefined;
  /** Log shipped to the backup, bytes a second. */
  readonly logBytesPerSecond: number;
}

interface PlainReference {
  readonly output: OutputCurve;
  readonly endMs: number | undefined;
}

/** A guest whose epochs are less full than this ends most of them by waiting. */
const FILLED_LEAST = 0.5;
/** The plain machine gets this many times the time of a cell's round to come to an output or to its end. */
const PLAIN_PATIENCE = 10;

/** One setting and its runs, one a round, each with the plain run of its round. */
interface Measured extends Pick<Cell, 'epochLength' | 'variant'> {
  readonly runs: { readonly run: CellRun; readonly plain: PlainReference }[];
}

/**
 * @param signal ends it early; undefined is the answer
 * @param step called before each run, with what has been done of it all (0 to 1) and what comes
 */
export async function sweep(
  plan: SweepPlan,
  signal: AbortSignal,
  step: (done: number, next: string) => void,
): Promise<Cell[] | undefined> {
  const { epochLengths, variants, rounds, guest } = plan;
  const roundMs = (plan.secondsPerCell * 1000) / rounds;
  const measured: Measured[] = epochLengths.flatMap(epochLength =>
    (['simplex', ...variants] as const).map(variant => ({ epochLength, variant, runs: [] })),
  );
  const interrupted = new Promise<undefined>(resolve => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const total = rounds * (measured.length + 1);
  let done = 0;
  let plain: PlainReference = { output: new OutputCurve(), endMs: undefined };
  for (let round = 0; round < rounds; round += 1) {
    step(done++ / total, 'plain');
    // The plain machine runs bare guests.
    if (guest.options.wasi === undefined) plain = await plainReference(guest, roundMs, signal);
    for (const { epochLength, variant, runs } of measured) {
      if (signal.aborted) return undefined;
      step(done++ / total, `${variant}, ${epochLength}`);
      const replicas = variant === 'simplex' ? 1 : 2;
      const shaping = { epochLength, variant: variant === 'simplex' ? 'deferred' : variant, replicas } as const;
      const run = await runCell(guest, shaping, roundMs, interrupted);
      runs.push({ run, plain });
    }
  }
  return signal.aborted ? undefined : compare(measured);
}

function compare(measured: readonly Measured[]): Cell[] {
  const whole = measured.flatMap(({ runs }) => runs).find(({ run }) => run.outcome !== undefined);
  const instructionsInAll = whole?.run.instructions ?? Number.NaN;
  const overPlain = ({ run, plain: { output, endMs } }: { run: CellRun; plain: PlainReference }) =>
    timeRatio(run.output, output) ?? overRate(instructionsInAll / (endMs ?? Number.NaN), run);
  const simplexOf = (epochLength: number) =>
    measured.find(each => each.variant === 'simplex' && each.epochLength === epochLength)?.runs ?? [];
  return measured.map(({ epochLength, variant, runs: own }) => {
    const simplex = variant === 'simplex' ? [] : simplexOf(epochLength);
    return {
      epochLength,
      variant,
      overPlain: medianOfKnown(own.map(overPlain)),
      overSimplex: medianOfKnown(simplex.map(({ run }, round) => overRate(rate(run), own[round]!.run))),
      ...summarize(
        epochLength,
        own.map(({ run }) => run),
      ),
    };
  });
}

function rate(run: CellRun): number {
  return run.instructions / run.ms;
}

function medianOfKnown(ratios: readonly (number | undefined)[]): number | undefined {
  const known = ratios.filter(ratio => ratio !== undefined);
  return known.length === 0 ? undefined : median(known);
}

/** The instructions per ms of another machine over those of a run. */
function overRate(otherRate: number, run: CellRun): number | undefined {
  const ratio = otherRate / rate(run);
  return Number.isFinite(ratio) ? ratio : undefined;
}

async function plainReference(guest: SweptGuest, roundMs: number, signal: AbortSignal): Promise<PlainReference> {
  const disks = guest.files.fresh().filter(({ kind }) => kind === DISK_KIND.name);
  const run = await timedPlainRun(
    { module: guest.module, arguments: guest.options.arguments, disks: disks.map(({ path }) => path) },
    ({ ms, printed }) => ms > (printed ? roundMs : roundMs * PLAIN_PATIENCE),
    signal,
  );
  const output = new OutputCurve();
  for (const [ms, bytes] of run.marks) output.note(ms, bytes);
  return { output, endMs: run.endMs };
}

function summarize(epochLength: number, runs: readonly CellRun[]) {
  const filled = median(runs.map(run => run.instructions / Math.max(1, run.epochs) / epochLength));
  const epochMs = median(runs.map(run => run.ms / Math.max(1, run.epochs)));
  return {
    instructionsPerSecond: median(runs.map(run => 1000 * rate(run))),
    epochMs,
    interruptWaitMs: filled < FILLED_LEAST ? undefined : { median: epochMs / 2, p99: epochMs * 0.99 },
    logBytesPerSecond: median(runs.map(run => (1000 * run.logBytes) / run.ms)),
  };
}
