// Constants of every type: small ones, those at the edges of a type, infinities and NaNs of several kinds.

import { signedLeb } from '../building/bytes.js';
import type { ValueType } from './operators.js';

const INTEGERS = [0n, 1n, -1n, 2n, 7n, 255n, -128n, 65535n, 0x7fffffffn, -0x80000000n, 12345678n] as const;
const LONGS = [...INTEGERS, 0x7fffffffffffffffn, -0x8000000000000000n, 0x123456789abcdefn] as const;
const SINGLES = [0, 0x3f800000, 0x80000000, 0x7f800000, 0x7fc00000, 0x7fa00001, 0xffc00003, 0x4f000000, 1] as const;
const DOUBLES = [
  0n,
  0x3ff0000000000000n,
  0x8000000000000000n,
  0x7ff0000000000000n,
  0x7ff8000000000000n,
  0x7ff4000000000001n,
  0xfff8000000000005n,
  0x41e0000000000000n,
  1n,
] as const;

/** The instruction; the same for each `choice` of the same remainder. */
export function constantBytes(type: ValueType, choice: number): readonly number[] {
  const single = SINGLES[choice % SINGLES.length]!;
  switch (type) {
    case 'i32':
      return [0x41, ...signedLeb(INTEGERS[choice % INTEGERS.length]!)];
    case 'i64':
      return [0x42, ...signedLeb(LONGS[choice % LONGS.length]!)];
    case 'f32':
      return [0x43, ...new Uint8Array(Uint32Array.of(single).buffer)];
    case 'f64':
      return [0x44, ...new Uint8Array(BigUint64Array.of(DOUBLES[choice % DOUBLES.length]!).buffer)];
    case 'v128':
      return [0xfd, 0x0c, ...new Uint8Array(Uint32Array.of(single, choice, single ^ 1, 0x7fc00000).buffer)];
  }
}
