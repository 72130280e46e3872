// Twenty thousand seeds of all kinds, on all cores: each keeps every promise, and together they visit every rare state.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { choiceOf } from '../../engine/simulator/kinds.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { RARE_STATES } from '../../engine/simulator/sometimes.js';
import type * as Seeds from '../../engine/testing/seeds.js';

// Its threads run what was built.
const built = join(import.meta.dirname, '../../dist/engine/testing/seeds.js');
const { simulateSeeds } = (await import(built)) as typeof Seeds;

/** Fixed, so that a red run here is red everywhere; `npm run simulate` goes further. */
const SEEDS = 20_000;
/** About two minutes on two cores that do nothing else. */
const PATIENCE_MS = 900_000;

const kind = 'all';
const threads = Math.min(4, availableParallelism());

describe('twenty thousand seeds', () => {
  let sums: Seeds.SeedsSums;
  beforeAll(async () => {
    sums = await simulateSeeds({ kind, from: 1, seeds: SEEDS, threads, failuresMax: 3 });
  }, PATIENCE_MS);

  it('keep every promise', () => {
    expect(sums.failures).toEqual([]);
    expect(sums.runs).toBe(SEEDS);
    expect(sums.finished).toBeGreaterThan(0.9 * SEEDS);
  });

  it.each(RARE_STATES)('sometimes visit %s', state => {
    expect(sums.visited.get(state) ?? 0).toBeGreaterThan(0);
  });
});

describe('what once went wrong at a seed', () => {
  it.each([
    [6528, 'a backup that was given up, and does not know it, was compared with a primary that it does not follow'],
    [13913, 'a fraction of a ns at a promotion: the clock gave fractions from then on'],
  ])('%i does so no more: %s', seed => {
    expect(simulate(choiceOf(kind)(seed)).failure).toBeUndefined();
  });
});

describe('threads', () => {
  const few = { kind, from: 7, seeds: 120, failuresMax: 1 } as const;

  it('come to the same sums, however many they are', async () => {
    const alone = await simulateSeeds({ ...few, threads: 1 });
    expect(alone.runs).toBe(120);
    const together = await simulateSeeds({ ...few, threads: 3 });
    const { virtualMs } = together;
    expect(virtualMs).toBeCloseTo(alone.virtualMs, 3);
    expect({ ...together, virtualMs: 0 }).toEqual({ ...alone, virtualMs: 0 });
  });

  it('tell what they have when they are interrupted', async () => {
    const interruption = new AbortController();
    const { runs } = await simulateSeeds({
      ...few,
      seeds: 1e6,
      threads: 2,
      signal: interruption.signal,
      progress: ({ runs }) => {
        if (runs >= 50) interruption.abort();
      },
    });
    expect(runs).toBeGreaterThanOrEqual(50);
    expect(runs).toBeLessThan(1_000);
  });
});
