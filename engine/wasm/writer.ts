// Writes the primitive values of the binary format into a buffer that grows.

import { encodeUtf8 } from './utf8.js';

export class Writer {
  #buffer: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** What has been written; valid until the next write. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  /** A copy of what has been written. */
  take(): Uint8Array {
    return this.#buffer.slice(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  #grow(more: number): void {
    const buffer = new Uint8Array(Math.max(this.#buffer.length * 2, this.length + more));
    buffer.set(this.bytes);
    this.#buffer = buffer;
  }

  byte(value: number): void {
    if (this.length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.length++] = value;
  }

  u32(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  s32(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Appends `source[start, end)`. Ranges are mostly short, where a loop beats a call of `set`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.length + count > this.#buffer.length) this.#grow(count);
    if (count === 1) {
      this.#buffer[this.length++] = source[start]!;
      return;
    }
    if (count > 64) {
      this.#buffer.set(source.subarray(start, end), this.length);
      this.length += count;
      return;
    }
    let to = this.length;
    for (let from = start; from < end; from++) this.#buffer[to++] = source[from]!;
    this.length = to;
  }

  append(source: Uint8Array): void {
    this.copy(source, 0, source.length);
  }

  name(text: string): void {
    const bytes = encodeUtf8(text);
    this.u32(bytes.length);
    for (const byte of bytes) this.byte(byte);
  }
}
