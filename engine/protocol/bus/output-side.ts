// The output of one stream at the bus (OF): by places, so that a new primary may send all that it is not sure of.
//
//   0 ......... written ......... received ........      written: taken by the outside; received: accepted, on its way there
//
// A byte takes a place, and so do the end of an opened stream and its close: what is there already is told by its place alone.

import { assert } from '../../errors/errors.js';
import type { Output } from '../vocabulary.js';
import type { BusEffect } from './bus-events.js';

export type StreamOutput = Output & { readonly type: 'stream' | 'end' | 'close' };

/** The place after an output of a stream. */
export function endOf(output: StreamOutput): number {
  return output.offset + (output.type === 'stream' ? output.bytes.length : 1);
}

export class OutputSide {
  readonly #stream: number;
  #received: number;
  #written: number;
  #ended = false;
  #closed = false;

  /** @param offset where it begins */
  constructor(stream: number, offset: number) {
    this.#stream = stream;
    this.#received = offset;
    this.#written = offset;
  }

  get received(): number {
    return this.#received;
  }

  get written(): number {
    return this.#written;
  }

  /** Accepted and not taken by the outside. */
  get unwritten(): number {
    return this.#received - this.#written;
  }

  /** The guest is done with it. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Why it cannot follow what is there; undefined: it does, or is there already. */
  refusal(output: StreamOutput): string | undefined {
    if (output.offset > this.#received)
      return `output of stream ${this.#stream} at ${output.offset}, expected ${this.#received}`;
    if (endOf(output) <= this.#received) return undefined;
    if (this.#closed || (this.#ended && output.type !== 'close'))
      return `output of stream ${this.#stream} after its end`;
    return undefined;
  }

  /** Accepts what is new of it; undefined: nothing is. */
  accept(output: StreamOutput): BusEffect | undefined {
    const end = endOf(output);
    if (end <= this.#received) return undefined;
    const offset = this.#received;
    this.#received = end;
    if (output.type === 'stream') {
      const bytes = output.bytes.subarray(offset - output.offset);
      return { rule: 'OF', type: 'write', stream: this.#stream, offset, bytes };
    }
    this.#ended = true;
    if (output.type === 'close') this.#closed = true;
    return { rule: 'OF', type: output.type === 'end' ? 'endStream' : 'closeStream', stream: this.#stream, offset };
  }

  /** The outside has taken everything below `offset`. */
  wrote(offset: number): void {
    assert(offset > this.#written && offset <= this.#received, 'a device writes what it was given');
    this.#written = offset;
  }

  /** Nobody is there who could take anything: whatever is accepted has gone. */
  discard(): void {
    this.#written = this.#received;
  }
}
