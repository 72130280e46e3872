// What a test gives a guest on its stdin, piece by piece, and what it has given: a reference run gets the same.

import { PassThrough } from 'node:stream';
import { EpochvisorError } from '../errors/errors.js';

/** What a read of a pipe gives: a guest that is slow to take it stops the console between two. */
const READ_BYTES = 1 << 16;

export class TestInput {
  /** Where the console reads. */
  readonly stream = new PassThrough();
  readonly #pieces: Buffer[] = [];
  #ended = false;

  /** @param all of it; left out: what is written, until its end */
  constructor(all?: string | Uint8Array) {
    if (all === undefined) return;
    this.write(all);
    this.end();
  }

  get written(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /** @throws EpochvisorError STDIN_ENDED */
  write(piece: string | Uint8Array): void {
    if (this.#ended) {
      throw new EpochvisorError('STDIN_ENDED', 'the stdin of the machine has ended', 'leave out the option stdin');
    }
    // A copy: the bytes are the test's.
    const bytes = Buffer.from(piece);
    this.#pieces.push(bytes);
    for (let at = 0; at < bytes.length; at += READ_BYTES) this.stream.write(bytes.subarray(at, at + READ_BYTES));
  }

  /** Nothing follows. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stream.end();
  }
}
