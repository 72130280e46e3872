// The bytes of a regular file.

/** Capacity doubles up to here, and then grows by a quarter: a large file is copied less often than memory is wasted. */
const DOUBLING_BYTES = 1 << 22;

/** How much the contents of all files take together, and may. */
export class ContentSpace {
  readonly maxBytes: number;
  usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get freeBytes(): number {
    return this.maxBytes - this.usedBytes;
  }
}

export class Content {
  readonly #space: ContentSpace;
  /** At least `sizeBytes` long; zero beyond them. */
  #buffer: Uint8Array;
  #sizeBytes: number;

  constructor(space: ContentSpace, bytes: Uint8Array = new Uint8Array(0)) {
    this.#space = space;
    this.#buffer = bytes;
    this.#sizeBytes = bytes.length;
    space.usedBytes += bytes.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What lies in the range, not copied; shorter at the end of the file. */
  slice(offset: number, bytes: number): Uint8Array {
    const end = Math.min(this.#sizeBytes, offset + bytes);
    return this.#buffer.subarray(Math.min(offset, end), end);
  }

  /** A gap before `offset` reads as zeros. */
  write(offset: number, bytes: Uint8Array): void {
    if (offset + bytes.length > this.#sizeBytes) this.resize(offset + bytes.length);
    this.#buffer.set(bytes, offset);
  }

  resize(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      if (sizeBytes === 0) this.#buffer = new Uint8Array(0);
      else this.#buffer.fill(0, sizeBytes, this.#sizeBytes);
    } else if (sizeBytes > this.#buffer.length) {
      const held = this.#buffer.length;
      const buffer = new Uint8Array(Math.max(sizeBytes, held + (held < DOUBLING_BYTES ? held : held >>> 2)));
      buffer.set(this.#buffer.subarray(0, this.#sizeBytes));
      this.#buffer = buffer;
    }
    this.#space.usedBytes += sizeBytes - this.#sizeBytes;
    this.#sizeBytes = sizeBytes;
  }
}
