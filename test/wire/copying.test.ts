// Copies between threads: the same bytes as `set` and `slice` give, wherever they begin and however long they are.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyOf, putCopy, unwritten } from '../../engine/wire/copying.js';

const ROOM = 4096;

function numbered(shared: boolean): Uint8Array {
  const bytes = new Uint8Array(shared ? new SharedArrayBuffer(ROOM) : new ArrayBuffer(ROOM));
  return bytes.map((_, index) => (index * 7 + (index >> 8)) & 255);
}

const kind = fc.boolean();
const place = fc.nat(ROOM / 2);
/** On either side of where a copy is done in another way. */
const length = fc.oneof(fc.nat(40), fc.integer({ min: 500, max: 530 }), fc.nat(ROOM / 2));

describe('a copy', () => {
  test('is put as `set` does, and touches nothing else', () => {
    fc.assert(
      fc.property(kind, kind, place, place, length, (fromShared, toShared, from, at, bytes) => {
        const source = numbered(fromShared).subarray(from, Math.min(from + bytes, ROOM));
        const room = new Uint8Array(toShared ? new SharedArrayBuffer(ROOM) : new ArrayBuffer(ROOM)).fill(9);
        const target = room.subarray(3);
        const expected = new Uint8Array(room);
        expected.set(source.subarray(0, target.length - at), 3 + at);
        putCopy(target, at, source.subarray(0, target.length - at));
        expect(Buffer.compare(room, expected)).toBe(0);
      }),
    );
  });

  test('is a plain array of its own', () => {
    fc.assert(
      fc.property(kind, place, length, (shared, from, bytes) => {
        const source = numbered(shared).subarray(from, from + bytes);
        const copy = copyOf(source);
        expect(Buffer.compare(copy, source)).toBe(0);
        // A Buffer's slice would be a view of it, and a pool would be shared with others.
        expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype);
        expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
        expect(copy.buffer.byteLength).toBe(source.length);
      }),
    );
  });

  test('does not fit where there is no room', () => {
    for (const bytes of [8, 1024]) {
      expect(() => putCopy(new Uint8Array(bytes), 1, new Uint8Array(bytes))).toThrow(RangeError);
    }
  });

  test('goes to memory that nobody else has', () => {
    const [one, other] = [unwritten(1024), unwritten(1024)];
    one.fill(1);
    other.fill(2);
    expect(one.every(byte => byte === 1)).toBe(true);
    expect(unwritten(0).length).toBe(0);
  });
});
