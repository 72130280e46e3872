// The I/O thread's end of the conversation about snapshots: the queue of all that are asked for, whoever they are for.
//
// One is under way at a time: its size is asked for, memory is made ready, then the copy is asked for; snapshot-guest-end.ts
// is the other end, and shows the conversation.

import { assert, EpochvisorError } from '../errors/errors.js';
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

export interface SnapshotRequest<State> {
  /** Whether a replica joins with it, and takes the log from there on. */
  readonly join: boolean;
  /** In order with what the guest logs and puts out: what was logged before precedes `position`, what comes next follows it. */
  readonly taken: (position: number, state: State) => void;
  /** NOT_SNAPSHOTABLE: not now; SNAPSHOT_FAILED: never. */
  readonly failed: (error: EpochvisorError) => void;
}

export class SnapshotIoEnd<State> {
  readonly #shared: SharedBlock;
  readonly #port: StatePort;
  readonly #allocate: Allocate;
  /** In the order in which they were made, and are answered; the first is under way. */
  readonly #requests: SnapshotRequest<State>[] = [];
  #guestHasEnded = false;

  constructor(shared: SharedBlock, port: StatePort, allocate: Allocate) {
    this.#shared = shared;
    this.#port = port;
    this.#allocate = allocate;
  }

  /** The guest thread answers at a boundary of its own choosing; one after another. */
  request(request: SnapshotRequest<State>): void {
    if (this.#guestHasEnded) {
      request.failed(guestHasEnded());
      return;
    }
    this.#requests.push(request);
    if (this.#requests.length === 1) this.#ask(SNAPSHOT_SIZE);
  }

  /** The guest's state takes so many bytes. Where there is no memory for it, it is asked for no more. */
  sized(bytes: number): void {
    const [request] = this.#requests;
    assert(request !== undefined, 'the size was asked for');
    this.#allocate(bytes + Math.ceil(bytes / GROWTH_SHARE) + GROWTH_BYTES, memory => {
      // The guest may have ended meanwhile.
      if (request !== this.#requests[0]) return;
      if (memory === undefined) {
        this.refused(`this host has no memory for a copy of ${bytes} bytes`);
        return;
      }
      this.#port.post(memory);
      this.#ask(request.join ? SNAPSHOT_TO_JOIN : SNAPSHOT_TO_KEEP);
    });
  }

  taken(position: number): void {
    const state = this.#port.take() as State | undefined;
    assert(state !== undefined, 'the state precedes the record that tells of it');
    this.#answered().taken(position, state);
  }

  refused(message: string): void {
    const hint = 'the guest runs on: ask again later';
    this.#answered().failed(new EpochvisorError('NOT_SNAPSHOTABLE', message, hint));
  }

  /** The guest takes no more snapshots. */
  guestEnded(): void {
    this.#guestHasEnded = true;
    for (const request of this.#requests.splice(0)) request.failed(guestHasEnded());
  }

  /** The request that was under way; the next one is, from now on. */
  #answered(): SnapshotRequest<State> {
    const request = this.#requests.shift();
    assert(request !== undefined, 'what is answered was asked for');
    if (this.#requests.length > 0) this.#ask(SNAPSHOT_SIZE);
    return request;
  }

  #ask(what: number): void {
    Atomics.store(this.#shared.words, WORD_SNAPSHOT, what);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }
}

function guestHasEnded(): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_FAILED', 'the guest came to its end before the snapshot was taken');
}
