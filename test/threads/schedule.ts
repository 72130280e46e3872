// Time that goes on when a test says so, and what is to be done at which time.

import type { Timers } from '../../engine/threads/thread-ports.js';

/** What comes back again and again at the same time is a fault of what is tested. */
const TURNS_MAX = 100_000;

interface Due {
  readonly atMs: number;
  readonly act: () => void;
}

export class Schedule implements Timers {
  #nowMs = 0;
  readonly #due: Due[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, act: () => void): void {
    this.#due.push({ atMs: this.#nowMs + delayMs, act });
  }

  next(act: () => void): void {
    this.after(0, act);
  }

  soon(act: () => void): void {
    this.after(0, act);
  }

  /** So many ms in which nothing has its turn. */
  stall(ms: number): void {
    this.#nowMs += ms;
    for (const [at, { atMs, act }] of this.#due.entries()) this.#due[at] = { atMs: Math.max(atMs, this.#nowMs), act };
  }

  /** Does what is due until so many ms from now, in order; what is due now, without an argument. */
  pass(ms = 0): void {
    const untilMs = this.#nowMs + ms;
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      let next: Due | undefined;
      for (const one of this.#due) if (one.atMs < (next?.atMs ?? Infinity)) next = one;
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = untilMs;
        return;
      }
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#nowMs = next.atMs;
      next.act();
    }
    throw new Error(`something is done again and again at ${this.#nowMs} ms`);
  }
}
