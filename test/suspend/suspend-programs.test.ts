// Random programs, unwound at every boundary and continued: nothing may show, and the counts are the same.

import { describe, expect, test } from 'vitest';
import { type Outcome, runRewritten, runSuspended } from '../instrument-fuzz/outcome.js';
import { buildProgram } from '../instrument-fuzz/program.js';
import { checkRandomly, decisions } from '../instrument-fuzz/seeds.js';

/** Frames weigh more where they can be unwound, so a deep recursion may end earlier; nothing else may differ. */
const overflowed = ({ end }: Outcome) => end.includes('stack');

describe('random programs that are suspended at every boundary', () => {
  test.each([
    ['block', 1, 20],
    ['block', 7, 20],
    ['block', 1000, 20],
    ['exact', 3, 3],
    ['exact', 101, 15],
  ] as const)('show a host the same, and count the same: %s counting, epochs of %i', (counting, epochLength, runs) => {
    checkRandomly(`suspended ${counting} ${epochLength}`, runs, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: true, counted: false });
      const expected = runRewritten(bytes, counting, epochLength);
      if (overflowed(expected)) return;
      expect(runSuspended(bytes, counting, epochLength)).toEqual(expected);
    });
  });

  test.each([
    ['block', 1, 10],
    ['block', 101, 10],
    ['exact', 101, 5],
  ] as const)(
    'show a host the same, and count the same, in fresh instances: %s counting, epochs of %i',
    (counting, epochLength, runs) => {
      checkRandomly(`fresh ${counting} ${epochLength}`, runs, decisions, choices => {
        const bytes = buildProgram(choices, { nanBits: true, counted: false });
        const expected = runRewritten(bytes, counting, epochLength);
        if (overflowed(expected)) return;
        expect(runSuspended(bytes, counting, epochLength, 'fresh-instance')).toEqual(expected);
      });
    },
  );
});
