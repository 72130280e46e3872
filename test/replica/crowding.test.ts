// How crowded a host is, from samples; and this host, with a crowd of the test's own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Crowding, hostCrowding } from '../../engine/replica/crowding.js';

/** Samples every 50 ms. @returns the last answer */
function sampled(crowding: Crowding, threads: number, fromMs: number, forMs: number): number {
  let last = 0;
  for (let atMs = fromMs; atMs <= fromMs + forMs; atMs += 50) last = crowding.sample(threads, atMs);
  return last;
}

describe('a crowd', () => {
  it('is one that lasts: what runs for a moment is none', () => {
    const crowding = new Crowding();
    expect(sampled(crowding, 1, 0, 10_000)).toBeCloseTo(1, 2);
    expect(sampled(crowding, 20, 10_050, 0)).toBeLessThan(2);
    expect(sampled(crowding, 6, 10_100, 5_000)).toBeCloseTo(6, 1);
  });

  it('is remembered for a while, and forgotten', () => {
    const crowding = new Crowding();
    sampled(crowding, 6, 0, 10_000);
    expect(sampled(crowding, 0, 10_050, 2_000)).toBeGreaterThan(5);
    expect(sampled(crowding, 0, 12_100, 120_000)).toBeLessThan(0.1);
  });
});

it('is seen on this host', async () => {
  const crowding = hostCrowding();
  const busy: ChildProcess[] = [];
  for (let n = 0; n < 3 * availableParallelism(); n += 1) busy.push(spawn(process.execPath, ['-e', 'for(;;){}']));
  try {
    let seen = 0;
    // They start one after another, and there is no bound for that.
    for (let n = 0; n < 1_000 && seen < 2; n += 1) {
      await pause(25);
      seen = crowding();
    }
    expect(seen).toBeGreaterThanOrEqual(2);
  } finally {
    for (const one of busy) {
      const ended = once(one, 'exit');
      one.kill('SIGKILL');
      await ended;
    }
  }
});
