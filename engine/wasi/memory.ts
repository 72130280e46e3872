// The program's linear memory as calls see it: every access is tested first, and fails with EFAULT, never by throwing.

import { decodeUtf8 } from '../wasm/utf8.js';
import { EFAULT, EILSEQ, EINVAL, ENAMETOOLONG, fail } from './errno.js';

/** A path is at most this long, as on Linux. */
export const PATH_BYTES_MAX = 4096;

/** More buffers than this in one call are left for the next one, as readv on Linux would refuse them. */
const BUFFERS_MAX = 1024;

/** A piece of the program's memory. */
export interface Range {
  readonly from: number;
  readonly bytes: number;
}

export class GuestMemory {
  readonly #current: () => Uint8Array;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** @param current the memory as it is now; after it has grown, another view */
  constructor(current: () => Uint8Array) {
    this.#current = current;
  }

  /** The memory at least as far as ranges reach that were tested in this call. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Whether the memory has all bytes before `end`. */
  reaches(end: number): boolean {
    // Views of a memory that has grown since are too short, or have no bytes at all.
    if (end <= this.#bytes.length) return true;
    this.#bytes = this.#current();
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return end <= this.#bytes.length;
  }

  #reach(end: number): void {
    if (!this.reaches(end)) fail(EFAULT);
  }

  /** A view in which `bytes` bytes at `pointer` can be read and written; EFAULT. `pointer` is unsigned. */
  view(pointer: number, bytes: number): DataView {
    this.#reach(pointer + bytes);
    return this.#view;
  }

  /** `bytes` bytes at `pointer`, not copied; both unsigned; EFAULT. */
  range(pointer: number, bytes: number): Uint8Array {
    this.#reach(pointer + bytes);
    return this.#bytes.subarray(pointer, pointer + bytes);
  }

  /** A list of buffers: `count` times an address and a length, 32 bits each; EFAULT; EINVAL: more than 2^32 bytes. */
  buffers(pointer: number, count: number): { ranges: Range[]; totalBytes: number } {
    const view = this.view(pointer, count * 8);
    const ranges: Range[] = [];
    let totalBytes = 0;
    for (let index = 0; index < Math.min(count, BUFFERS_MAX); index++) {
      const from = view.getUint32(pointer + index * 8, true);
      const bytes = view.getUint32(pointer + index * 8 + 4, true);
      this.#reach(from + bytes);
      totalBytes += bytes;
      if (bytes > 0) ranges.push({ from, bytes });
    }
    if (totalBytes > 0xffff_ffff) fail(EINVAL);
    return { ranges, totalBytes };
  }

  /** What the buffers hold, or the first `bytesMax` of it, in one piece that is the caller's. */
  gather({ ranges, totalBytes }: { ranges: readonly Range[]; totalBytes: number }, bytesMax = totalBytes): Uint8Array {
    const memory = this.#bytes;
    const [only] = ranges;
    const length = Math.min(totalBytes, bytesMax);
    if (only !== undefined && ranges.length === 1) return memory.slice(only.from, only.from + length);
    const gathered = new Uint8Array(length);
    let at = 0;
    for (const { from, bytes } of ranges) {
      const taken = Math.min(bytes, length - at);
      gathered.set(memory.subarray(from, from + taken), at);
      at += taken;
    }
    return gathered;
  }

  /** A path as a name in bytes, one character a byte; EFAULT, ENAMETOOLONG, EILSEQ (not UTF-8), EINVAL (a NUL). */
  path(pointer: number, bytes: number): string {
    const range = this.range(pointer, bytes);
    if (bytes > PATH_BYTES_MAX) fail(ENAMETOOLONG);
    if (range.includes(0)) fail(EINVAL);
    if (decodeUtf8(range, 0, bytes) === undefined) fail(EILSEQ);
    return textOfBytes(range);
  }
}

/**
 * Names are kept as strings with one character a byte: they are keys of maps, and a host's names need not be UTF-8.
 */
export function textOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

export function bytesOfText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
