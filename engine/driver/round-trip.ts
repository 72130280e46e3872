// How long it takes until all who must have acknowledged a part of the log: the least that an output waits.
//
// One part at a time is followed, and the next when that one is acknowledged: the log may be a thousand parts a second.

import { TimeCounts } from '../protocol/measured-times.js';

export class RoundTrip {
  readonly times = new TimeCounts();
  /** The end of the part that is followed; undefined: none is. */
  #end: number | undefined;
  #shippedMs = 0;
  /** Whether there is anybody to acknowledge. */
  #isAwaited = true;

  /** Whether the next part is to be told of: only then is the time wanted. */
  get follows(): boolean {
    return this.#isAwaited && this.#end === undefined;
  }

  /** @param end of the log, with this part */
  shipped(end: number, nowMs: number): void {
    this.#end = end;
    this.#shippedMs = nowMs;
  }

  /** @param position below which everything is acknowledged; Infinity: nobody has to */
  acknowledged(position: number, nowMs: () => number): void {
    this.#isAwaited = Number.isFinite(position);
    if (this.#end === undefined || position < this.#end) return;
    if (this.#isAwaited) this.times.add(nowMs() - this.#shippedMs);
    this.#end = undefined;
  }
}
