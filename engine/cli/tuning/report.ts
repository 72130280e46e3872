// A sweep as text: the table, a plot, the fitted model, this host's share, and the recommendation.

import { markdownTable } from 'markdown-table';
import type { Cell } from './cells.js';
import type { Tuning } from './conclusion.js';
import type { VariantFit } from './fits.js';
import { milliseconds, percent, type Recommendation, TOLERANCE } from './goal.js';
import { sharing } from './host-facts.js';
import { type Interval, relativeWidth, type Spread } from './statistics.js';
import { plot } from './terminal-plot.js';

/** The paper's boundary: 442.59 us at 50 MIPS. */
const PAPER_BOUNDARY_INSTRUCTIONS = 21_000;

/** Less is more than noise. */
const BELOW_ONE = 0.95;

const HEADS = [
  'variant',
  'epoch, instructions',
  'NP (95 %)',
  'M instructions/s',
  'interrupt waits',
  'output held',
  'log, Mbit/s',
  'lag, ms',
  'MiB',
] as const;

const grouped = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

export function performanceText(interval: Interval | undefined): string {
  if (interval === undefined) return '-';
  const { value, count } = interval;
  const shown = value.toFixed(value < 10 ? 3 : 1);
  if (count < 2) return `${shown} (?)`;
  const width = relativeWidth(interval);
  return `${shown} ± ${width > 1 ? '>100 %' : percent(width)}`;
}

function spreadText(spread: Spread | undefined): string {
  return spread === undefined ? '-' : `${milliseconds(spread.median)} / ${milliseconds(spread.p99)}`;
}

function interruptText({ interruptMs, waitingPart }: Cell): string {
  // Of a guest that mostly waits the figure is of the few moments when it does not.
  return waitingPart > 0.5 ? `at once (${percent(waitingPart)})` : spreadText(interruptMs);
}

/** Times are median / 99 %. */
export function tableRows(cells: readonly Cell[]): string[][] {
  const rows = cells
    .toSorted((one, other) => one.variant.localeCompare(other.variant) || one.epochLength - other.epochLength)
    .map(cell => [
      cell.variant,
      grouped(cell.epochLength),
      performanceText(cell.performance),
      grouped(cell.instructionsPerSecond / 1e6),
      interruptText(cell),
      spreadText(cell.outputMs),
      ((8 * cell.logBytesPerSecond) / 1e6).toFixed(3),
      cell.lagMs === undefined ? '-' : `${cell.lagMs.median.toFixed(0)} / ${cell.lagMs.p99.toFixed(0)}`,
      cell.rssBytes === 0 ? '-' : grouped(cell.rssBytes / 2 ** 20),
    ]);
  return [[...HEADS], ...rows];
}

function fitText({ variant, a, b, aHalf, bHalf, r2, worst, holds, boundaryUs }: VariantFit): string {
  const half = (value: number, digits: number) => (Number.isFinite(value) ? ` ± ${value.toFixed(digits)}` : '');
  const said = holds ? '' : '; THE CURVE DOES NOT HOLD, go by the points';
  // Any curve goes through two points.
  const measure = Number.isFinite(r2)
    ? `R² ${r2.toFixed(3)}, furthest point off by ${percent(worst)}${said}`
    : 'two points: no telling how well it fits';
  const line = `${variant}: a = ${a.toFixed(3)}${half(aHalf, 3)}, b = ${grouped(b)}${half(bHalf, 0)} instructions`;
  return `${line}, a boundary takes ${milliseconds(boundaryUs / 1_000)} (${measure})`;
}

export function fitsText(fits: readonly VariantFit[]): string {
  return fits.map(fitText).join('\n');
}

function describe({ variant, epochLength, overhead, interruptP99Ms }: Recommendation): string {
  const waits = interruptP99Ms === undefined ? '' : `, interrupts wait ${milliseconds(interruptP99Ms)} at 99 %`;
  return `--epoch-length ${epochLength} --variant ${variant}: overhead ${percent(overhead)}${waits}`;
}

function goalText({ goal: { maxOverhead, maxLatencyMs } }: Tuning): string {
  const bounds = [
    ...(maxOverhead === undefined ? [] : [`overhead of ${percent(maxOverhead)} at most`]),
    ...(maxLatencyMs === undefined ? [] : [`interrupts that wait ${milliseconds(maxLatencyMs)} at most`]),
  ];
  return bounds.length === 0
    ? `overhead within ${TOLERANCE * 100} % of the least that its variant has`
    : bounds.join(' and ');
}

function givenUp({ overhead, leastOverhead }: Recommendation): string {
  const more = (1 + overhead) / (1 + leastOverhead) - 1;
  return `That gives up ${percent(Math.max(0, more))} of speed against the least overhead (${percent(leastOverhead)}), for shorter epochs.`;
}

/** The last lines: what to use, or why nothing can be named. */
export function verdictText(tuning: Tuning): string {
  const { verdict, goal } = tuning;
  const fatal = tuning.problems.filter(problem => problem.fatal);
  if (fatal.length > 0 || verdict === undefined) return 'No recommendation stands on these figures.';
  if (!verdict.met) {
    const nearest = verdict.nearest === undefined ? '' : `\nNearest: ${describe(verdict.nearest)}`;
    return `Nothing meets the goal (${goalText(tuning)}): ${verdict.wants}.${nearest}`;
  }
  const { recommendation } = verdict;
  const onlyLatency = goal.maxOverhead === undefined && goal.maxLatencyMs !== undefined;
  const why = onlyLatency ? 'the least overhead with' : 'the shortest epochs with';
  return `Recommended: ${describe(recommendation)}\n(${why} ${goalText(tuning)}. ${givenUp(recommendation)})`;
}

export function notes({ baseline, cells, optimised }: Tuning): string[] {
  const one = baseline === 'plain' ? 'the plain module in one Node process' : 'simplex with the longest epochs';
  const works = [...new Set(cells.flatMap(cell => cell.work ?? []))].join(', ');
  const code = optimised
    ? 'Their code was optimised before.'
    : 'Their code was not optimised before: the first runs of a machine are slower.';
  return [
    `NP: time over that of ${one}, for the same work (${works || 'none found'}); mean of the logarithms of ratios`,
    'taken round by round, with its interval (Student). Interrupt waits: measured from random moments while the guest',
    'ran to its next delivery, in the replica (the way there from a device is not in it). Output held: from the',
    "guest's write to its arrival at the device. Times are median / 99 %; MiB: resident, all replicas together.",
    code,
  ];
}

function shareText({ twoPlain, host }: Tuning): string[] {
  const two =
    twoPlain === undefined
      ? []
      : [
          `Two plain programs at once take ${performanceText(twoPlain)} of the time of one: that much is this host's share.`,
        ];
  return [...sharing(host), ...two];
}

/** What is said beside the table. */
export function remarks(tuning: Tuning): string[] {
  const { cells, fits, problems } = tuning;
  const parts: string[] = [];
  if (fits.length > 0) {
    parts.push("The paper's model, NP(EL) = 1 + a + b / EL, fitted:", fitsText(fits));
    parts.push(`(The paper's boundary cost ${grouped(PAPER_BOUNDARY_INSTRUCTIONS)} instructions, 442.59 us.)`, '');
  }
  if (
    tuning.baseline === 'plain' &&
    !tuning.optimised &&
    cells.some(({ performance }) => (performance?.high ?? 1) < BELOW_ONE)
  ) {
    parts.push(
      'Below 1: in a plain process V8 may leave a long loop in the code of its fast compiler; replicas optimise theirs first.',
    );
  }
  parts.push(...shareText(tuning), ...problems.map(({ code, message }) => `${message} [${code}]`));
  return [...parts, '', verdictText(tuning)];
}

export function text(tuning: Tuning): string {
  const { cells, fits } = tuning;
  const parts: string[] = [];
  if (cells.length > 0) {
    parts.push(markdownTable(tableRows(cells), { align: ['l', 'r', 'r', 'r', 'r', 'r', 'r', 'r', 'r'] }), '');
    parts.push(...notes(tuning), '', plot(cells, fits));
  }
  return `${[...parts, ...remarks(tuning)].join('\n')}\n`;
}
