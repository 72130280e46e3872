// Input streams as a bare guest reads them, however deliveries and reads are cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputStreams } from '../../engine/guest/input-streams.js';

describe('input streams', () => {
  it('give the delivered bytes in order, however deliveries and reads are cut', () => {
    const deliveries = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
    const reads = fc.infiniteStream(fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(deliveries, reads, (chunks, sizes) => {
        const streams = new InputStreams([0]);
        let readable = 0;
        for (const chunk of chunks) {
          readable += chunk.length;
          expect(streams.deliver(0, chunk, false)).toBe(readable);
        }
        const got: number[] = [];
        for (const size of sizes) {
          const target = new Uint8Array(size);
          const result = streams.read(0, target);
          expect(result?.consumed).toBe(got.length + (result?.read ?? 0));
          if (result === undefined || result.read === 0) break;
          got.push(...target.subarray(0, result.read));
        }
        expect(got).toEqual(chunks.flatMap(chunk => [...chunk]));
      }),
    );
  });

  it('end only after all bytes were read', () => {
    const streams = new InputStreams([0]);
    streams.deliver(0, Uint8Array.of(1, 2), true);
    const target = new Uint8Array(2);
    expect(streams.read(0, target)).toEqual({ read: 2, consumed: 2, readable: 0, end: false });
    expect(streams.read(0, target)).toEqual({ read: 0, consumed: 2, readable: 0, end: true });
  });

  it('tell a stream that does not exist from one without bytes', () => {
    const streams = new InputStreams([0]);
    expect(streams.read(5, new Uint8Array(1))).toBeUndefined();
    expect(streams.read(0, new Uint8Array(1))).toEqual({ read: 0, consumed: 0, readable: 0, end: false });
  });
});
