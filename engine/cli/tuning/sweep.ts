// A sweep: epoch length x variant, in rounds, each setting once a round and beside it the plain module in one Node
// process and the machine without a backup (simplex).
//
// Speeds are compared within a round, so that what disturbs this host for longer than a round disturbs both sides; what
// comes first in a round changes. Rounds go on until every interval is narrow or the time is up; a setting whose interval is
// narrow is left out of further ones. The first run of all finds out what the guest does: whether it ends, and when.

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { EpochvisorError } from '../../errors/errors.js';
import type { Variant } from '../../protocol/vocabulary.js';
import { type CellRun, runCell, type SweptGuest } from './cell.js';
import {
  type Baseline,
  baselineOf,
  type Cell,
  instructionsInAll,
  isNarrow,
  type Measured,
  type Setting,
  summarize,
} from './cells.js';
import { type PlainCell, runPlain, runsPlain } from './plain-cell.js';
import { type Interval, median, ratioInterval } from './statistics.js';
import { compare } from './work.js';

export interface SweepPlan {
  readonly guest: SweptGuest;
  /** The same guest with other copies of its files, for two at once. */
  readonly second?: SweptGuest;
  /** Instructions, ascending. */
  readonly epochLengths: readonly number[];
  readonly variants: readonly Variant[];
  /** For everything. */
  readonly timeMs: number;
}

export interface Swept {
  readonly cells: readonly Cell[];
  readonly measured: readonly Measured[];
  readonly baseline: Baseline;
  /** The first of the plain runs. */
  readonly plain: PlainCell | undefined;
  /** V8 had optimised the code of both before the first run. */
  readonly optimised: boolean;
  /** Time of two plain programs at once over that of one. */
  readonly twoPlain: Interval | undefined;
  readonly rounds: number;
  /** Why it ended before its time. */
  readonly failure: EpochvisorError | undefined;
}

/** A run that is shorter is all start. */
const WINDOW_LEAST_MS = 250;
const WINDOW_MOST_MS = 5_000;
const EPOCHS_LEAST = 4;
/** As many rounds are planned for: three give an interval. */
const ROUNDS_PLANNED = 4;
/** What starting and stopping a machine takes until one has been seen. */
const AROUND_GUESSED_MS = 400;
/** Parts of the time that the first plain run may take: if the guest prints, and if it is silent. */
const FIRST_PART = 0.05;
const FIRST_SILENT_PART = 0.2;
/** A plain run that takes a larger part is not repeated. */
const REPEATED_PART = 0.08;

class Sweep {
  readonly #plan: SweepPlan;
  readonly #signal: AbortSignal;
  readonly #step: (done: number, next: string) => void;
  readonly #measured: readonly Measured[];
  readonly #interrupted: Promise<undefined>;
  readonly #startMs = performance.now();
  #plain: PlainCell | undefined;
  #firstPlain: PlainCell | undefined;
  #plainMs = 0;
  #windowMs = WINDOW_LEAST_MS;
  #aroundMs = AROUND_GUESSED_MS;
  #rounds = 0;
  readonly #twoPlain: number[] = [];

  constructor(plan: SweepPlan, signal: AbortSignal, step: (done: number, next: string) => void) {
    this.#plan = plan;
    this.#step = step;
    this.#measured = plan.epochLengths.flatMap(epochLength =>
      (['simplex', ...plan.variants] as const).map(variant => ({ epochLength, variant, runs: [] })),
    );
    const over = new AbortController();
    void sleep(plan.timeMs, undefined, { ref: false }).then(() => over.abort());
    this.#signal = AbortSignal.any([signal, over.signal]);
    // Each plain run listens to it, and many runs do in turn.
    setMaxListeners(0, this.#signal);
    this.#interrupted = new Promise(resolve => {
      this.#signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  }

  get #leftMs(): number {
    return this.#plan.timeMs - (performance.now() - this.#startMs);
  }

  get #isOver(): boolean {
    return this.#signal.aborted || this.#leftMs < WINDOW_LEAST_MS;
  }

  #announce(next: string): void {
    this.#step(Math.min(1, 1 - this.#leftMs / this.#plan.timeMs), next);
  }

  async run(): Promise<Swept> {
    let failure: EpochvisorError | undefined;
    try {
      await this.#measure();
    } catch (error) {
      // What is under way when the user ends it fails as it may.
      if (!this.#signal.aborted) {
        if (!(error instanceof EpochvisorError)) throw error;
        failure = error;
      }
    }
    const baseline = baselineOf(this.#measured);
    return {
      cells: summarize(this.#measured, baseline),
      measured: this.#measured,
      baseline,
      plain: this.#firstPlain,
      optimised: this.#plan.guest.plainModule !== undefined,
      twoPlain: ratioInterval(this.#twoPlain),
      rounds: this.#rounds,
      failure,
    };
  }

  async #measure(): Promise<void> {
    await this.#look();
    while (!this.#isOver) {
      const due = this.#due();
      if (due.length === 0) return;
      await this.#round(due);
      this.#rounds += 1;
    }
  }

  // ---- what the guest does, and how long a run is to be

  async #look(): Promise<void> {
    const { guest, timeMs, epochLengths } = this.#plan;
    if (runsPlain(guest)) {
      this.#announce('plain');
      const startMs = performance.now();
      this.#plain = await runPlain(guest, FIRST_PART * timeMs, FIRST_SILENT_PART * timeMs, this.#signal);
      this.#plainMs = performance.now() - startMs;
      this.#firstPlain = this.#plain;
    }
    const endMs = this.#plain?.endMs;
    const settings = 1 + this.#plan.variants.length;
    const runs = ROUNDS_PLANNED * epochLengths.length * settings;
    const planned = this.#leftMs / runs - this.#aroundMs;
    this.#windowMs = Math.min(WINDOW_MOST_MS, Math.max(WINDOW_LEAST_MS, planned));
    // The instructions of the whole run, which is longer than a window: one machine is to count them.
    const { output } = this.#plain ?? {};
    // Output that comes soon is common work of any two runs; a line at the very end is none.
    const comesSoon = (output?.msAt(1) ?? Infinity) < this.#windowMs / 2;
    if (endMs === undefined || endMs < this.#windowMs / 2 || comesSoon || this.#isOver) return;
    const longest = this.#measured.filter(({ variant }) => variant === 'simplex').at(-1)!;
    this.#announce('simplex, the whole run');
    const run = await this.#machine(longest.epochLength, 'simplex', Math.min(this.#leftMs / 3, 5 * endMs + 1_000));
    longest.runs.push({ run, plain: this.#plain, simplex: undefined, longest: run });
  }

  #due(): readonly Measured[] {
    const baseline = baselineOf(this.#measured);
    const known = instructionsInAll(this.#measured);
    return this.#measured.filter(each => !isNarrow(each, baseline, known));
  }

  // ---- a round

  async #round(due: readonly Measured[]): Promise<void> {
    await this.#runPlainAgain(REPEATED_PART * this.#plan.timeMs);
    await this.#runTwoPlain();
    let longest: CellRun | undefined;
    for (const epochLength of outsideIn(this.#plan.epochLengths)) {
      const group = due.filter(each => each.epochLength === epochLength);
      if (group.length === 0) continue;
      if (longest !== undefined) await this.#runPlainAgain(this.#windowMs);
      let simplex: CellRun | undefined;
      for (const each of this.#ordered(group)) {
        if (this.#isOver) return;
        this.#announce(`${each.variant}, epochs of ${epochLength}`);
        const run = await this.#machine(epochLength, each.variant, this.#lengthMs(epochLength));
        if (this.#signal.aborted) return;
        if (each.variant === 'simplex') simplex = run;
        longest ??= epochLength === this.#plan.epochLengths.at(-1) ? simplex : undefined;
        each.runs.push({ run, plain: this.#plain, simplex, longest: longest ?? this.#longestBefore });
      }
    }
  }

  /** Simplex first, for the others are compared with it; these take turns at being next. */
  #ordered(group: readonly Measured[]): readonly Measured[] {
    const [simplex, pairs] = [
      group.filter(({ variant }) => variant === 'simplex'),
      group.filter(({ variant }) => variant !== 'simplex'),
    ];
    const turn = pairs.length === 0 ? 0 : this.#rounds % pairs.length;
    return [...simplex, ...pairs.slice(turn), ...pairs.slice(0, turn)];
  }

  /** Of an earlier round, where the longest epochs are narrow and run no more. */
  get #longestBefore(): CellRun | undefined {
    const longest = this.#plan.epochLengths.at(-1);
    const simplex = this.#measured.find(each => each.epochLength === longest && each.variant === 'simplex');
    return simplex?.runs.at(-1)?.run;
  }

  /** Some epochs long: a run of half an epoch tells nothing of what interrupts wait for. */
  #lengthMs(epochLength: number): number {
    const rates = this.#measured.flatMap(({ runs }) => runs.at(-1)?.run.rate ?? []);
    const epochMs = rates.length === 0 ? 0 : epochLength / median(rates);
    return Math.max(this.#windowMs, Math.min(WINDOW_MOST_MS, this.#plan.timeMs / 20, EPOCHS_LEAST * epochMs));
  }

  async #machine(epochLength: number, setting: Setting, timeMs: number): Promise<CellRun> {
    const replicas = setting === 'simplex' ? 1 : 2;
    const variant = setting === 'simplex' ? 'deferred' : setting;
    const leastMs = Math.max(WINDOW_LEAST_MS, Math.min(timeMs, this.#leftMs));
    return await runCell(this.#plan.guest, { epochLength, variant, replicas }, leastMs, this.#interrupted);
  }

  /** @param costMostMs a plain run that takes longer is not worth it here */
  async #runPlainAgain(costMostMs: number): Promise<void> {
    if (this.#plain === undefined || this.#isOver || this.#rounds + this.#twoPlain.length === 0) return;
    // Silent and without an end: it would tell nothing.
    if (!this.#tells(this.#plain)) return;
    if (this.#plain.endMs !== undefined && this.#plainMs > costMostMs) return;
    this.#announce('plain');
    const run = await runPlain(this.#plan.guest, this.#windowMs, this.#silentMs, this.#signal);
    if (!this.#signal.aborted && this.#tells(run)) this.#plain = run;
  }

  async #runTwoPlain(): Promise<void> {
    const { guest, second } = this.#plan;
    const alone = this.#plain;
    if (alone === undefined || second === undefined || this.#isOver || !this.#tells(alone)) return;
    if (alone.endMs !== undefined && this.#plainMs > REPEATED_PART * this.#plan.timeMs) return;
    // One after the other at the same port is no measure of two at once.
    if (guest.listen.some(address => address.kind !== 'tcp' || address.port !== 0)) return;
    this.#announce('two plain at once');
    const run = (one: SweptGuest) => runPlain(one, this.#windowMs, this.#silentMs, this.#signal);
    const both = await Promise.all([run(guest), run(second)]);
    if (this.#signal.aborted) return;
    for (const one of both) {
      const comparison = compare(one, alone);
      if (comparison !== undefined) this.#twoPlain.push(comparison.ratio);
    }
  }

  #tells({ endMs, output, commandMs }: PlainCell): boolean {
    return endMs !== undefined || output.outputs > 0 || commandMs.length > 0;
  }

  get #silentMs(): number {
    return Math.max(this.#windowMs, 3 * (this.#firstPlain?.endMs ?? this.#windowMs));
  }
}

/** The shortest, the longest, and what is between: a sweep that is cut short has what a curve needs. */
export function outsideIn(lengths: readonly number[]): number[] {
  const rest = [...lengths];
  const order: number[] = [];
  // The longest of all first: it is what the others may be compared with.
  while (rest.length > 0) {
    order.push(rest.pop()!);
    if (rest.length > 0) order.push(rest.shift()!);
  }
  return order;
}

/**
 * @param signal ends it early: what was measured until then is the answer
 * @param step called before each run, with what has been done of it all (0 to 1) and what comes
 * @throws what is no EpochvisorError: a defect
 */
export function sweep(
  plan: SweepPlan,
  signal: AbortSignal,
  step: (done: number, next: string) => void,
): Promise<Swept> {
  return new Sweep(plan, signal, step).run();
}
