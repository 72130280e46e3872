// The I/O thread's side of a snapshot: it asks how much there is to be copied, has memory ready, then asks for the copy.
// snapshot-guest-end.ts is the other side, and shows the conversation.

import { assert } from '../errors/errors.js';
import {
  type SharedBlock,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  SNAPSHOT_TO_KEEP,
  WORD_SNAPSHOT,
  WORD_TO_GUEST_BELL,
} from './shared.js';
import type { StatePort } from './thread-ports.js';

/** What the guest may have grown by between the two questions: an eighth, and 4 MiB. What is more it puts elsewhere. */
const GROWTH_BYTES = 4 << 20;
const GROWTH_SHARE = 8;

/** Memory of so many bytes, at once or later; undefined: there is none. */
export type Allocate = (bytes: number, then: (memory: SharedArrayBuffer | undefined) => void) => void;

export class SnapshotIoEnd<State> {
  readonly #shared: SharedBlock;
  readonly #port: StatePort;
  readonly #allocate: Allocate;
  /** What each snapshot asked for is for, in order; the first is under way. */
  readonly #asked: (typeof SNAPSHOT_TO_JOIN | typeof SNAPSHOT_TO_KEEP)[] = [];

  constructor(shared: SharedBlock, port: StatePort, allocate: Allocate) {
    this.#shared = shared;
    this.#port = port;
    this.#allocate = allocate;
  }

  /** Asks the guest thread, which answers at a boundary of its own choosing; one after another. */
  ask(join: boolean): void {
    this.#asked.push(join ? SNAPSHOT_TO_JOIN : SNAPSHOT_TO_KEEP);
    if (this.#asked.length === 1) this.#request(SNAPSHOT_SIZE);
  }

  /** The guest's state takes so many bytes. @param refused there is no memory for it: it is asked for no more */
  sized(bytes: number, refused: () => void): void {
    this.#allocate(bytes + Math.ceil(bytes / GROWTH_SHARE) + GROWTH_BYTES, memory => {
      if (memory === undefined) {
        this.answered(false);
        refused();
        return;
      }
      this.#port.post(memory);
      const [kind] = this.#asked;
      assert(kind !== undefined, 'the size was asked for');
      this.#request(kind);
    });
  }

  /** The guest thread has answered: the state, undefined where it could not be had. */
  answered(taken: boolean): State | undefined {
    this.#asked.shift();
    if (this.#asked.length > 0) this.#request(SNAPSHOT_SIZE);
    if (!taken) return undefined;
    const state = this.#port.take() as State | undefined;
    assert(state !== undefined, 'the state precedes the record that tells of it');
    return state;
  }

  #request(what: number): void {
    Atomics.store(this.#shared.words, WORD_SNAPSHOT, what);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }
}
