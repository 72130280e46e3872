// Input as a guest reads it, however deliveries and reads are cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Input } from '../../engine/streams/input.js';

describe('input', () => {
  it('gives the delivered bytes in order, however deliveries and reads are cut, also across a snapshot', () => {
    const deliveries = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
    const reads = fc.infiniteStream(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.boolean(), fc.boolean()));
    fc.assert(
      fc.property(deliveries, reads, (chunks, sizes) => {
        let input = new Input();
        for (const chunk of chunks) input.deliver(chunk, false);
        const all = chunks.flatMap(chunk => [...chunk]);
        expect(input.readableBytes).toBe(all.length);
        const got: number[] = [];
        for (const [size, looks, saved] of sizes) {
          if (saved) input = new Input(structuredClone(input.save()));
          const target = new Uint8Array(size);
          const read = input.read(target, looks);
          expect([...target.subarray(0, read)]).toEqual(all.slice(got.length, got.length + read));
          if (looks) continue;
          got.push(...target.subarray(0, read));
          expect([input.consumed, input.readableBytes]).toEqual([got.length, all.length - got.length]);
          if (read === 0) break;
        }
        expect(got).toEqual(all);
      }),
    );
  });

  it('knows its end, and keeps what came before it', () => {
    const input = new Input();
    input.deliver(Uint8Array.of(1, 2), true);
    expect([input.ended, input.readableBytes]).toEqual([true, 2]);
    expect(new Input(input.save()).ended).toBe(true);
  });
});
