// Random programs show a host the same, rewritten or not, and count as they should.

import { describe, expect, test } from 'vitest';
import { KEPT } from './kept.js';
import { type Outcome, runPlain, runRewritten } from './outcome.js';
import { buildProgram } from './program.js';
import { checkRandomly, decisions, PATIENCE_MS } from './seeds.js';

/** Everything but the counts. */
const seen = ({ calls, end, memory }: Outcome): Omit<Outcome, 'counts'> => ({ calls, end, memory });

/** At a trap, block counting may be ahead by the rest of the block: the last count is not compared. */
const comparable = ({ counts, end }: Outcome): readonly number[] => (end === 'returned' ? counts : counts.slice(0, -1));

const EPOCH_LENGTHS = [1, 7, 1000, 1_000_000];

describe.each(KEPT)('the program kept because $story', ({ decisions: kept }) => {
  test('behaves and counts as it should', () => {
    const bytes = buildProgram(kept, { nanBits: false, counted: false });
    const own = runPlain(buildProgram(kept, { nanBits: false, counted: true }));
    expect(seen(runPlain(bytes))).toEqual(seen(own));
    for (const length of EPOCH_LENGTHS) {
      expect(comparable(runRewritten(bytes, 'block', length))).toEqual(comparable(own));
      expect(seen(runRewritten(bytes, 'block', length))).toEqual(seen(own));
    }
    expect(comparable(runRewritten(bytes, 'exact', 7))).toEqual(comparable(own));
  });
});

describe('random programs', { timeout: PATIENCE_MS }, () => {
  test('are valid, and few of them trap', () => {
    let traps = 0;
    let programs = 0;
    checkRandomly('valid programs', 100, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: programs % 2 === 0, counted: programs % 3 === 0 });
      expect(WebAssembly.validate(bytes)).toBe(true);
      programs += 1;
      if (runPlain(bytes).end !== 'returned') traps += 1;
    });
    expect(traps).toBeLessThan(programs / 5);
  });

  test('show a host the same when rewritten, at every epoch length', () => {
    checkRandomly('same behaviour', 60, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: false, counted: false });
      const plain = seen(runPlain(bytes));
      for (const length of EPOCH_LENGTHS) expect(seen(runRewritten(bytes, 'block', length))).toEqual(plain);
      expect(seen(runRewritten(bytes, 'exact', 7))).toEqual(plain);
    });
  });

  test('have the same instruction count under block and exact counting at every host call and at exit', () => {
    checkRandomly('same counts', 60, decisions, choices => {
      const bytes = buildProgram(choices, { nanBits: true, counted: false });
      const exact = runRewritten(bytes, 'exact', 1000);
      for (const length of EPOCH_LENGTHS) {
        const block = runRewritten(bytes, 'block', length);
        expect(comparable(block)).toEqual(comparable(exact));
        expect(seen(block)).toEqual(seen(exact));
      }
    });
  });

  test('have the instruction count that a program which counts itself arrives at', () => {
    checkRandomly('right counts', 60, decisions, choices => {
      const own = runPlain(buildProgram(choices, { nanBits: false, counted: true }));
      const ours = runRewritten(buildProgram(choices, { nanBits: false, counted: false }), 'block', 1_000_000);
      expect(ours.calls).toEqual(own.calls);
      expect(comparable(ours)).toEqual(comparable(own));
    });
  });
});
