// Whether a replay puts out what the recorded run did: by offset, length and checksum of each piece.
//
// What a backup has put out it has noted some time after it was sent the log that precedes it; so either may come first, what was
// noted or what is put out again.

import type { Output } from '../protocol/vocabulary.js';
import { noteOf, type OutputNote } from '../wire/segment-records.js';

type Piece = OutputNote & { readonly type: 'stream' };

/** A piece that is another one now, or is missing. */
export interface Difference {
  readonly recorded: Piece;
  readonly again: Piece | undefined;
}

export class ExpectedOutputs {
  readonly #from: number;
  readonly #noted = new Map<string, Piece>();
  readonly #again = new Map<string, Piece>();

  /** @param from the position at which the replay begins */
  constructor(from: number) {
    this.#from = from;
  }

  noted(note: OutputNote): Difference | undefined {
    if (note.type !== 'stream' || note.position < this.#from) return undefined;
    const key = keyOf(note);
    const now = this.#again.get(key);
    if (now === undefined) {
      this.#noted.set(key, note);
      return undefined;
    }
    this.#again.delete(key);
    return same(note, now) ? undefined : { recorded: note, again: now };
  }

  putOut(position: number, output: Output): Difference | undefined {
    const now = noteOf(position, output);
    if (now?.type !== 'stream') return undefined;
    const key = keyOf(now);
    const recorded = this.#noted.get(key);
    if (recorded === undefined) {
      this.#again.set(key, now);
      return undefined;
    }
    this.#noted.delete(key);
    return same(recorded, now) ? undefined : { recorded, again: now };
  }

  /** All of the recording was executed: what is missing still, the first of it. */
  get missing(): Difference | undefined {
    const [recorded] = [...this.#noted.values()].sort((a, b) => a.position - b.position);
    return recorded === undefined ? undefined : { recorded, again: undefined };
  }
}

const keyOf = ({ stream, offset }: Piece): string => `${stream} ${offset}`;

function same(a: Piece, b: Piece): boolean {
  return a.position === b.position && a.length === b.length && a.checksum === b.checksum;
}
