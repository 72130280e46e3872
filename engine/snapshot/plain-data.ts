// Plain data as bytes: numbers, bigints of 64 bits, strings, booleans, null, undefined, byte arrays, arrays, objects.
//
//   00 undefined   01 null   02 false   03 true
//   04 i32                      a number that is one (and not -0)
//   05 f64                      another number
//   06 i64, 07 u64              a bigint
//   08 u32 n | UTF-8            a string of n bytes; some may be none of UTF-8 (escaped-utf8.ts)
//   09 u32 n | bytes            a short byte array
//   0a u32 blob | f64 length    a long one: it travels beside the data (chunks.ts)
//   0b u32 n | n values         an array
//   0c u32 n | n times string, value    an object; the strings without their 08
//
// All little-endian. Byte arrays that were given as different kinds of view all come back as Uint8Array.

import { assert } from '../errors/errors.js';
import { decodeEscaped, encodeEscaped, hasEscapes, REPLACEMENT } from '../wasm/escaped-utf8.js';
import { invalid } from './chunks.js';

const UNDEFINED = 0;
const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const INT = 4;
const FLOAT = 5;
const SIGNED = 6;
const UNSIGNED = 7;
const STRING = 8;
const BYTES = 9;
const BLOB = 10;
const ARRAY = 11;
const OBJECT = 12;

/** Byte arrays from this length on travel as blobs: below, a blob's zero pages are not worth its place. */
export const BLOB_BYTES_MIN = 4096;
/** Deeper than any state is; a hostile one must not exhaust the stack. */
const DEPTH_MAX = 64;

/** Data with its long byte arrays taken out. */
export interface EncodedPlain {
  readonly bytes: Uint8Array;
  /** Not copied. */
  readonly blobs: readonly Uint8Array[];
}

export function encodePlain(value: unknown): EncodedPlain {
  const writer = new PlainWriter();
  writer.value(value);
  return { bytes: writer.taken, blobs: writer.blobs };
}

class PlainWriter {
  readonly blobs: Uint8Array[] = [];
  #buffer = Buffer.alloc(1 << 16);
  #at = 0;

  get taken(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'undefined':
        this.#tag(UNDEFINED, 0);
        return;
      case 'boolean':
        this.#tag(value ? TRUE : FALSE, 0);
        return;
      case 'number':
        this.#number(value);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'string':
        this.#tag(STRING, 0);
        this.#text(value);
        return;
    }
    assert(typeof value === 'object', 'plain data has no functions and no symbols');
    if (value === null) this.#tag(NULL, 0);
    else if (value instanceof Uint8Array) this.#byteArray(value);
    else if (Array.isArray(value)) {
      this.#tag(ARRAY, 4);
      this.#u32(value.length);
      for (const item of value) this.value(item);
    } else this.#object(value as Record<string, unknown>);
  }

  #object(value: Record<string, unknown>): void {
    const prototype = Object.getPrototypeOf(value);
    assert(prototype === Object.prototype || prototype === null, 'an object of plain data is of no class');
    const keys = Object.keys(value);
    this.#tag(OBJECT, 4);
    this.#u32(keys.length);
    for (const key of keys) {
      this.#text(key);
      this.value(value[key]);
    }
  }

  #number(value: number): void {
    if (Object.is(value | 0, value)) {
      this.#tag(INT, 4);
      this.#at = this.#buffer.writeInt32LE(value, this.#at);
    } else {
      this.#tag(FLOAT, 8);
      this.#at = this.#buffer.writeDoubleLE(value, this.#at);
    }
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.#tag(SIGNED, 8);
      this.#at = this.#buffer.writeBigInt64LE(value, this.#at);
    } else {
      assert(BigInt.asUintN(64, value) === value, 'bigints of plain data have 64 bits');
      this.#tag(UNSIGNED, 8);
      this.#at = this.#buffer.writeBigUInt64LE(value, this.#at);
    }
  }

  #byteArray(value: Uint8Array): void {
    if (value.length >= BLOB_BYTES_MIN) {
      this.#tag(BLOB, 12);
      this.#u32(this.blobs.length);
      this.#at = this.#buffer.writeDoubleLE(value.length, this.#at);
      this.blobs.push(value);
      return;
    }
    this.#tag(BYTES, 4 + value.length);
    this.#u32(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  #text(text: string): void {
    if (hasEscapes(text)) {
      const bytes = encodeEscaped(text);
      this.#reserve(4 + bytes.length);
      this.#u32(bytes.length);
      this.#buffer.set(bytes, this.#at);
      this.#at += bytes.length;
      return;
    }
    const length = Buffer.byteLength(text);
    this.#reserve(4 + length);
    this.#u32(length);
    this.#at += this.#buffer.write(text, this.#at);
  }

  #u32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  /** Writes a tag, and makes room for what follows at once. */
  #tag(tag: number, following: number): void {
    this.#reserve(1 + following);
    this.#at = this.#buffer.writeUInt8(tag, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(2 * this.#buffer.length, this.#at + bytes));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}

/**
 * The data that `bytes` are.
 *
 * @param blob gives the byte array that travels beside the data under this number; numbers come in order, from 0
 * @throws EpochvisorError SNAPSHOT_INVALID; whatever `blob` throws
 */
export function decodePlain(bytes: Uint8Array, blob: (number: number, length: number) => Uint8Array): unknown {
  const reader = new PlainReader(bytes, blob);
  const value = reader.value(0);
  if (reader.left !== 0) throw invalid('more than its state', bytes.length - reader.left);
  return value;
}

class PlainReader {
  readonly #bytes: Buffer;
  readonly #blob: (number: number, length: number) => Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array, blob: (number: number, length: number) => Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#blob = blob;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw invalid('state that is nested too deeply', this.#at);
    const tag = this.#bytes.readUInt8(this.#take(1));
    switch (tag) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case FALSE:
      case TRUE:
        return tag === TRUE;
      case INT:
        return this.#bytes.readInt32LE(this.#take(4));
      case FLOAT:
        return this.#bytes.readDoubleLE(this.#take(8));
      case SIGNED:
        return this.#bytes.readBigInt64LE(this.#take(8));
      case UNSIGNED:
        return this.#bytes.readBigUInt64LE(this.#take(8));
      case STRING:
        return this.#text();
      case BYTES: {
        const length = this.#u32();
        const from = this.#take(length);
        return new Uint8Array(this.#bytes.subarray(from, from + length));
      }
      case BLOB: {
        const number = this.#u32();
        return this.#blob(number, this.#bytes.readDoubleLE(this.#take(8)));
      }
      case ARRAY:
        return Array.from({ length: this.#count(1) }, () => this.value(depth + 1));
      case OBJECT:
        return this.#object(depth);
      default:
        throw invalid(`a value of kind ${tag}`, this.#at - 1);
    }
  }

  #object(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    for (let left = this.#count(5); left > 0; left--) entries.push([this.#text(), this.value(depth + 1)]);
    // Defines even what is called __proto__ as a field of its own.
    return Object.fromEntries(entries);
  }

  /** A number of things that take at least `bytesEach`. */
  #count(bytesEach: number): number {
    const count = this.#u32();
    if (count * bytesEach > this.left) throw invalid(`${count} things where there is no room for them`, this.#at);
    return count;
  }

  #text(): string {
    const length = this.#u32();
    const from = this.#take(length);
    const text = this.#bytes.toString('utf8', from, from + length);
    return text.includes(REPLACEMENT) ? decodeEscaped(this.#bytes.subarray(from, from + length)) : text;
  }

  #u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  #take(bytes: number): number {
    if (bytes > this.left) throw invalid('state that ends too early', this.#at);
    this.#at += bytes;
    return this.#at - bytes;
  }
}
