// Why figures are not what a user could take them for: each reason in one line, and whether a recommendation stands on them.

import type { Cell } from './cells.js';
import { fitsOf } from './fits.js';
import { milliseconds, percent } from './goal.js';
import { isKnown } from './model.js';
import { median, relativeWidth } from './statistics.js';
import type { Swept } from './sweep.js';

export interface Problem {
  /** Stable, as codes of errors are. */
  readonly code: string;
  readonly message: string;
  /** No recommendation stands. */
  readonly fatal: boolean;
}

/** A program that ends sooner has not even been optimised by the engine. */
const ENDS_LEAST_MS = 50;
/** Instructions of two whole runs may differ by so much: a guest that looks at the clock. */
const VARIES_PART = 0.001;
/** Wider intervals are said; where half of them are still wider, they are no ground to stand on, unless a curve is. */
const WIDE_PART = 0.1;
const WILD_PART = 0.5;
/** A guest that waits at so many moments, and gets nowhere. */
const WAITS_PART = 0.99;

export function problemsOf(swept: Swept): Problem[] {
  return [...ofTheSweep(swept), ...ofTheGuest(swept), ...ofTheFigures(swept)];
}

function ofTheSweep({ failure, cells }: Swept): Problem[] {
  if (failure !== undefined) return [{ code: failure.code, message: failure.line, fatal: true }];
  if (cells.length > 0) return [];
  return [
    { code: 'TUNE_TOO_SHORT', message: 'the time was up before anything was measured: give more --time', fatal: true },
  ];
}

function ofTheGuest({ measured, plain }: Swept): Problem[] {
  const runs = measured.flatMap(each => each.runs).map(({ run }) => run);
  const ended = runs.filter(run => run.outcome !== undefined);
  if (plain?.outcome?.kind === 'trap' || ended.some(run => run.outcome?.kind === 'trap')) {
    return [{ code: 'GUEST_TRAPS', message: 'the guest traps: what was measured is its way there', fatal: true }];
  }
  const endMs = plain === undefined ? Math.max(0, ...ended.map(run => run.ms)) : (plain.endMs ?? 0);
  if (endMs > 0 && endMs < ENDS_LEAST_MS) {
    const message = `the guest ends too soon to be measured, after ${milliseconds(endMs)}: give it more to do`;
    return [{ code: 'GUEST_ENDS_SOON', message, fatal: true }];
  }
  const waits = runs.every(({ waitsMs, waiting }) => waiting > 0 && waiting / (waiting + waitsMs.length) > WAITS_PART);
  const idle = runs.every(run => run.outcome === undefined && run.output.outputs === 0 && run.commandMs.length === 0);
  if (runs.length > 0 && waits && idle) {
    const message =
      'the guest waits for ever: nothing that takes time was seen; give it what it waits for (--stdin, --load)';
    return [{ code: 'GUEST_WAITS', message, fatal: true }];
  }
  const counts = ended.map(run => run.instructions).filter(count => count > 0);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const outputs = new Set([...ended, ...(plain?.endMs === undefined ? [] : [plain])].map(run => run.output.outputs));
  if (counts.length > 1 && (most > least * (1 + VARIES_PART) || outputs.size > 1)) {
    const how = most > least ? `${grouped(least)} to ${grouped(most)} instructions` : 'not the same output';
    return [{ code: 'GUEST_VARIES', message: `the guest's work changes from run to run: ${how}`, fatal: true }];
  }
  return [];
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** Of all variants: the recommendation is read off their curves, which lie where all points together have them. */
function curvesAreKnown(cells: readonly Cell[]): boolean {
  const fits = fitsOf(cells.filter(({ variant }) => variant !== 'simplex'));
  return fits.length > 0 && fits.every(isKnown);
}

function ofTheFigures({ cells, baseline, rounds }: Swept): Problem[] {
  const pairs = cells.filter(cell => cell.variant !== 'simplex');
  const known = pairs.flatMap(cell => cell.performance ?? []);
  if (cells.length === 0) return [];
  if (known.length === 0) {
    const message = 'no run of a pair could be compared with one of the baseline: give more --time';
    return [{ code: 'NOTHING_COMPARED', message, fatal: true }];
  }
  const problems: Problem[] = [];
  if (baseline === 'simplex') {
    const message =
      'there is no figure over plain (the plain machine does not run this guest, or it neither ends nor puts anything out): 1 is simplex with the longest epochs';
    problems.push({ code: 'NO_PLAIN', message, fatal: false });
  }
  const widths = known.filter(({ count }) => count > 1).map(relativeWidth);
  const widest = Math.max(...widths);
  if (widths.length === 0) {
    const message = `one round was all there was time for, so that no figure has an interval: give more --time`;
    problems.push({ code: 'NO_INTERVALS', message, fatal: true });
  } else if (widest > WIDE_PART) {
    const message = `intervals stay wide (${widest > 1 ? 'more than 100 %' : percent(widest)} at worst, after ${rounds} rounds): the host is busy with something else, or more --time is needed`;
    problems.push({ code: 'WIDE_INTERVALS', message, fatal: median(widths) > WILD_PART && !curvesAreKnown(cells) });
  }
  return problems;
}
