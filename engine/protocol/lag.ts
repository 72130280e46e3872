// Lag (rule LG): how far a backup's execution is behind what was shipped to it, in time and in bytes of its memory.

import { BOUNDS, type Bounds } from './bounds.js';
import type { Progress } from './messages.js';

/** At most one remembered point of the log each so many ms: the queue below is bounded by the lag. */
const SAMPLE_EVERY_MS = 5;

export class Lag {
  readonly #bounds: Bounds;
  /** Ends of the log at the times they were shipped, oldest first. */
  #samples: { readonly position: number; readonly atMs: number }[] = [];
  #executed = 0;
  #backlogBytes = 0;
  #over = false;

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  shipped(position: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last === undefined || nowMs - last.atMs >= SAMPLE_EVERY_MS) this.#samples.push({ position, atMs: nowMs });
  }

  progressed(progress: Progress): void {
    // -1 from a joining replica: its guest does not run yet.
    this.#executed = Math.max(this.#executed, progress.executed);
    this.#backlogBytes = progress.backlogBytes;
    let done = 0;
    while ((this.#samples[done]?.position ?? Infinity) <= this.#executed) done += 1;
    if (done > 0) this.#samples.splice(0, done);
  }

  /** Log that stands in the backup's memory, not executed. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Age of the oldest part of the log that is not executed, ms. */
  lagMs(nowMs: number): number {
    const oldest = this.#samples[0];
    return oldest === undefined ? 0 : nowMs - oldest.atMs;
  }

  /** Whether the primary has to wait. */
  over(nowMs: number): boolean {
    const lagMs = this.lagMs(nowMs);
    const { lagBytes, lagMs: lagMaxMs, lagResumeMs } = this.#bounds;
    this.#over = this.#backlogBytes > lagBytes || lagMs > (this.#over ? lagResumeMs : lagMaxMs);
    return this.#over;
  }
}
