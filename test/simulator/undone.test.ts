// What was mended once is undone, and the simulator finds it again.

import { describe, expect, it } from 'vitest';
import { search } from './planting.js';
import { UNDONE } from './undone.js';

const SEEDS_MAX = 500;

describe.each(UNDONE)('$rule, undone: $mistake', mistake => {
  it('is found', () => {
    const found = search(mistake, SEEDS_MAX);
    expect(found, `${SEEDS_MAX} seeds see nothing wrong`).toBeDefined();
    expect(found?.failure).toMatch(mistake.sees);
  });
});
