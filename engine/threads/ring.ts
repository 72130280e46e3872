// A ring of records in shared memory, one writer thread and one reader thread.
//
//   header (Int32): [0] head: bytes written since the start, modulo 2^32   [1] tail: bytes read, likewise
//   data, capacity bytes (a power of two):
//     record:  +0 u32 length of payload | +4 u8 type, 3 zero bytes | +8 payload, padded to 8 bytes
//     a record never wraps: a filler (type 0, length = what is left) takes the rest of the data
//
// Nothing here waits or wakes: who sleeps, and who wakes whom, is decided by the two owners (see shared.ts).

import { assert } from '../errors/errors.js';

const HEADER_BYTES = 8;
const RECORD_HEADER_BYTES = 8;
const FILLER = 0;

export class Ring {
  readonly #index: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #capacity: number;

  /** Bytes of shared memory a ring of `capacity` bytes takes. */
  static bytesFor(capacity: number): number {
    return HEADER_BYTES + capacity;
  }

  constructor(memory: SharedArrayBuffer, offset: number, capacity: number) {
    assert((capacity & (capacity - 1)) === 0 && capacity >= 64, 'the capacity is a power of two');
    this.#index = new Int32Array(memory, offset, 2);
    this.#bytes = new Uint8Array(memory, offset + HEADER_BYTES, capacity);
    this.#view = new DataView(memory, offset + HEADER_BYTES, capacity);
    this.#capacity = capacity;
  }

  /** Nobody uses it: what is in it is forgotten. */
  clear(): void {
    this.#index.fill(0);
  }

  /** The longest payload that always fits an empty ring, bytes. */
  get payloadMax(): number {
    return this.#capacity / 2 - RECORD_HEADER_BYTES;
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#index, 0) === Atomics.load(this.#index, 1);
  }

  /** As `isEmpty`, by plain loads, which V8 compiles in line: it may be late, and is looked at often. */
  get seemsEmpty(): boolean {
    return this.#index[0] === this.#index[1];
  }

  /**
   * Writes one record; `fill` puts the payload at `at` of `bytes` and returns how many bytes it wrote (at most
   * `sizeMax`). Answers false, with nothing written, where there is no room for `sizeMax`.
   */
  write(type: number, sizeMax: number, fill: (bytes: Uint8Array, at: number, view: DataView) => number): boolean {
    assert(sizeMax <= this.payloadMax, 'a record fits the ring');
    const head = Atomics.load(this.#index, 0);
    const used = (head - Atomics.load(this.#index, 1)) >>> 0;
    const at = head & (this.#capacity - 1);
    const room = this.#capacity - at;
    const needed = RECORD_HEADER_BYTES + padded(sizeMax);
    const skipped = room < needed ? room : 0;
    if (this.#capacity - used < skipped + needed) return false;
    let start = at;
    if (skipped > 0) {
      this.#view.setUint32(at, skipped - RECORD_HEADER_BYTES, true);
      this.#view.setUint32(at + 4, FILLER, true);
      start = 0;
    }
    const length = fill(this.#bytes, start + RECORD_HEADER_BYTES, this.#view);
    this.#view.setUint32(start, length, true);
    this.#view.setUint32(start + 4, type, true);
    Atomics.store(this.#index, 0, (head + skipped + RECORD_HEADER_BYTES + padded(length)) | 0);
    return true;
  }

  /**
   * Hands the oldest record to `take` (its payload is valid only during the call) and removes it; false if the ring
   * is empty.
   */
  read(take: (type: number, bytes: Uint8Array, at: number, length: number) => void): boolean {
    for (;;) {
      const tail = Atomics.load(this.#index, 1);
      if (tail === Atomics.load(this.#index, 0)) return false;
      const at = tail & (this.#capacity - 1);
      const length = this.#view.getUint32(at, true);
      const type = this.#view.getUint32(at + 4, true);
      if (type !== FILLER) take(type, this.#bytes, at + RECORD_HEADER_BYTES, length);
      Atomics.store(this.#index, 1, (tail + RECORD_HEADER_BYTES + padded(length)) | 0);
      if (type !== FILLER) return true;
    }
  }
}

/** Records begin at multiples of 8, so a filler always has room for its header. */
function padded(length: number): number {
  return (length + 7) & ~7;
}
