// Shows: a long deterministic computation that prints as it goes. Arguments: rounds (1000), size of a round (40).
import { numberArgument } from '../lib/arguments';
import { println } from '../lib/console';
import { HASH_START, hashValue, scramble } from '../lib/hash';
import { hex64 } from '../lib/text';
export { interrupt } from '../lib/interrupts';

/** Number of primes below `limit`, by a sieve: bytes and short loops. */
function countPrimes(limit: i32): i32 {
  const composite = new Uint8Array(limit);
  let count = 0;
  for (let i = 2; i < limit; i++) {
    if (unchecked(composite[i]) != 0) continue;
    count++;
    for (let j = i + i; j < limit; j += i) unchecked((composite[j] = 1));
  }
  return count;
}

/** Longest Collatz chain that starts in a range: 64-bit integers and branches nobody can foresee. */
function longestChain(from: i64, count: i32): i32 {
  let longest = 0;
  for (let start = from; start < from + count; start++) {
    let steps = 0;
    for (let n = start; n != 1; steps++) n = (n & 1) == 0 ? n >> 1 : 3 * n + 1;
    longest = max(longest, steps);
  }
  return longest;
}

/** Trace of the square of a matrix made from a seed: floating point. */
function matrixTrace(order: i32, seed: u64): f64 {
  const cells = new StaticArray<f64>(order * order);
  for (let i = 0; i < cells.length; i++) {
    seed = scramble(seed);
    unchecked((cells[i] = <f64>(seed >> 40) / 16777216.0));
  }
  let trace = 0.0;
  for (let row = 0; row < order; row++) {
    for (let i = 0; i < order; i++) trace += unchecked(cells[row * order + i]) * unchecked(cells[i * order + row]);
  }
  return trace;
}

const rounds = <i32>numberArgument(1, 'rounds', 1000, 1, 1_000_000_000);
const size = <i32>numberArgument(2, 'size', 40, 1, 1000);

let hash = HASH_START;
for (let round = 1; round <= rounds; round++) {
  const primes = countPrimes(size * 2000 + round);
  const chain = longestChain(<i64>round * 10_000 + 1, size * 150);
  const trace = matrixTrace(size * 8, <u64>round);
  hash = hashValue(hashValue(hashValue(hash, primes), chain), reinterpret<u64>(trace));
  println(`${round} primes=${primes} chain=${chain} trace=${trace} ${hex64(hash)}`);
}
