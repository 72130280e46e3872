// Numbers and byte strings as packets and log entries write them: little-endian base 128, seven bits a byte.
//
//   unsigned   1ddddddd ... 0ddddddd     least significant first; the last byte is not 0 unless it is the only one,
//                                        so every number has one form; at most 2^53 - 1 (8 bytes) or 2^64 - 1 (10)
//   signed     unsigned of n >= 0 ? 2n : -2n - 1
//   bytes      unsigned length, then the bytes
//   text       bytes in UTF-8
//
// Reading takes hostile input: whatever is not as drawn is an EpochvisorError PACKET_MALFORMED.

import { EpochvisorError } from '../errors/errors.js';
import { putCopy, unwritten } from './copying.js';

/** UTF-8 by the Encoding standard: globals that every host has, and the types of the pure folders have not. */
interface Encoding {
  readonly TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
  readonly TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => {
    decode(bytes: Uint8Array): string;
  };
}

export const { TextEncoder, TextDecoder } = globalThis as unknown as Encoding;

/** Most bytes that an unsigned number below 2^53 takes. */
export const UNSIGNED_MAX_BYTES = 8;
/** Most bytes that an unsigned 64-bit number takes. */
export const UNSIGNED64_MAX_BYTES = 10;

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What arrived is not a packet of this protocol; says what was found wrong and at which byte. */
export function malformed(what: string, at: number): EpochvisorError {
  return new EpochvisorError('PACKET_MALFORMED', `malformed packet: ${what} at byte ${at}`);
}

/** Writes `value` (an integer from 0 to 2^53 - 1) at `at`; returns the position after it. */
export function putUnsigned(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80000000) {
    target[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    target[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** As `putUnsigned`, for a 64-bit number in two halves, each an unsigned 32-bit number. */
export function putHalves(target: Uint8Array, at: number, low: number, high: number): number {
  let lowRest = low;
  let highRest = high;
  while (highRest !== 0) {
    target[at++] = (lowRest & 127) | 128;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  return putUnsigned(target, at, lowRest);
}

/** A 64-bit number and its halves: one memory, seen in two ways, for that is how V8 converts without allocating. */
export class Halves {
  readonly #whole = new BigInt64Array(1);
  readonly #parts = new Uint32Array(this.#whole.buffer);
  readonly #lowAt = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;

  set whole(value: bigint) {
    this.#whole[0] = value;
  }

  get low(): number {
    return this.#parts[this.#lowAt]!;
  }

  get high(): number {
    return this.#parts[1 - this.#lowAt]!;
  }

  /** The signed number of two unsigned halves. */
  join(low: number, high: number): bigint {
    this.#parts[this.#lowAt] = low;
    this.#parts[1 - this.#lowAt] = high;
    return this.#whole[0]!;
  }
}

const halves = new Halves();

/** As `putUnsigned`, for the low 64 bits of `value`. */
export function putUnsigned64(target: Uint8Array, at: number, value: bigint): number {
  halves.whole = value;
  return putHalves(target, at, halves.low, halves.high);
}

/** As `putUnsigned`, for a signed number; |value| < 2^52. */
export function putSigned(target: Uint8Array, at: number, value: number): number {
  return putUnsigned(target, at, value >= 0 ? value * 2 : -value * 2 - 1);
}

/** A byte string. */
export function putBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  at = putUnsigned(target, at, bytes.length);
  putCopy(target, at, bytes);
  return at + bytes.length;
}

export function putText(target: Uint8Array, at: number, text: string): number {
  return putBytes(target, at, utf8.encode(text));
}

/** The most bytes that `putText` writes: UTF-8 takes at most three for a UTF-16 unit. */
export function textBytesMax(text: string): number {
  return UNSIGNED_MAX_BYTES + 3 * text.length;
}

/** Collects a packet's bytes, growing as needed. */
export class Writer {
  #target: Uint8Array;
  #at = 0;

  /** @param capacity bytes expected; a good guess saves a copy */
  constructor(capacity = 256) {
    this.#target = unwritten(capacity);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#target.length) return;
    const grown = unwritten(Math.max(this.#target.length * 2, this.#at + bytes));
    grown.set(this.#target.subarray(0, this.#at));
    this.#target = grown;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#target[this.#at++] = value;
    return this;
  }

  unsigned(value: number): this {
    this.#reserve(UNSIGNED_MAX_BYTES);
    this.#at = putUnsigned(this.#target, this.#at, value);
    return this;
  }

  /** What `put`, which takes at most `bytesMax`, writes at a place and says the end of. */
  put(bytesMax: number, put: (target: Uint8Array, at: number) => number): this {
    this.#reserve(bytesMax);
    this.#at = put(this.#target, this.#at);
    return this;
  }

  /** Bytes without their length: for what reaches to the end of a packet. */
  rest(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    putCopy(this.#target, this.#at, bytes);
    this.#at += bytes.length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.unsigned(bytes.length).rest(bytes);
  }

  text(text: string): this {
    return this.bytes(utf8.encode(text));
  }

  /** All that was written; a view into the writer's memory, which is not written again. */
  finish(): Uint8Array {
    return this.#target.subarray(0, this.#at);
  }
}

/** Takes a packet apart; every method throws PACKET_MALFORMED where the bytes are not as drawn. */
export class Reader {
  readonly #source: Uint8Array;
  #at: number;

  constructor(source: Uint8Array, at = 0) {
    this.#source = source;
    this.#at = at;
  }

  /** Position of the next byte. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#source.length;
  }

  byte(): number {
    const value = this.#source[this.#at];
    if (value === undefined) throw malformed('the end is missing', this.#at);
    this.#at += 1;
    return value;
  }

  /** An integer from 0 to `most`. */
  unsigned(most = Number.MAX_SAFE_INTEGER): number {
    const start = this.#at;
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      if (this.#at - start === UNSIGNED_MAX_BYTES) throw malformed('a number is too long', start);
      byte = this.byte();
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    if (byte === 0 && this.#at - start > 1) throw malformed('a number is padded', start);
    if (value > most) throw malformed('a number is too large', start);
    return value;
  }

  signed32(): number {
    const value = this.unsigned(0xffffffff);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  unsigned64(): bigint {
    const start = this.#at;
    let value = 0n;
    let shift = 0n;
    let byte: number;
    do {
      if (this.#at - start === UNSIGNED64_MAX_BYTES) throw malformed('a number is too long', start);
      byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
    } while (byte >= 128);
    if (byte === 0 && this.#at - start > 1) throw malformed('a number is padded', start);
    if (value > 0xffffffffffffffffn) throw malformed('a number is too large', start);
    return value;
  }

  /** `length` bytes, as a view of the packet. */
  take(length: number): Uint8Array {
    if (length > this.#source.length - this.#at) throw malformed('the end is missing', this.#at);
    const bytes = this.#source.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  rest(): Uint8Array {
    return this.take(this.#source.length - this.#at);
  }

  /** A byte string, as a view of the packet. */
  bytes(): Uint8Array {
    return this.take(this.unsigned());
  }

  text(): string {
    const start = this.#at;
    try {
      // A copy: decoders refuse memory that threads share.
      return utf8Strict.decode(new Uint8Array(this.bytes()));
    } catch (error) {
      if (error instanceof EpochvisorError) throw error;
      throw malformed('text is not UTF-8', start);
    }
  }

  /** How many follow; each takes at least one byte, which bounds what a hostile count can ask for. */
  count(): number {
    return this.unsigned(this.#source.length - this.#at);
  }

  end(): void {
    if (!this.done) throw malformed('something follows the packet', this.#at);
  }
}
