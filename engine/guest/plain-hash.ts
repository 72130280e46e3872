// A hash of plain data and of bytes, the same wherever the data is the same: 32 bits, fast, not cryptographic.
//
// Equal state must give equal hashes on a replica that came to it by executing and on one that was restored: the keys of an
// object count in their alphabetical order, in whatever order they were added. A chance of 2^-32 to miss a difference is
// good enough for comparing again and again; who wants to hide a difference on purpose is not the enemy here.

import { assert } from '../errors/errors.js';

const MULTIPLIERS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;

/** Mixes a 32-bit word into a hash. */
function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, MULTIPLIERS[0]);
  return (mixed << 13) | (mixed >>> 19);
}

/** Four lanes, so that multiplications overlap: a third of a nanosecond a byte. */
export function hashWords(words: Uint32Array, seed: number): number {
  const [m0, m1, m2, m3] = MULTIPLIERS;
  let [a, b, c, d] = [seed ^ m0, seed ^ m1, seed ^ m2, seed ^ m3];
  const whole = words.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    a = Math.imul(a ^ words[at]!, m0);
    b = Math.imul(b ^ words[at + 1]!, m1);
    c = Math.imul(c ^ words[at + 2]!, m2);
    d = Math.imul(d ^ words[at + 3]!, m3);
    a = (a << 13) | (a >>> 19);
    b = (b << 13) | (b >>> 19);
    c = (c << 13) | (c >>> 19);
    d = (d << 13) | (d >>> 19);
  }
  let hash = mix(mix(mix(mix(words.length, a), b), c), d);
  for (let at = whole; at < words.length; at++) hash = mix(hash, words[at]!);
  return hash >>> 0;
}

export function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = mix(seed, bytes.length);
  const aligned = bytes.byteOffset % 4 === 0;
  const words = bytes.length >> 2;
  if (words > 0) {
    const source = aligned ? bytes : bytes.slice(0, words * 4);
    hash = hashWords(new Uint32Array(source.buffer, source.byteOffset, words), hash);
  }
  for (let at = words * 4; at < bytes.length; at++) hash = mix(hash, bytes[at]!);
  return hash >>> 0;
}

const float = new Float64Array(1);
const floatWords = new Uint32Array(float.buffer);
const integer = new BigInt64Array(1);
const integerWords = new Uint32Array(integer.buffer);

/** Kinds of values: what is empty or zero of one kind is not that of another. */
const NUMBER = 1;
const BIGINT = 2;
const STRING = 3;
const BOOLEAN = 4;
const UNDEFINED = 5;
const NULL = 6;
const BYTES = 7;
const ARRAY = 8;
const OBJECT = 9;

/** The hash of numbers, bigints, strings, booleans, null, undefined, byte arrays, and arrays and objects of them. */
export function hashPlain(value: unknown, seed: number): number {
  switch (typeof value) {
    case 'number':
      float[0] = value;
      return mix(mix(mix(seed, NUMBER), floatWords[0]!), floatWords[1]!) >>> 0;
    case 'bigint':
      return hashInteger(value, mix(seed, BIGINT));
    case 'string':
      return hashText(value, mix(seed, STRING));
    case 'boolean':
      return mix(mix(seed, BOOLEAN), value ? 1 : 0) >>> 0;
    case 'undefined':
      return mix(seed, UNDEFINED) >>> 0;
  }
  assert(typeof value === 'object', 'plain data has no functions and no symbols');
  if (value === null) return mix(seed, NULL) >>> 0;
  if (value instanceof Uint8Array) return hashBytes(value, mix(seed, BYTES));
  if (!Array.isArray(value)) return hashObject(value as Record<string, unknown>, mix(seed, OBJECT));
  return value.reduce((hash, item) => hashPlain(item, hash), mix(mix(seed, ARRAY), value.length) >>> 0);
}

function hashObject(value: Record<string, unknown>, seed: number): number {
  let hash = seed;
  for (const key of Object.keys(value).sort()) {
    // A field that is undefined and one that is not there are the same: a copy may have either.
    if (value[key] !== undefined) hash = hashPlain(value[key], hashText(key, hash));
  }
  return hash >>> 0;
}

/** 64 bits at a time, the lowest first. */
function hashInteger(value: bigint, seed: number): number {
  let hash = mix(seed, value < 0n ? 1 : 0);
  let rest = value;
  do {
    integer[0] = BigInt.asIntN(64, rest);
    hash = mix(mix(hash, integerWords[0]!), integerWords[1]!);
    rest >>= 64n;
  } while (rest !== 0n && rest !== -1n);
  return hash >>> 0;
}

function hashText(text: string, seed: number): number {
  let hash = mix(seed, text.length);
  for (let at = 0; at < text.length; at++) hash = mix(hash, text.charCodeAt(at));
  return hash >>> 0;
}
