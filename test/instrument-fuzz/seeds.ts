// How random tests are seeded: always one fixed seed, one new seed that is printed, more with EPOCHVISOR_FUZZ_FACTOR.

import fc from 'fast-check';

const FIXED_SEED = 20_260_101;

/** Runs with the fresh seed, times this; 1 in `npm test`. */
const FACTOR = Number(process.env.EPOCHVISOR_FUZZ_FACTOR ?? '1');

/** Random tests take seconds, and on a machine that is busy with other things minutes: no reason to fail. */
export const PATIENCE_MS = 1_800_000;

/** Decisions for one random program, or for one random mutation. */
export const decisions: fc.Arbitrary<number[]> = fc.array(fc.nat(0xffff), {
  minLength: 1,
  maxLength: 900,
  size: 'max',
});

/** A program is made smaller for so long, ms: each candidate is another run, and there are thousands. */
const SHRINKING_MS = 60_000;

/**
 * Checks a property with the fixed seed, and with a fresh one (EPOCHVISOR_FUZZ_SEED to repeat it). A counterexample is
 * shrunk and printed by fast-check; keep it in kept.ts with its story.
 */
export function checkRandomly<T>(what: string, runs: number, value: fc.Arbitrary<T>, check: (value: T) => void): void {
  const fresh = Number(process.env.EPOCHVISOR_FUZZ_SEED ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`${what}: fixed seed ${FIXED_SEED}, fresh seed EPOCHVISOR_FUZZ_SEED=${fresh}`);
  let failedMs = Number.POSITIVE_INFINITY;
  const bounded = (one: T): void => {
    if (performance.now() - failedMs > SHRINKING_MS) return;
    try {
      check(one);
    } catch (error) {
      failedMs = Math.min(failedMs, performance.now());
      throw error;
    }
  };
  for (const [seed, numRuns] of [
    [FIXED_SEED, runs],
    [fresh, runs * FACTOR],
  ] as const) {
    fc.assert(fc.property(value, bounded), { seed, numRuns });
  }
}
