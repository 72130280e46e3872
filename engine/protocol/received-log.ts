// The part of the log that a backup has received and not yet executed (P4): first in, first out.

import type { LogEntry } from './vocabulary.js';

/** Executed entries are dropped at once, their places in the array in batches of this size. */
const DROP_ENTRIES = 1024;

export class ReceivedLog {
  #entries: LogEntry[] = [];
  #next = 0;
  #taken: number;

  /** @param position entries of the log that come before the first one received */
  constructor(position: number) {
    this.#taken = position;
  }

  /** The position in the log: entries taken, and those before the first. */
  get taken(): number {
    return this.#taken;
  }

  get head(): LogEntry | undefined {
    return this.#entries[this.#next];
  }

  push(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#entries.push(entry);
  }

  take(): void {
    this.#taken += 1;
    this.#next += 1;
    if (this.#next === this.#entries.length) {
      this.#entries = [];
      this.#next = 0;
    } else if (this.#next === DROP_ENTRIES) {
      this.#entries.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
