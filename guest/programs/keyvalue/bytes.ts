// Keys and values are bytes: comparing, hashing and matching them, and the numbers that they spell.

import { random64 } from '../../lib/random';

/** What the last `parseInteger` that answered true has read. */
export let parsedInteger: i64 = 0;

const PRIME: u64 = 0x9e3779b97f4a7c15;
/** Drawn by each machine at its start: a client that knows this file still can't aim all its keys at one bucket. */
const hashSeed: u64 = random64();

/** Eight bytes a step: keys are short, and this is asked for each command. */
export function hashOf(address: usize, length: i32): u32 {
  let hash = hashSeed ^ (<u64>length * PRIME);
  for (; length >= 8; length -= 8, address += 8) hash = mixed(hash ^ load<u64>(address));
  if (length >= 4) {
    hash = mixed(hash ^ <u64>load<u32>(address));
    length -= 4;
    address += 4;
  }
  let last: u64 = 0;
  for (; length > 0; length--, address++) last = (last << 8) | <u64>load<u8>(address);
  return <u32>(mixed(hash ^ last) >> 16);
}

// @ts-ignore: decorator
@inline
function mixed(value: u64): u64 {
  value *= PRIME;
  value ^= value >> 29;
  value *= 0xbf58476d1ce4e5b9;
  return value ^ (value >> 32);
}

export function areEqual(one: usize, other: usize, length: i32): bool {
  for (; length >= 8; length -= 8, one += 8, other += 8) if (load<u64>(one) != load<u64>(other)) return false;
  for (; length > 0; length--, one++, other++) if (load<u8>(one) != load<u8>(other)) return false;
  return true;
}

// @ts-ignore: decorator
@inline
export function lowercase(byte: u32): u32 {
  return byte - 65 < 26 ? byte | 32 : byte;
}

/** Whether the bytes spell `word`, which is in small letters, in whatever case. */
export function spells(address: usize, length: i32, word: string): bool {
  if (length != word.length) return false;
  for (let at = 0; at < length; at++) {
    if (lowercase(load<u8>(address + <usize>at)) != <u32>word.charCodeAt(at)) return false;
  }
  return true;
}

/** Whether the bytes are a whole number of 64 bits as the server itself would print it: no plus, no zero in front. */
export function parseInteger(address: usize, length: i32): bool {
  if (length < 1 || length > 20) return false;
  const end = address + <usize>length;
  const negative = load<u8>(address) == 45;
  if (negative) address++;
  if (address == end) return false;
  if (load<u8>(address) == 48) {
    parsedInteger = 0;
    return !negative && length == 1;
  }
  let value: u64 = 0;
  for (; address < end; address++) {
    const digit = <u64>load<u8>(address) - 48;
    if (digit > 9 || value > (u64.MAX_VALUE - digit) / 10) return false;
    value = value * 10 + digit;
  }
  const greatest: u64 = negative ? 1 << 63 : <u64>i64.MAX_VALUE;
  if (value > greatest) return false;
  parsedInteger = negative ? -(<i64>value) : <i64>value;
  return true;
}

/** Bytes that `putInteger` writes at most. */
export const INTEGER_BYTES: i32 = 20;

/** Writes a number in decimal digits at `address`; answers how many bytes that were. */
export function putInteger(value: i64, address: usize): i32 {
  if (value >= 0 && value < 10) {
    store<u8>(address, <u8>(48 + value));
    return 1;
  }
  const negative = value < 0;
  let left: u64 = negative ? 0 - <u64>value : <u64>value;
  let length = negative ? 2 : 1;
  for (let rest = left; rest >= 10; rest /= 10) length++;
  for (let at = address + <usize>length - 1; ; at--) {
    store<u8>(at, <u8>(48 + (left % 10)));
    left /= 10;
    if (left == 0) break;
  }
  if (negative) store<u8>(address, 45);
  return length;
}

/**
 * Whether text matches a pattern of `*`, `?`, `[a-z]`, `[^a]` and `\`. On a mismatch only the latest star takes a byte
 * more: what an earlier one could take, the later could as well. So it takes no longer than both lengths multiplied.
 */
export function matches(pattern: usize, patternLength: i32, text: usize, textLength: i32): bool {
  const patternEnd = pattern + <usize>patternLength;
  const textEnd = text + <usize>textLength;
  let afterStar: usize = 0;
  let starText: usize = 0;
  while (text < textEnd || pattern < patternEnd) {
    if (pattern < patternEnd && load<u8>(pattern) == 42) {
      afterStar = ++pattern;
      starText = text;
      continue;
    }
    if (text < textEnd && pattern < patternEnd) {
      const next = matchOne(pattern, patternEnd, load<u8>(text));
      if (next != 0) {
        pattern = next;
        text++;
        continue;
      }
    }
    if (afterStar == 0 || starText == textEnd) return false;
    pattern = afterStar;
    text = ++starText;
  }
  return true;
}

/** Where the pattern goes on once its next element has taken `byte`; 0: it does not take it. */
function matchOne(pattern: usize, end: usize, byte: u8): usize {
  const first = load<u8>(pattern);
  if (first == 63) return pattern + 1;
  if (first == 91) return matchClass(pattern + 1, end, byte);
  if (first == 92 && pattern + 1 < end) pattern++;
  return load<u8>(pattern) == byte ? pattern + 1 : 0;
}

/** The same for what follows `[`. A class without its end goes to the end of the pattern. */
function matchClass(pattern: usize, end: usize, byte: u8): usize {
  const negated = pattern < end && load<u8>(pattern) == 94;
  if (negated) pattern++;
  let found = false;
  for (; pattern < end && load<u8>(pattern) != 93; pattern++) {
    if (load<u8>(pattern) == 92 && pattern + 1 < end) {
      pattern++;
      found = found || load<u8>(pattern) == byte;
    } else if (pattern + 2 < end && load<u8>(pattern, 1) == 45) {
      const one = load<u8>(pattern);
      const other = load<u8>(pattern, 2);
      pattern += 2;
      found = found || (byte >= min(one, other) && byte <= max(one, other));
    } else {
      found = found || load<u8>(pattern) == byte;
    }
  }
  return found != negated ? min(pattern + 1, end) : 0;
}
