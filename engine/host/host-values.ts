// Values of host functions as bytes: arguments on their way to the bus, results on their way through the log.
//
//   i32 4 bytes, i64 8, f32 4, f64 8, little-endian; bytes and text: their length (4 bytes), and they themselves
//   a result: 0 and the value, or 1 and the text of what went wrong
//
// A NaN is the canonical one, wherever it comes from: JavaScript does not say what its bits are.

import type { HostKind, HostResult, HostValue } from './host-function.js';

/** Arguments of one call, and a result, at most. */
export const HOST_BYTES_MAX = 1 << 20;
/** Of the text of what went wrong. */
const REASON_MAX = 1_000;

const RETURNED = 0;
const FAILED = 1;

export type HostOutcome =
  | { readonly kind: 'returned'; readonly value: HostValue | undefined }
  | { readonly kind: 'failed'; readonly reason: string };

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function encodeValues(kinds: readonly HostKind[], values: readonly HostValue[]): Uint8Array {
  return joined(kinds.map((kind, index) => encodeValue(kind, values[index]!)));
}

export function decodeValues(kinds: readonly HostKind[], bytes: Uint8Array): HostValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  return kinds.map(kind => {
    const from = at;
    switch (kind) {
      case 'i32':
        at += 4;
        return view.getInt32(from, true);
      case 'i64':
        at += 8;
        return view.getBigInt64(from, true);
      case 'f32':
        at += 4;
        return view.getFloat32(from, true);
      case 'f64':
        at += 8;
        return view.getFloat64(from, true);
      default: {
        at += 4 + view.getUint32(from, true);
        const piece = bytes.slice(from + 4, at);
        return kind === 'text' ? decoder.decode(piece) : piece;
      }
    }
  });
}

function encodeValue(kind: HostKind, value: HostValue): Uint8Array {
  if (kind === 'bytes' || kind === 'text') {
    const piece = typeof value === 'string' ? encoder.encode(value) : (value as Uint8Array);
    const bytes = new Uint8Array(4 + piece.length);
    new DataView(bytes.buffer).setUint32(0, piece.length, true);
    bytes.set(piece, 4);
    return bytes;
  }
  const bytes = new Uint8Array(kind === 'i32' || kind === 'f32' ? 4 : 8);
  const view = new DataView(bytes.buffer);
  if (kind === 'i32') view.setInt32(0, value as number, true);
  else if (kind === 'i64') view.setBigInt64(0, value as bigint, true);
  else if (kind === 'f32') view.setFloat32(0, canonical(value as number), true);
  else view.setFloat64(0, canonical(value as number), true);
  return bytes;
}

/** What an embedder's function gave, as a value of its kind. @throws Error that says what it is not */
export function resultOf(kind: HostResult, value: unknown): HostValue | undefined {
  if (value instanceof Promise) {
    // What it comes to is nobody's any more.
    value.catch(() => undefined);
    throw new Error('it answered with a promise: only io functions may');
  }
  if (kind === 'nothing') return undefined;
  if (kind === 'i64' && typeof value === 'bigint') return BigInt.asIntN(64, value);
  if (kind === 'i32' && typeof value === 'number') return value | 0;
  if (kind === 'f32' && typeof value === 'number') return canonical(Math.fround(value));
  if (kind === 'f64' && typeof value === 'number') return canonical(value);
  if (kind === 'text' && typeof value === 'string') return bounded(value);
  if (kind === 'bytes' && value instanceof Uint8Array) return bounded(value);
  throw new Error(`it answered with ${typeof value}, which is not ${kind}`);
}

function bounded<Value extends string | Uint8Array>(value: Value): Value {
  if (value.length <= HOST_BYTES_MAX / 4) return value;
  throw new Error(`it answered with more than ${HOST_BYTES_MAX / 4} bytes or characters`);
}

export function canonical(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value;
}

export function encodeReturned(kind: HostResult, value: HostValue | undefined): Uint8Array {
  const bytes = kind === 'nothing' ? new Uint8Array(0) : encodeValue(kind, value!);
  return joined([Uint8Array.of(RETURNED), bytes]);
}

export function encodeFailed(error: unknown): Uint8Array {
  return joined([Uint8Array.of(FAILED), encoder.encode(reasonOf(error))]);
}

export function decodeOutcome(kind: HostResult, bytes: Uint8Array): HostOutcome {
  const rest = bytes.subarray(1);
  if (bytes[0] === FAILED) return { kind: 'failed', reason: decoder.decode(rest) };
  return { kind: 'returned', value: kind === 'nothing' ? undefined : decodeValues([kind], rest)[0] };
}

/** One line, the same wherever it was thrown. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ').slice(0, REASON_MAX);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
