// A sweep: epoch length x variant, each cell run in several short rounds that alternate with the others, and with the
// two baselines: the machine without a backup (simplex), and the module as it is in one Node process (plain).
//
// Speeds are compared within a round, so that what disturbs this host for longer than a round disturbs both sides. A pair
// and the plain machine are compared by the times at which they had printed the same number of bytes. A guest that does
// not print while a cell lasts is compared by instructions: a plain machine does not count them, but if it ran to its
// end, so did some machine that does.

import { OutputCurve, timeRatio } from '../../observe/output-curve.js';
import { timedPlainRun } from '../../plain/timed.js';
import type { Variant } from '../../protocol/machine.js';
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
  /** How long an interrupt that comes at a random moment waits for the end of its epoch, ms. */
  readonly interruptWaitMs: { readonly median: number; readonly p99: number };
  /** Log shipped to the backup, bytes a second. */
  readonly logBytesPerSecond: number;
}

interface PlainReference {
  readonly output: OutputCurve;
  readonly endMs: number | undefined;
}

/** The plain machine gets this many times the time of a cell's round to come to an output or to its end. */
const PLAIN_PATIENCE = 10;

/** @param step called before each run, with what has been done of it all (0 to 1) and what comes */
export async function sweep(
  plan: SweepPlan,
  signal: AbortSignal,
  step: (done: number, next: string) => void,
): Promise<Cell[]> {
  const { epochLengths, variants, rounds, guest } = plan;
  const roundMs = (plan.secondsPerCell * 1000) / rounds;
  const settings = epochLengths.flatMap(epochLength =>
    (['simplex', ...variants] as const).map(variant => ({ epochLength, variant })),
  );
  const interrupted = new Promise<undefined>(resolve => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const runs = settings.map(() => [] as { run: CellRun; overPlain: number | undefined }[]);
  const total = rounds * (settings.length + 1);
  let done = 0;
  let instructionsInAll: number | undefined;
  let plain: PlainReference = { output: new OutputCurve(), endMs: undefined };
  for (let round = 0; round < rounds && !signal.aborted; round += 1) {
    step(done++ / total, 'plain');
    // The plain machine runs bare guests.
    if (guest.options.wasi === undefined) plain = await plainReference(guest, roundMs, signal);
    for (const [index, { epochLength, variant }] of settings.entries()) {
      if (signal.aborted) break;
      step(done++ / total, `${variant}, ${epochLength}`);
      const replicas = variant === 'simplex' ? 1 : 2;
      const shaping = { epochLength, variant: variant === 'simplex' ? 'deferred' : variant, replicas } as const;
      const run = await runCell(guest, shaping, roundMs, interrupted);
      if (run.outcome !== undefined) instructionsInAll = run.instructions;
      runs[index]!.push({ run, overPlain: timeRatio(run.output, plain.output) });
    }
  }
  // Whether any run came to its end is known only now.
  const plainRate = plain.endMs === undefined ? undefined : (instructionsInAll ?? Number.NaN) / plain.endMs;
  const cells = settings.map(({ epochLength, variant }, index) =>
    summarize(
      { epochLength, variant },
      runs[index]!.map(({ run }) => run),
      runs[index]!.map(({ run, overPlain }) => overPlain ?? overRate(plainRate, run)),
    ),
  );
  return cells.map(cell => ({ ...cell, overSimplex: overSimplex(cell, cells) }));
}

/** Instructions per ms of the plain machine over those of a run. */
function overRate(plainRate: number | undefined, run: CellRun): number | undefined {
  const ratio = ((plainRate ?? Number.NaN) * run.ms) / run.instructions;
  return Number.isFinite(ratio) ? ratio : undefined;
}

async function plainReference(guest: SweptGuest, roundMs: number, signal: AbortSignal): Promise<PlainReference> {
  const { disk } = guest.files.fresh();
  const run = await timedPlainRun(
    { module: guest.module, arguments: guest.options.arguments, disks: disk },
    ({ ms, printed }) => ms > (printed ? roundMs : roundMs * PLAIN_PATIENCE),
    signal,
  );
  const output = new OutputCurve();
  for (const [ms, bytes] of run.marks) output.note(ms, bytes);
  return { output, endMs: run.endMs };
}

function summarize(
  setting: Pick<Cell, 'epochLength' | 'variant'>,
  runs: readonly CellRun[],
  ratios: readonly (number | undefined)[],
): Omit<Cell, 'overSimplex'> {
  const known = ratios.filter(ratio => ratio !== undefined);
  const epochMs = median(runs.map(run => run.ms / Math.max(1, run.epochs)));
  return {
    ...setting,
    overPlain: known.length === 0 ? undefined : median(known),
    instructionsPerSecond: median(runs.map(run => (1000 * run.instructions) / run.ms)),
    epochMs,
    interruptWaitMs: { median: epochMs / 2, p99: epochMs * 0.99 },
    logBytesPerSecond: median(runs.map(run => (1000 * run.logBytes) / run.ms)),
  };
}

function overSimplex(cell: Omit<Cell, 'overSimplex'>, cells: readonly Omit<Cell, 'overSimplex'>[]): number | undefined {
  if (cell.variant === 'simplex') return undefined;
  const simplex = cells.find(other => other.variant === 'simplex' && other.epochLength === cell.epochLength);
  return simplex === undefined ? undefined : simplex.instructionsPerSecond / cell.instructionsPerSecond;
}
