// The input of one stream at the bus (RL): what was not released is kept, and told again after a fence.
//
//   0 ......... released ........ received            what lies between is kept

import { assert } from '../../errors/errors.js';
import type { Interrupt } from '../vocabulary.js';

const NO_DATA = new Uint8Array(0);

export class InputSide {
  readonly #stream: number;
  /** What was not released, in order; the first begins at `released`. */
  #chunks: Uint8Array[] = [];
  #released: number;
  #received: number;
  #ended = false;
  /** The device was told to stop reading. */
  paused = false;

  /**
   * @param released where it begins
   * @param kept what was told and not released
   * @param ended whether nothing follows it
   */
  constructor(stream: number, released: number, kept: readonly Uint8Array[] = [], ended = false) {
    this.#stream = stream;
    this.#released = released;
    this.#chunks = [...kept];
    this.#received = kept.reduce((end, { length }) => end + length, released);
    this.#ended = ended;
  }

  get released(): number {
    return this.#released;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes that are kept. */
  get kept(): number {
    return this.#received - this.#released;
  }

  /** From the device. @returns what is to be told; undefined: nothing */
  take(bytes: Uint8Array, end: boolean): Interrupt | undefined {
    assert(!this.#ended, 'a device gives no input after its end');
    const offset = this.#received;
    if (bytes.length > 0) this.#chunks.push(bytes);
    this.#received += bytes.length;
    this.#ended = end;
    if (bytes.length === 0 && !end) return undefined;
    return { kind: 'stream', stream: this.#stream, offset, bytes, end };
  }

  /** @returns false where so much was never told */
  release(offset: number): boolean {
    if (offset > this.#received) return false;
    while (this.#released < offset) {
      const first = this.#chunks[0]!;
      const bytes = Math.min(first.length, offset - this.#released);
      if (bytes === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(bytes);
      this.#released += bytes;
    }
    return true;
  }

  /** Everything that is kept, to be told once more. */
  unreleased(): Interrupt[] {
    let offset = this.#released;
    const interrupts: Interrupt[] = this.#chunks.map(bytes => {
      const end = this.#ended && offset + bytes.length === this.#received;
      const interrupt = { kind: 'stream', stream: this.#stream, offset, bytes, end } as const;
      offset += bytes.length;
      return interrupt;
    });
    if (this.#chunks.length > 0 || !this.#ended) return interrupts;
    return [{ kind: 'stream', stream: this.#stream, offset, bytes: NO_DATA, end: true }];
  }

  /** Nobody wants it any more. */
  discard(): void {
    this.#chunks = [];
    this.#released = this.#received;
  }
}
