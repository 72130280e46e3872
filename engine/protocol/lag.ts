// Lag (rule LG): how far a backup's execution is behind what was shipped to it, in time and in bytes of its memory.

import type { Progress } from './messages.js';

/** Past this the primary waits; VMware FT keeps lag under 100 ms typically and slows the primary above 1 s. */
export const LAG_MAX_MS = 250;
/** Once it waits it goes on below this: a band, so that it does not flutter. */
export const LAG_RESUME_MS = 100;
/** Log shipped and not executed at which the primary waits, whatever its age: it stands in the backup's memory. */
export const LAG_MAX_BYTES = 16 << 20;
/**
 * Likewise for a joining replica whose guest does not run yet, bytes: the log that comes while the snapshot travels and
 * is restored, some seconds of it at the most; a replica that asks for more memory than this had better begin anew.
 */
export const JOINING_BACKLOG_MAX_BYTES = 64 << 20;
/** At most one remembered point of the log each so many ms: the queue below is bounded by the lag. */
const SAMPLE_EVERY_MS = 5;

export class Lag {
  /** Ends of the log at the times they were shipped, oldest first. */
  #samples: { readonly position: number; readonly atMs: number }[] = [];
  #executed = 0;
  #backlogBytes = 0;
  #over = false;

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
    this.#over = this.#backlogBytes > LAG_MAX_BYTES || lagMs > (this.#over ? LAG_RESUME_MS : LAG_MAX_MS);
    return this.#over;
  }
}
