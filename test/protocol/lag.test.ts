// Lag (LG): the age of the oldest part of the log that the backup has not executed, and the bytes in its memory.

import { describe, expect, it } from 'vitest';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { Lag } from '../../engine/protocol/lag.js';

const { lagBytes, lagMs, lagResumeMs } = BOUNDS;

describe('lag', () => {
  it('is none where all is executed', () => {
    const lag = new Lag();
    expect(lag.lagMs(1_000)).toBe(0);
    lag.shipped(10, 0);
    lag.progressed({ executed: 10, backlogBytes: 0 });
    expect(lag.lagMs(1_000)).toBe(0);
  });

  it('is the age of the oldest part that is not executed', () => {
    const lag = new Lag();
    lag.shipped(10, 100);
    lag.shipped(20, 200);
    expect(lag.lagMs(250)).toBe(150);
    lag.progressed({ executed: 10, backlogBytes: 0 });
    expect(lag.lagMs(250)).toBe(50);
  });

  it('is known to a few milliseconds: of what is shipped sooner nothing is remembered', () => {
    const lag = new Lag();
    for (let ms = 100; ms < 105; ms++) lag.shipped(ms, ms);
    lag.progressed({ executed: 100, backlogBytes: 0 });
    expect(lag.lagMs(110)).toBe(0);
    lag.shipped(105, 105);
    expect(lag.lagMs(110)).toBe(5);
  });

  it('does not grow because progress is told late or out of order', () => {
    const lag = new Lag();
    lag.shipped(10, 100);
    lag.progressed({ executed: 10, backlogBytes: 0 });
    lag.progressed({ executed: 4, backlogBytes: 0 });
    expect(lag.lagMs(900)).toBe(0);
    lag.progressed({ executed: 20, backlogBytes: 0 });
    lag.shipped(20, 1_000);
    lag.progressed({ executed: 15, backlogBytes: 0 });
    expect(lag.lagMs(1_900)).toBe(0);
  });

  it('is over past the bound, and until it is below a lower one: no flutter', () => {
    const lag = new Lag();
    lag.shipped(10, 0);
    expect(lag.over(lagMs)).toBe(false);
    lag.shipped(20, lagMs);
    expect(lag.over(lagMs + 1)).toBe(true);
    lag.progressed({ executed: 10, backlogBytes: 0 });
    expect(lag.over(lagMs + lagResumeMs + 1)).toBe(true);
    expect(lag.over(lagMs + lagResumeMs)).toBe(false);
  });

  it('is over with too many bytes in the backup’s memory, whatever their age', () => {
    const lag = new Lag();
    lag.progressed({ executed: 0, backlogBytes: lagBytes + 1 });
    expect(lag.over(0)).toBe(true);
    lag.progressed({ executed: 0, backlogBytes: lagBytes });
    expect(lag.over(0)).toBe(false);
  });
});
