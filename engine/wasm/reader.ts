// Reads the primitive values of the binary format from untrusted bytes: every read is bounded, every failure typed.

import { EpochvisorError } from '../errors/errors.js';
import { decodeUtf8 } from './utf8.js';

/** The error for bytes that are not a module of the binary format. `offset` is from the start of the module. */
export function malformed(what: string, offset: number): EpochvisorError {
  return new EpochvisorError(
    'MODULE_MALFORMED',
    `malformed module: ${what} at byte ${offset}`,
    'rebuild or download the module again',
  );
}

/**
 * A cursor over `bytes[pos, end)`. Positions are offsets from the start of the module, so that messages can name
 * them. Numbers are LEB128: 7 bits a byte, least significant first, the top bit set on all bytes but the last.
 */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  byte(): number {
    if (this.pos >= this.end) throw malformed('unexpected end', this.pos);
    return this.bytes[this.pos++]!;
  }

  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    return this.#u32Rest(first);
  }

  #u32Rest(first: number): number {
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f && byte < 0x80) throw malformed('integer too large', this.pos - 1);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('integer representation too long', this.pos);
  }

  /** A signed 32-bit integer. */
  s32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      // The fifth byte holds 4 bits; the other 3 must repeat the sign.
      if (shift === 28 && byte > 0x07 && byte < 0x78) throw malformed('integer too large', this.pos - 1);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 28 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
    throw malformed('integer representation too long', this.pos);
  }

  /** A signed 33-bit integer, which only block types use: negative ones are value types, the others indexes. */
  s33(): number {
    let value = 0;
    for (let shift = 0, scale = 1; shift < 35; shift += 7, scale *= 128) {
      const byte = this.byte();
      if (shift === 28 && (byte & 0x70) !== 0 && (byte & 0x70) !== 0x70)
        throw malformed('integer too large', this.pos - 1);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return (byte & 0x40) !== 0 ? value - scale * 128 : value;
    }
    throw malformed('integer representation too long', this.pos);
  }

  /** Skips a signed 64-bit integer: its bytes are copied as they are, its value is never needed. */
  skipS64(): void {
    for (let index = 0; index < 10; index++) {
      const byte = this.byte();
      if (index === 9 && byte !== 0x00 && byte !== 0x7f) {
        throw malformed(byte >= 0x80 ? 'integer representation too long' : 'integer too large', this.pos - 1);
      }
      if (byte < 0x80) return;
    }
  }

  skip(count: number): void {
    if (count > this.end - this.pos) throw malformed('unexpected end', this.end);
    this.pos += count;
  }

  /** The number of items of a vector. Each takes at least one byte: more than remain is a lie, and would cost memory. */
  count(what: string): number {
    const at = this.pos;
    const count = this.u32();
    if (count > this.end - this.pos) throw malformed(`more ${what} than the section can hold`, at);
    return count;
  }

  name(): string {
    const length = this.u32();
    const start = this.pos;
    this.skip(length);
    const text = decodeUtf8(this.bytes, start, this.pos);
    if (text === undefined) throw malformed('name is not UTF-8', start);
    return text;
  }
}
