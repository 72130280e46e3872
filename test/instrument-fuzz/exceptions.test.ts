// Random programs with exceptions show a host what they show on V8's own exceptions, in both forms, suspended or not.
//
// V8's legacy form is the oracle on every Node. The standard form of a program is made by Binaryen. Counts are those of
// lowered code (engine/instrument/exceptions), so a program cannot count itself: block and exact counting are compared.

import binaryen from 'binaryen';
import { describe, expect, test } from 'vitest';
import { type Outcome, runPlain, runRewritten, runSuspended } from './outcome.js';
import { buildProgram } from './program.js';
import { checkRandomly, decisions, PATIENCE_MS } from './seeds.js';

const OPTIONS = { nanBits: false, counted: false, exceptions: true };

const seen = ({ calls, end, memory }: Outcome): Omit<Outcome, 'counts'> => ({ calls, end, memory });

/** At a trap, block counting may be ahead by the rest of the block: the last count is not compared. */
const comparable = ({ counts, end }: Outcome): readonly number[] => (end === 'returned' ? counts : counts.slice(0, -1));

/** Not all, for with garbage collection Binaryen writes types that nobody here reads. */
const { Features } = binaryen;
const FEATURES = [
  ...[Features.MutableGlobals, Features.NontrappingFPToInt, Features.SignExt, Features.Multivalue, Features.TailCall],
  ...[Features.BulkMemory, Features.ReferenceTypes, Features.SIMD128, Features.ExceptionHandling],
].reduce((all, feature) => all | feature, 0);

/** The same program with try_table, throw_ref and exnref. */
function standardForm(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinaryWithFeatures(bytes, FEATURES);
  try {
    module.runPasses(['translate-to-exnref']);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/**
 * As it was without being suspended; or the stack of this thread, smaller than what a machine gives its guest, was full before
 * (frames are larger where they can be unwound), and until then all was the same.
 */
function expectAlike(suspended: Outcome, plain: Pick<Outcome, 'calls' | 'end' | 'memory'>): void {
  if (suspended.end !== FULL_STACK) expect(seen(suspended)).toEqual(plain);
  else expect(plain.calls.slice(0, suspended.calls.length)).toEqual(suspended.calls);
}
const FULL_STACK = 'Maximum call stack size exceeded';

describe('random programs with exceptions', { timeout: PATIENCE_MS }, () => {
  test('are valid, and most of them throw and go on', () => {
    let traps = 0;
    let programs = 0;
    checkRandomly('valid programs', 60, decisions, choices => {
      const bytes = buildProgram(choices, OPTIONS);
      expect(WebAssembly.validate(bytes)).toBe(true);
      programs += 1;
      if (runPlain(bytes).end !== 'returned') traps += 1;
    });
    expect(traps).toBeLessThan(programs / 3);
  });

  test('show a host the same when rewritten, and count alike in blocks and exactly', () => {
    checkRandomly('same behaviour', 60, decisions, choices => {
      const bytes = buildProgram(choices, OPTIONS);
      const plain = seen(runPlain(bytes));
      const exact = runRewritten(bytes, 'exact', 7);
      expect(seen(exact)).toEqual(plain);
      for (const length of [1, 7, 1_000_000]) {
        const block = runRewritten(bytes, 'block', length);
        expect(seen(block)).toEqual(plain);
        expect(comparable(block)).toEqual(comparable(exact));
      }
    });
  });

  test('show a host the same when they are suspended at every boundary', () => {
    checkRandomly('suspended', 15, decisions, choices => {
      const bytes = buildProgram(choices, OPTIONS);
      const plain = seen(runPlain(bytes));
      expectAlike(runSuspended(bytes, 'block', 13), plain);
      expectAlike(runSuspended(bytes, 'exact', 101), plain);
      expectAlike(runSuspended(bytes, 'block', 301, 'fresh-instance'), plain);
    });
  });

  test('show a host the same in the standard form', () => {
    checkRandomly('standard form', 30, decisions, choices => {
      const bytes = buildProgram(choices, OPTIONS);
      const plain = seen(runPlain(bytes));
      const standard = standardForm(bytes);
      expect(seen(runRewritten(standard, 'block', 7))).toEqual(plain);
      expect(seen(runRewritten(standard, 'exact', 1000))).toEqual(plain);
      expectAlike(runSuspended(standard, 'block', 101), plain);
    });
  });
});
