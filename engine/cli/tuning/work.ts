// How fast one run was beside another of the same guest: what counts as the same work.
//
//   the load         runs of the command that drives the guest
//   the whole run    both came to their end
//   output           until both had put out as much (bytes printed, operations asked for), if that was not at once
//   instructions     a plain machine counts none: known where it came to its end, as some counting machine did

import type { OutputCurve } from '../../observe/output-curve.js';
import { median } from './statistics.js';

/** What a run did, whatever it ran on. */
export interface Progress {
  readonly output: OutputCurve;
  /** How long it ran, ms. */
  readonly ms: number;
  /** From the first instruction to the guest's end, ms; undefined: it was stopped. */
  readonly endMs: number | undefined;
  /** Instructions a ms over the run; undefined where nobody counts them. */
  readonly rate: number | undefined;
  /** How long each run of the load took, ms. */
  readonly commandMs: readonly number[];
}

export type Work = 'load' | 'whole run' | 'output' | 'instructions';

export interface Comparison {
  readonly work: Work;
  /** Time over time: 2 = takes twice as long. */
  readonly ratio: number;
}

/** Shorter times are all start: compiling, the first pages of memory. */
const COMPARED_LEAST_MS = 30;
/** Output that ended so early in a run is no measure of the rest of it. */
const COMPARED_PART = 0.3;

/** @param instructionsInAll of the guest's whole run, where it is known; undefined is the answer where nothing can be compared */
export function compare(run: Progress, baseline: Progress, instructionsInAll?: number): Comparison | undefined {
  const found = (work: Work, ratio: number) => (ratio > 0 && Number.isFinite(ratio) ? { work, ratio } : undefined);
  if (run.commandMs.length > 0 && baseline.commandMs.length > 0) {
    return found('load', median(run.commandMs) / median(baseline.commandMs));
  }
  if (run.endMs !== undefined && baseline.endMs !== undefined) return found('whole run', run.endMs / baseline.endMs);
  const byOutput = compareOutput(run, baseline);
  if (byOutput !== undefined) return found('output', byOutput);
  const known = baseline.endMs === undefined ? undefined : (instructionsInAll ?? Number.NaN) / baseline.endMs;
  return found('instructions', (baseline.rate ?? known ?? Number.NaN) / (run.rate ?? Number.NaN));
}

function compareOutput(run: Progress, baseline: Progress): number | undefined {
  const outputs = Math.min(run.output.outputs, baseline.output.outputs);
  if (outputs === 0) return undefined;
  const [runMs, baselineMs] = [run.output.msAt(outputs), baseline.output.msAt(outputs)];
  if (runMs === undefined || baselineMs === undefined || baselineMs <= 0) return undefined;
  const long = Math.max(COMPARED_LEAST_MS, COMPARED_PART * Math.min(run.ms, baseline.ms));
  return Math.max(runMs, baselineMs) < long ? undefined : runMs / baselineMs;
}
