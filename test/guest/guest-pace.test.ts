// What a guest thread spends its time on, reckoned up from made-up clocks.

import { describe, expect, it } from 'vitest';
import { GuestPace } from '../../engine/guest/guest-pace.js';

const MS = 1e6;

/** A guest thread of which all takes as long as is said. */
class Thread {
  readonly pace = new GuestPace(1 * MS);
  nowNs = 5 * MS;
  count = 0;
  epoch = 0;
  length = 100_000;

  /** Runs so many epochs. @param waitNs after each tenth of them the guest waits so long */
  run(epochs: number, paceNs: number, boundaryNs: number, waitNs = 0): number {
    for (let left = epochs; left > 0; left -= 1) {
      this.nowNs += this.length * paceNs;
      this.count += this.length;
      const { timesNext } = this.pace;
      if (this.nowNs >= this.pace.dueNs) {
        this.length = this.pace.review(this.nowNs, this.count, this.epoch, this.length);
      }
      const waits = waitNs > 0 && this.epoch % 10 === 0;
      if (timesNext && !waits) this.pace.timed(boundaryNs, 0);
      this.nowNs += boundaryNs;
      if (waits) {
        this.nowNs += waitNs;
        this.pace.stood(waitNs);
      }
      this.epoch += 1;
    }
    return this.length;
  }
}

describe('the pace of a guest', () => {
  it('is that of its instructions, without its boundaries', () => {
    // At 100,000 instructions boundaries of 10 us take most of the time, which says nothing of longer epochs.
    expect(new Thread().run(20_000, 0.1, 10_000)).toBe(5_000_000);
    expect(new Thread().run(20_000, 0.05, 60)).toBe(200_000);
  });

  it('is that of its running: a guest that waits most of the time is no slow one', () => {
    expect(new Thread().run(20_000, 0.06, 400, 10 * MS)).toBe(1_000_000);
  });

  it('is nothing that a backup looks at, whose clock is 0', () => {
    expect(new GuestPace(1 * MS).dueNs).toBeGreaterThan(0);
  });

  it('is reckoned from where a replica became the primary', () => {
    const pace = new GuestPace(1 * MS);
    pace.stood(3600e9);
    expect(pace.review(1e15, 1e12, 1e6, 1_000)).toBe(1_000);
    expect(pace.dueNs).toBe(1e15 + 2 * MS);
    expect(pace.timesNext).toBe(true);
  });
});
