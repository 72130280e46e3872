// Random choices of a test, from a seed that is printed: `SEED=n` makes them again.

/** Numbers from 0 to below 1 (mulberry32). */
export function generator(): () => number {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_000);
  console.log(`SEED=${seed}`);
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
