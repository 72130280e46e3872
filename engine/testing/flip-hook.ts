// What a test of divergence does to a replica from inside: one bit of its memory changes, as it might by a fault of its host.

import { assert } from '../errors/errors.js';
import type { BoundaryHook, HookModule } from '../guest/boundary-hook.js';

/** At the first boundary at or after `count`. */
export interface BitFlip {
  readonly count: number;
  readonly address: number;
  /** 0 to 7. */
  readonly bit: number;
}

export function flipHook(flip: BitFlip): HookModule {
  return { module: import.meta.url, options: flip };
}

/** On the guest thread. */
export function newHook({ count, address, bit }: BitFlip): BoundaryHook {
  let flipped = false;
  return {
    // It makes no boundary of its own, so that the guest's code takes those that it would have taken.
    wantedCount: () => Infinity,
    boundary: (place, memory) => {
      if (flipped || place.count < count) return;
      flipped = true;
      const bytes = memory();
      assert(address < bytes.length && bit >= 0 && bit < 8, 'the bit to flip lies in the memory of the guest');
      bytes[address]! ^= 1 << bit;
    },
  };
}
