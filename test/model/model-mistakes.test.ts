// The model can see: each mistake that is planted in it breaks the invariant that it should, and the model says how.

import { describe, expect, it } from 'vitest';
import { needs } from '../setup/needs.js';
import { explore } from './explore.js';
import { MACHINES } from './machines.js';
import { MODEL_MISTAKES } from './model-mistakes.js';

describe.each(MODEL_MISTAKES)('$name: $mistake', needs('spin'), ({ name, machine, sees }) => {
  it('is refuted', { timeout: 300_000 }, () => {
    const { violated, story } = explore([...MACHINES[machine].definitions, `MISTAKE_${name}`], '-O0');
    expect(violated, story.join('\n') || 'no interleaving shows it').toMatch(sees);
    expect(story.length).toBeGreaterThan(2);
  });
});
