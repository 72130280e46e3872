// The ring between two threads keeps order and content, and refuses what never fits.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ring } from '../../engine/threads/ring.js';

const CAPACITY = 1024;

function newRing(capacity = CAPACITY): Ring {
  return new Ring(new SharedArrayBuffer(Ring.bytesFor(capacity)), 0, capacity);
}

function put(ring: Ring, type: number, payload: Uint8Array): boolean {
  return ring.write(type, payload.length, (bytes, at) => {
    bytes.set(payload, at);
    return payload.length;
  });
}

function take(ring: Ring): { type: number; payload: number[] } | undefined {
  let taken: { type: number; payload: number[] } | undefined;
  ring.read((type, bytes, at, length) => {
    taken = { type, payload: [...bytes.slice(at, at + length)] };
  });
  return taken;
}

describe('ring', () => {
  it('lays a record out as length, type and padded payload', () => {
    const memory = new SharedArrayBuffer(Ring.bytesFor(64));
    const ring = new Ring(memory, 0, 64);
    put(ring, 5, Uint8Array.of(1, 2, 3));
    // head 16, tail 0, then the record.
    expect([...new Uint8Array(memory, 0, 24)]).toEqual([
      16, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0,
    ]);
  });

  it('answers false and writes nothing where there is no room', () => {
    const ring = newRing(64);
    expect(put(ring, 1, new Uint8Array(24))).toBe(true);
    expect(put(ring, 2, new Uint8Array(24))).toBe(true);
    expect(put(ring, 3, new Uint8Array(0))).toBe(false);
    expect(take(ring)?.type).toBe(1);
    expect(put(ring, 3, new Uint8Array(0))).toBe(true);
    expect([take(ring)?.type, take(ring)?.type, take(ring)]).toEqual([2, 3, undefined]);
  });

  it('keeps order and content of any records, in any interleaving of writes and reads', () => {
    const step = fc.oneof(fc.uint8Array({ maxLength: 500 }), fc.constant('read' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const ring = newRing();
        const inside: number[][] = [];
        for (const one of steps) {
          if (one === 'read') {
            expect(take(ring)?.payload).toEqual(inside.shift());
          } else if (put(ring, 1, one)) {
            inside.push([...one]);
          } else {
            // A refusal is right only if the record, and the filler it may need, do not fit.
            const used = inside.reduce((sum, { length }) => sum + 8 + Math.ceil(length / 8) * 8, 0);
            expect(used + 2 * (8 + one.length + 8)).toBeGreaterThan(CAPACITY);
          }
        }
        expect(ring.isEmpty).toBe(inside.length === 0);
        for (const payload of inside) expect(take(ring)?.payload).toEqual(payload);
        expect(take(ring)).toBeUndefined();
      }),
    );
  });

  it('works across the wrap of its 32-bit positions', () => {
    const memory = new SharedArrayBuffer(Ring.bytesFor(64));
    new Int32Array(memory, 0, 2).fill(-16);
    const ring = new Ring(memory, 0, 64);
    for (let round = 0; round < 5; round++) {
      expect(put(ring, 1, Uint8Array.of(round))).toBe(true);
      expect(take(ring)?.payload).toEqual([round]);
    }
  });

  it('refuses a record that would never fit', () => {
    expect(() => put(newRing(), 1, new Uint8Array(CAPACITY))).toThrow('a record fits the ring');
  });
});
