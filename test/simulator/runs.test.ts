// The protocol under seeded faults: the production state machines, a few thousand runs.

import { describe, expect, it } from 'vitest';
import type { Coverage } from '../../engine/simulator/judge.js';
import { chooseRun, type RunOptions } from '../../engine/simulator/run.js';
import { simulate } from '../../engine/simulator/simulate.js';

/** Fixed, so that a red run here is red everywhere; `npm run simulate` goes further. */
const SEEDS = 1_200;
const BLOCK = 300;

describe('a machine under seeded faults', () => {
  const sums: Coverage = { failovers: 0, simplex: 0, uncertain: 0, late: 0, throttled: 0, halted: 0 };
  let finished = 0;

  for (let from = 1; from <= SEEDS; from += BLOCK) {
    it(`keeps every promise, seeds ${from} to ${from + BLOCK - 1}`, () => {
      for (let seed = from; seed < from + BLOCK; seed++) {
        const { failure, end, coverage } = simulate(chooseRun(seed));
        expect(failure, `npm run simulate -- --seed ${seed} --trace`).toBeUndefined();
        if (end === 'finished') finished += 1;
        for (const what of Object.keys(sums) as (keyof Coverage)[]) sums[what] += coverage[what];
      }
    });
  }

  it('went through failovers, simplex, uncertain interrupts, refusals and halts, and mostly came to its end', () => {
    for (const [what, times] of Object.entries(sums)) expect(times, what).toBeGreaterThan(3);
    expect(finished).toBeGreaterThan(SEEDS * 0.9);
  });
});

describe('a seed', () => {
  it('is a run: done twice, it is the same to the last line of its trace', () => {
    const trace = (seed: number): string[] => {
      const lines: string[] = [];
      simulate(chooseRun(seed), undefined, line => lines.push(line));
      return lines;
    };
    for (const seed of [3, 256, 2148]) expect(trace(seed)).toEqual(trace(seed));
    expect(trace(3)).not.toEqual(trace(4));
  });
});

/** Much input, and a primary that dies while what it says to the bus is held up: its last releases are lost. */
function lostReleases(seed: number): RunOptions {
  const chunk = { afterNs: 1e4, bytes: new Uint8Array(90_000).fill(seed), end: false };
  const atStep = seed % 500;
  return {
    ...chooseRun(seed),
    replicas: 2,
    guestSteps: 60,
    networkNs: [1e5, 1e6],
    arbiterNs: [1e5, 1e6],
    instructionNs: 10_000,
    input: [...new Array(14).fill(chunk), { ...chunk, bytes: new Uint8Array(0), end: true }],
    faults: [
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 3e7, atStep },
      { kind: 'kill', replica: 0, atStep: atStep + 10 + ((seed * 7) % 200) },
    ],
  };
}

describe('releases of input that are lost with the primary', () => {
  // The primary told its backup that its releases had left; nobody sent them again, the bus kept the input, its window
  // stayed full, and the survivor waited for input for ever. Found at these seeds, before a backup kept a release until
  // it is known to have arrived.
  it.each([328, 368, 438, 626, 826, 847, 905, 971])('are sent by the survivor, seed %i', seed => {
    expect(simulate(lostReleases(seed)).failure).toBeUndefined();
  });

  it('leave no input behind at any other step', () => {
    for (let seed = 2_000; seed < 2_040; seed++)
      expect(simulate(lostReleases(seed)).failure, `${seed}`).toBeUndefined();
  });
});
