// Hashes of plain data: the same for the same data however it came about, another for other data.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashBytes, hashPlain, hashWords } from '../../engine/guest/plain-hash.js';

const plain = fc
  .anything({ withBigInt: true, withTypedArray: false, maxDepth: 3 })
  .map(value => structuredClone(value));

describe('the hash of plain data', () => {
  test('is the same for a copy, and an unsigned number of 32 bits', () => {
    fc.assert(
      fc.property(plain, value => {
        const hash = hashPlain(value, 1);
        expect(hash).toBe(hashPlain(structuredClone(value), 1));
        expect(hash).toBe(hash >>> 0);
      }),
    );
  });

  test('does not depend on the order of fields, or on fields that are undefined', () => {
    expect(hashPlain({ a: 1, b: [2n] }, 7)).toBe(hashPlain({ c: undefined, b: [2n], a: 1 }, 7));
  });

  test('differs for values that differ a little', () => {
    const values = [
      undefined,
      null,
      false,
      true,
      0,
      -0,
      1,
      0.1,
      0n,
      1n,
      -1n,
      2n ** 63n,
      2n ** 64n - 1n,
      '',
      '0',
      'a',
      [],
      [0],
      [0, 0],
      [[]],
      {},
      { a: 0 },
      { b: 0 },
      { a: 1 },
      new Uint8Array(0),
      new Uint8Array(1),
      new Uint8Array(4),
    ];
    const hashes = values.map(value => hashPlain(value, 3));
    expect(new Set(hashes).size).toBe(values.length);
  });

  test('sees every bit of a byte array, wherever it lies', () => {
    for (const length of [1, 3, 4, 7, 16, 35]) {
      for (const offset of [0, 1]) {
        const bytes = new Uint8Array(length + 1).subarray(offset, offset + length);
        const clean = hashBytes(bytes, 5);
        expect(clean).toBe(hashBytes(bytes.slice(), 5));
        for (let bit = 0; bit < 8 * length; bit++) {
          bytes[bit >> 3]! ^= 1 << (bit & 7);
          expect(hashBytes(bytes, 5)).not.toBe(clean);
          bytes[bit >> 3]! ^= 1 << (bit & 7);
        }
      }
    }
  });

  test('of words sees every bit', () => {
    const words = new Uint32Array(37);
    const clean = hashWords(words, 1);
    for (let bit = 0; bit < 32 * words.length; bit++) {
      words[bit >> 5]! ^= 1 << (bit & 31);
      expect(hashWords(words, 1)).not.toBe(clean);
      words[bit >> 5]! ^= 1 << (bit & 31);
    }
  });
});
