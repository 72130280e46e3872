// RL: which reads of a guest are followed by a release.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNDS, isReleaseDue, RELEASE_BYTES } from '../../engine/protocol/bounds.js';

describe('RL: consumed input', () => {
  it('is released whole when nothing is left, and else never much later than it is read', () => {
    const deliveries = fc.array(fc.integer({ min: 1, max: 3 * RELEASE_BYTES }), { minLength: 1, maxLength: 8 });
    const reads = fc.infiniteStream(fc.integer({ min: 1, max: 2 * RELEASE_BYTES }));
    fc.assert(
      fc.property(deliveries, reads, (sizes, wanted) => {
        let [consumed, released] = [0, 0];
        for (const size of sizes) {
          for (let readable = size; readable > 0; ) {
            const read = Math.min(readable, wanted.next().value as number);
            readable -= read;
            consumed += read;
            if (isReleaseDue(consumed, read, readable)) released = consumed;
            expect(consumed - released).toBeLessThan(RELEASE_BYTES);
          }
          expect(released).toBe(consumed);
        }
      }),
    );
  });

  it('is not released for a read that took nothing', () => {
    expect(isReleaseDue(RELEASE_BYTES, 0, 0)).toBe(false);
  });

  it('is released for a byte that reaches a multiple, and not for the one after', () => {
    expect(isReleaseDue(RELEASE_BYTES - 1, 1, 9)).toBe(false);
    expect(isReleaseDue(RELEASE_BYTES, 1, 9)).toBe(true);
    expect(isReleaseDue(RELEASE_BYTES + 1, 1, 9)).toBe(false);
  });

  it('is held back for less than the bus waits for', () => {
    expect(RELEASE_BYTES).toBeLessThan(BOUNDS.inputWindowBytes / 2);
  });
});
