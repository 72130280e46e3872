// The judge can see: a rule is broken on purpose, and the simulator finds a seed at which that matters.

import { describe, expect, it } from 'vitest';
import { PRODUCTION } from '../../engine/simulator/parts.js';
import { simulate } from '../../engine/simulator/simulated-run.js';
import { MISTAKES } from './mistakes.js';
import { failureOf, search } from './planting.js';
import { RESTART_MISTAKES } from './restart-mistakes.js';
import { STREAM_MISTAKES } from './stream-mistakes.js';
import * as struckRuns from './struck-runs.js';
import { SUBTLE_MISTAKES } from './subtle-mistakes.js';

/** The rarest is seen at about one seed of a hundred. */
const SEEDS_MAX = 1500;

/** Runs of each kind that strike where a mistake matters. */
const STRUCK_SEEDS = 40;

describe.each(Object.entries(struckRuns))('production, struck in the way of %s', (_, runs) => {
  it('keeps every promise', () => {
    for (let seed = 1; seed <= STRUCK_SEEDS; seed++) expect(simulate(runs(seed)).failure, `${seed}`).toBeUndefined();
  });
});

describe('a host that was suspended with both replicas on it', () => {
  it('leaves neither of them out', () => {
    for (let seed = 1; seed <= STRUCK_SEEDS; seed++) {
      expect(failureOf(struckRuns.suspendedHost(seed), PRODUCTION, / owns view 2 /), `${seed}`).toBeUndefined();
    }
  });
});

describe.each([...MISTAKES, ...STREAM_MISTAKES, ...RESTART_MISTAKES])('$rule broken: $mistake', mistake => {
  it('is found', () => {
    const found = search(mistake, SEEDS_MAX);
    expect(found, `${SEEDS_MAX} seeds see nothing wrong`).toBeDefined();
    expect(found?.failure).toMatch(mistake.sees);
  });
});

describe.each(SUBTLE_MISTAKES)('$rule broken, hardly to be seen: $mistake', mistake => {
  it('is found within the seeds that it says', () => {
    const found = search(mistake, mistake.within);
    expect(found, `${mistake.within} seeds see nothing wrong`).toBeDefined();
    expect(found?.failure).toMatch(mistake.sees);
  });
});
