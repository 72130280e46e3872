// What a primary's guest thread spends its time on (EL): instructions, boundaries, and standing still, which is neither.
//
// Boundaries are too short and too many to time each. What is known at each is the machine's clock, which a primary reads
// anyway; so once in a window of some milliseconds the time is reckoned up, and one boundary after that is timed from the
// hook's first line to its last. The two readings of the clock that this takes stand for what is not in between: leaving
// the guest's code and coming back to it.

import { LengthChoice } from './length-choice.js';

/** Of running, between two reckonings: long against a boundary and a reading of the clock, short against a phase of a guest. */
const WINDOW_NS = 2_000_000;
/** Boundaries of which the least counts: one with a state digest takes hundreds of times as long. */
const WORKS = 15;

export class GuestPace {
  readonly #choice: LengthChoice;
  /** What the last boundaries took of this thread's own time. */
  #worksNs: number[] = [0];
  /** Where the window began; undefined until this replica is a primary. */
  #begun: { readonly nowNs: number; readonly count: number; readonly epoch: number } | undefined;
  /** Time in the window at which the guest stood still. */
  #stoodNs = 0;
  /** The machine's clock when the window may be over; a backup's is 0. */
  dueNs = 1;
  /** The next boundary is to be timed. */
  timesNext = false;

  /** @param boundNs the longest that an epoch is to take */
  constructor(boundNs: number) {
    this.#choice = new LengthChoice(boundNs);
  }

  stood(ns: number): void {
    this.#stoodNs += ns;
  }

  /** A boundary was timed at which nothing was delivered. @param standingNs so long of it the guest stood still */
  timed(ns: number, standingNs: number): void {
    this.timesNext = false;
    this.#worksNs = [...this.#worksNs, ns - standingNs].slice(-WORKS);
    this.#choice.addBoundary(ns);
  }

  /** The window may be over: the length of the epochs after `epoch`, which ends now after `count` instructions. */
  review(nowNs: number, count: number, epoch: number, present: number): number {
    this.timesNext = true;
    if (this.#begun === undefined) {
      this.#begin(nowNs, count, epoch);
      return present;
    }
    const runningNs = nowNs - this.#begun.nowNs - this.#stoodNs;
    if (runningNs < WINDOW_NS) {
      this.dueNs = nowNs + WINDOW_NS - Math.max(0, runningNs);
      return present;
    }
    const instructions = count - this.#begun.count;
    const boundariesNs = (epoch - this.#begun.epoch) * Math.min(...this.#worksNs);
    // A guest that executes next to nothing between boundaries leaves no time that is surely its instructions'.
    if (instructions > 0) this.#choice.addPace(Math.max(runningNs - boundariesNs, runningNs / 10) / instructions);
    this.#begin(nowNs, count, epoch);
    return this.#choice.choose(present);
  }

  #begin(nowNs: number, count: number, epoch: number): void {
    this.#begun = { nowNs, count, epoch };
    this.#stoodNs = 0;
    this.dueNs = nowNs + WINDOW_NS;
  }
}
