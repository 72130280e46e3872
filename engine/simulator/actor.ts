// An actor: a thread or a process that can be paused, resumed and killed at any step. What reaches it while it is
// paused waits, as in a socket's or a ring's memory.

import type { Schedule } from './schedule.js';

export class Actor {
  readonly #schedule: Schedule;
  #dead = false;
  /** Pauses overlap: the actor runs when none is left. */
  #pauses = 0;
  #waiting: (() => void)[] = [];
  /** What was due while it was paused: a process that goes on hears its timers before its sockets. */
  #timers: (() => void)[] = [];

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get running(): boolean {
    return !this.#dead && this.#pauses === 0;
  }

  /** Does `act` now, or when the actor runs again, or never. */
  do(act: () => void): void {
    if (this.#dead) return;
    if (this.#pauses > 0 || this.#waiting.length > 0 || this.#timers.length > 0) this.#waiting.push(act);
    else act();
  }

  /** As `after`, of the event loop's timers. */
  timer(delayNs: number, act: () => void): void {
    this.#schedule.after(delayNs, () => {
      if (this.#dead) return;
      if (this.#pauses > 0 || this.#waiting.length > 0 || this.#timers.length > 0) this.#timers.push(act);
      else act();
    });
  }

  after(delayNs: number, act: () => void): void {
    this.#schedule.after(delayNs, () => this.do(act));
  }

  kill(): void {
    this.#dead = true;
    this.#waiting = [];
    this.#timers = [];
  }

  pause(): void {
    this.#pauses += 1;
  }

  resume(): void {
    this.#pauses -= 1;
    this.#next();
  }

  /** One act a step, so that a fault can strike between any two. */
  #next(): void {
    this.#schedule.after(0, () => {
      if (this.#dead || this.#pauses > 0) return;
      const queue = this.#timers.length > 0 ? this.#timers : this.#waiting;
      const act = queue[0];
      if (act === undefined) return;
      act();
      queue.shift();
      if (this.#waiting.length > 0 || this.#timers.length > 0) this.#next();
    });
  }
}
