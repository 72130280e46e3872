// Figures between two frames: a page redraws more often than it is told, and shows what lies between.
//
// What is drawn is a little old (DELAY_MS), so that there is nearly always a later frame to go towards; nothing is made up: where
// none has come the last figure stands.

/** Frames come every 50 ms, and a network or a busy launcher may keep one. */
const DELAY_MS = 150;
/** Frames that are kept: enough for DELAY_MS, however few redraws there are (a hidden tab has none). */
const KEPT = 32;

interface Told<T> {
  /** Of the clock of the sender, and of the receiver. */
  readonly atMs: number;
  readonly frame: T;
}

export class Smoothed<T> {
  #told: Told<T>[] = [];
  /** The least that the receiver's clock was ahead of the sender's: that message travelled fastest. */
  #aheadMs = Infinity;

  /** @param atMs of the sender's clock; @param nowMs of the receiver's */
  add(frame: T, atMs: number, nowMs: number): void {
    // Another sender, or the same one after a pause of its clock.
    if (atMs < (this.#told.at(-1)?.atMs ?? -Infinity)) this.clear();
    this.#aheadMs = Math.min(this.#aheadMs, nowMs - atMs);
    this.#told.push({ atMs, frame });
    if (this.#told.length > KEPT) this.#told.shift();
  }

  clear(): void {
    this.#told = [];
    this.#aheadMs = Infinity;
  }

  /** The two frames around what is to be drawn now, and how far between them that is, 0 to 1. */
  at(nowMs: number): { readonly from: T; readonly to: T; readonly part: number } | undefined {
    const last = this.#told.at(-1);
    if (last === undefined) return undefined;
    const wantedMs = nowMs - this.#aheadMs - DELAY_MS;
    const later = this.#told.findIndex(({ atMs }) => atMs > wantedMs);
    if (later < 0) return { from: last.frame, to: last.frame, part: 1 };
    const to = this.#told[later]!;
    const from = this.#told[later - 1];
    if (from === undefined) return { from: to.frame, to: to.frame, part: 1 };
    return { from: from.frame, to: to.frame, part: (wantedMs - from.atMs) / (to.atMs - from.atMs) };
  }
}

/** Between two figures; one that went back is another replica's, and is not passed through. */
export function between(from: number | undefined, to: number, part: number): number {
  return from === undefined || to < from ? to : from + (to - from) * part;
}
