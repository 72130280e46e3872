// FNV-1a, 64 bits: a running hash by which a checker outside can follow what a guest has seen.

/** The hash of nothing. */
export const HASH_START: u64 = 0xcbf29ce484222325;
const PRIME: u64 = 0x100000001b3;

/** Goes on from `hash` with the eight bytes of `value`, lowest first. */
export function hashValue(hash: u64, value: u64): u64 {
  for (let i = 0; i < 8; i++) {
    hash = (hash ^ (value & 0xff)) * PRIME;
    value >>= 8;
  }
  return hash;
}

/** Goes on from `hash` with `length` bytes of `bytes`, from `from` on. */
export function hashBytes(hash: u64, bytes: Uint8Array, from: i32, length: i32): u64 {
  const start = bytes.dataStart + <usize>from;
  assert(from >= 0 && length >= 0 && from <= bytes.length - length, 'the hashed range lies in the array');
  for (let i: usize = 0; i < <usize>length; i++) hash = (hash ^ <u64>load<u8>(start + i)) * PRIME;
  return hash;
}

/** The next value of a small generator (splitmix64) whose state is `seed`, advanced by `next`. */
export function scramble(seed: u64): u64 {
  let z = seed + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
