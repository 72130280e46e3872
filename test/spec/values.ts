// Values of test scripts as bytes: written as arguments, and matched, bit by bit, as results.

import type { Value } from './commands.js';

const LANE_BYTES = { i8: 1, i16: 2, i32: 4, f32: 4, i64: 8, f64: 8 } as const;

type Lane = keyof typeof LANE_BYTES;

/** The lanes of a value: a plain number is one lane. */
function lanes(value: Value): { lane: Lane; texts: readonly string[] } {
  const { type, value: text } = value;
  if (type === 'v128') {
    if (value.lane_type === undefined || !Array.isArray(text)) throw new Error('a v128 without lanes');
    return { lane: value.lane_type, texts: text };
  }
  if (type === 'externref' || type === 'funcref' || typeof text !== 'string') throw new Error(`no bytes for ${type}`);
  return { lane: type, texts: [text] };
}

/** Writes the bits of a number (never a pattern) at `offset`, little endian. */
export function writeValue(view: DataView, offset: number, value: Value): void {
  const { lane, texts } = lanes(value);
  const bytes = LANE_BYTES[lane];
  for (const [index, text] of texts.entries()) setBits(view, offset + index * bytes, bytes, BigInt(text));
}

function setBits(view: DataView, at: number, bytes: number, bits: bigint): void {
  if (bytes === 1) view.setUint8(at, Number(bits & 0xffn));
  else if (bytes === 2) view.setUint16(at, Number(bits & 0xffffn), true);
  else if (bytes === 4) view.setUint32(at, Number(bits & 0xffffffffn), true);
  else view.setBigUint64(at, bits & 0xffffffffffffffffn, true);
}

function getBits(view: DataView, at: number, bytes: number): bigint {
  if (bytes === 1) return BigInt(view.getUint8(at));
  if (bytes === 2) return BigInt(view.getUint16(at, true));
  if (bytes === 4) return BigInt(view.getUint32(at, true));
  return view.getBigUint64(at, true);
}

/** Undefined when the bits at `offset` are what is expected, else both sides in words. */
export function mismatch(view: DataView, offset: number, expected: Value): string | undefined {
  const { lane, texts } = lanes(expected);
  const bytes = LANE_BYTES[lane];
  for (const [index, text] of texts.entries()) {
    const bits = getBits(view, offset + index * bytes, bytes);
    if (!laneMatches(bits, lane, text)) {
      return `${expected.type} lane ${index} of ${lane}: expected ${text}, got ${bits} (0x${bits.toString(16)})`;
    }
  }
  return undefined;
}

/** Canonical: payload is the quiet bit alone, either sign. Arithmetic: the quiet bit is set. */
function laneMatches(bits: bigint, lane: Lane, text: string): boolean {
  if (!text.startsWith('nan:')) return bits === BigInt.asUintN(LANE_BYTES[lane] * 8, BigInt(text));
  const single = lane === 'f32';
  const quiet = single ? 0x7fc00000n : 0x7ff8000000000000n;
  const magnitude = bits & (single ? 0x7fffffffn : 0x7fffffffffffffffn);
  return text === 'nan:canonical' ? magnitude === quiet : (magnitude & quiet) === quiet;
}
