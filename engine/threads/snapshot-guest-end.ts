// A guest thread answers a request for a snapshot: at a boundary, once the guest's stack is unwound.
//
//   I/O thread                                guest thread
//   SNAPSHOT_SIZE             ------------->  at a boundary, or while it waits
//                             <-------------  RECORD_SNAPSHOT_SIZE
//   allocates, touches; port: memory          what makes clones gets ready
//   SNAPSHOT_TO_JOIN or _KEEP ------------->  at a boundary, ending a wait: unwinds, copies, port: state
//                             <-------------  RECORD_SNAPSHOT; the guest goes on
//
// The memory that the state is put into was touched before, page by page, outside the pause: a copy into fresh memory takes
// six times as long.

import { assert, EpochvisorError } from '../errors/errors.js';
import { RECORD_NOT_SNAPSHOTABLE, RECORD_SNAPSHOT, RECORD_SNAPSHOT_SIZE } from '../wire/records.js';
import type { GuestEnd } from './guest-end.js';
import {
  type SharedBlock,
  SNAPSHOT_NOTHING,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  WORD_ALONE,
  WORD_SNAPSHOT,
} from './shared.js';
import type { StatePort } from './thread-ports.js';

/**
 * Where the guest holds what no snapshot can have, it is tried again 1, 2, 4 ... epochs later, this often: up to 65,536
 * epochs after the first time, minutes of a busy guest.
 */
const ATTEMPTS_MAX = 17;

/** Of the guest's stack: whether it can be taken down, and gone on from at once. */
export interface Suspendable {
  readonly ready: boolean;
  prepare(): void;
}

/**
 * What makes clones goes to rest when those of an earlier snapshot are all optimised, whatever has been asked for meanwhile: so
 * whoever waits for it to be ready has it get ready, each time.
 */
export function isReady(stack: Suspendable): boolean {
  stack.prepare();
  return stack.ready;
}

/** Memory that fills from its beginning. What does not fit goes elsewhere: the guest may have grown meanwhile. */
export class Area {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = new Uint8Array(memory);
  }

  /** A place for so many bytes; an empty one where there is no room. */
  take(bytes: number): Uint8Array {
    const from = this.#used;
    const room = from + bytes <= this.#bytes.length;
    // The next begins at a multiple of 8: copying is fastest there.
    if (room) this.#used = Math.ceil((from + bytes) / 8) * 8;
    return this.#bytes.subarray(from, room ? from + bytes : from);
  }

  /** A copy. */
  readonly put = (bytes: Uint8Array): Uint8Array => {
    const place = this.take(bytes.length);
    if (place.length < bytes.length) return bytes.slice();
    place.set(bytes);
    return place;
  };
}

export class SnapshotGuestEnd {
  readonly #shared: SharedBlock;
  readonly #link: GuestEnd;
  readonly #port: StatePort;
  /** What is to be taken; undefined: nothing, or only its size is asked for. */
  #kind: number | undefined;
  #memory: SharedArrayBuffer | undefined;
  #attempts = 0;
  #tryAtEpoch = Infinity;

  constructor(shared: SharedBlock, link: GuestEnd, port: StatePort) {
    this.#shared = shared;
    this.#link = link;
    this.#port = port;
  }

  /** Whether there may be something to do at the end of this epoch; plain loads, that a boundary can afford. */
  seemsDue(epoch: number): boolean {
    return this.#shared.words[WORD_SNAPSHOT] !== SNAPSHOT_NOTHING || epoch >= this.#tryAtEpoch;
  }

  /**
   * Whether the guest is to be suspended here. The request stays where it is until the guest can go on at once afterwards; and one
   * for who joins until it is a primary: one that has taken over may have log before it that it has not executed.
   *
   * @param stateBytes what its state takes
   */
  isDue(epoch: number, isPrimary: boolean, stack: Suspendable, stateBytes: () => number): boolean {
    const asked = Atomics.load(this.#shared.words, WORD_SNAPSHOT);
    if (asked === SNAPSHOT_SIZE) {
      this.tellSize(stack, stateBytes);
    } else if (asked === SNAPSHOT_TO_JOIN && !isPrimary) {
      // What makes clones gets ready meanwhile.
      stack.prepare();
    } else if (asked !== SNAPSHOT_NOTHING && isReady(stack)) {
      Atomics.store(this.#shared.words, WORD_SNAPSHOT, SNAPSHOT_NOTHING);
      const memory = this.#port.take() as SharedArrayBuffer | undefined;
      assert(memory !== undefined, 'the memory for a snapshot comes before the request for it');
      this.#memory = memory;
      this.#kind = asked;
      this.#attempts = 0;
      this.#tryAtEpoch = epoch;
    }
    if (epoch < this.#tryAtEpoch) return false;
    return isReady(stack);
  }

  /** Where the guest can't be suspended, for it stands between two positions of the log: its size is told all the same. */
  tellSize(stack: Suspendable, stateBytes: () => number): void {
    if (Atomics.load(this.#shared.words, WORD_SNAPSHOT) !== SNAPSHOT_SIZE) return;
    Atomics.store(this.#shared.words, WORD_SNAPSHOT, SNAPSHOT_NOTHING);
    stack.prepare();
    this.#link.tellNumber(RECORD_SNAPSHOT_SIZE, stateBytes());
  }

  /**
   * The guest is suspended: its state is put together and handed over.
   *
   * @param capture copies what is guest state into the given memory
   * @param complete brings the log up to here, and adds the rest
   */
  take<T>(epoch: number, capture: (area: Area) => T, complete: (part: T) => { readonly position: number }): void {
    assert(this.#memory !== undefined, 'a snapshot is due');
    const area = new Area(this.#memory);
    let part: T;
    try {
      part = capture(area);
    } catch (error) {
      if (!(error instanceof EpochvisorError && error.code === 'NOT_SNAPSHOTABLE')) throw error;
      this.#refused(epoch, error.message);
      return;
    }
    const state = complete(part);
    // From this position on somebody takes the log again, if a replica joins.
    if (this.#kind === SNAPSHOT_TO_JOIN) Atomics.store(this.#shared.words, WORD_ALONE, 0);
    this.#port.post(state);
    this.#link.tellNumber(RECORD_SNAPSHOT, state.position);
    this.#forget();
  }

  #refused(epoch: number, message: string): void {
    this.#tryAtEpoch = epoch + 2 ** this.#attempts;
    this.#attempts += 1;
    if (this.#attempts < ATTEMPTS_MAX) return;
    this.#link.tell(RECORD_NOT_SNAPSHOTABLE, message);
    this.#forget();
  }

  #forget(): void {
    this.#memory = undefined;
    this.#kind = undefined;
    this.#tryAtEpoch = Infinity;
  }
}
