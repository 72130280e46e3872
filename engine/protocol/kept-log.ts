// The parts of the log that a backup keeps although its own execution has them (KP): others of the view may lack them
// when their primary dies, and it cannot be asked any more.
//
//   ... settled ......... end            kept: from `settled` on, in the parts in which they came
//
// The primary says what is settled: acknowledged by all who take the log. What is kept is bounded by how far the slowest
// of them may be behind (LG).

import { assert } from '../errors/errors.js';

export interface KeptPart<P> {
  readonly position: number;
  readonly length: number;
  readonly part: P;
}

export class KeptLog<P> {
  #parts: KeptPart<P>[] = [];
  #first = 0;

  get count(): number {
    return this.#parts.length - this.#first;
  }

  keep(part: KeptPart<P>): void {
    const last = this.count === 0 ? undefined : this.#parts.at(-1);
    assert(last === undefined || part.position === last.position + last.length, 'what is kept has no gap');
    this.#parts.push(part);
  }

  /** Drops the parts that end at or before `position`. */
  settle(position: number): void {
    for (let head = this.#parts[this.#first]; head !== undefined; head = this.#parts[this.#first]) {
      if (head.position + head.length > position) break;
      this.#first += 1;
    }
    if (this.#first === this.#parts.length || this.#first >= 1024) {
      this.#parts = this.#parts.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The parts from `position` to `end`, or undefined where some of them are not kept. */
  between(position: number, end: number): readonly KeptPart<P>[] | undefined {
    if (position >= end) return [];
    const kept = this.#parts.slice(this.#first);
    const at = kept.findIndex(part => part.position === position);
    return at === -1 ? undefined : kept.slice(at);
  }

  clear(): void {
    this.#parts = [];
    this.#first = 0;
  }
}
