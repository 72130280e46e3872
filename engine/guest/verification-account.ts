// The account of state digests (SD): how many were compared, how much of memory they saw, what they cost.
//
// A primary goes through memory from its first page to its last, and begins again. A backup that came in the midst of that counts
// from the next beginning: what was compared is then all below one page, however memory grows.

import type { Verification } from '../threads/verification.js';

export class VerificationAccount implements Verification {
  comparisons = 0;
  lastMs = 0;
  covered = 0;
  everyMs = 0;
  /** Pages below it were compared, at least once, and in the present round. */
  #comparedPages = 0;
  #roundPages = 0;
  /** When the present round began; undefined: none has, or the last one lacks pages. */
  #roundBeganMs: number | undefined;
  #spentMs = 0;
  /** What the last digest took: it counts when the next one comes, with the time between. */
  #lastTookMs = 0;
  /** When the first and the last digest began, of those that are counted. */
  #sinceMs: number | undefined;
  #untilMs = 0;

  /** Part of the time. */
  get spent(): number {
    return this.#spentMs === 0 ? 0 : this.#spentMs / (this.#untilMs - this.#sinceMs!);
  }

  /** Pages of memory were found equal. @param have pages of all of it; @param nowMs since 1970 */
  compared(firstPage: number, pages: number, have: number, nowMs: number): void {
    this.comparisons += 1;
    this.lastMs = nowMs;
    if (firstPage === 0) this.#beginRound(have, nowMs);
    if (firstPage <= this.#roundPages) this.#roundPages = Math.max(this.#roundPages, firstPage + pages);
    this.#comparedPages = Math.max(this.#comparedPages, this.#roundPages);
    this.covered = have === 0 ? 1 : Math.min(1, this.#comparedPages / have);
  }

  #beginRound(have: number, nowMs: number): void {
    const wasWhole = this.#roundBeganMs !== undefined && this.#roundPages >= have;
    if (wasWhole) this.everyMs = nowMs - this.#roundBeganMs!;
    this.#roundBeganMs = nowMs;
    this.#roundPages = 0;
  }

  /** A digest was computed; by the monotonic clock of the host, ms. */
  took(fromMs: number, toMs: number): void {
    if (this.#sinceMs === undefined) this.#sinceMs = fromMs;
    else this.#spentMs += this.#lastTookMs;
    this.#lastTookMs = toMs - fromMs;
    this.#untilMs = fromMs;
  }

  /** Nobody is there to compare: this time counts for nothing. */
  pause(): void {
    this.#sinceMs = undefined;
    this.#spentMs = 0;
  }
}
