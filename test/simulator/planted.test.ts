// The judge can see: a rule is broken on purpose, and the simulator finds a seed at which that matters.

import { describe, expect, it } from 'vitest';
import { simulate } from '../../engine/simulator/simulate.js';
import { MISTAKES } from './mistakes.js';
import { search } from './planting.js';
import { strandedWhileJoining } from './struck-runs.js';

const SEEDS_MAX = 500;

describe('output that does not reach the bus while a replica joins', () => {
  it('is not lost with the primary: nobody is named before it is there', () => {
    for (let seed = 1; seed <= 30; seed++) {
      expect(simulate(strandedWhileJoining(seed)).failure, `${seed}`).toBeUndefined();
    }
  });
});

describe.each(MISTAKES)('$rule broken: $mistake', mistake => {
  it('is found', () => {
    const found = search(mistake, SEEDS_MAX);
    expect(found, `${SEEDS_MAX} seeds see nothing wrong`).toBeDefined();
    expect(found?.failure).toMatch(mistake.sees);
  });
});
