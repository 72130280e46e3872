// The I/O thread's side of a snapshot: it asks how much there is to be copied, has memory ready, then asks for the copy.
// engine/machine/snapshot-taking.ts is the other side, and shows the conversation.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { assert } from '../errors/errors.js';
import type { GuestState } from '../machine/guest-state.js';
import {
  type SharedBlock,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  SNAPSHOT_TO_KEEP,
  WORD_SNAPSHOT,
  WORD_TO_GUEST_BELL,
} from '../machine/shared.js';
import { touchedMemory } from './touched-memory.js';

/** What the guest may have grown by between the two questions: an eighth, and 4 MiB. What is more it puts elsewhere. */
const GROWTH_BYTES = 4 << 20;
const GROWTH_SHARE = 8;

export class SnapshotRequesting {
  readonly #shared: SharedBlock;
  readonly #port: MessagePort;
  /** What each snapshot asked for is for, in order; the first is under way. */
  readonly #asked: (typeof SNAPSHOT_TO_JOIN | typeof SNAPSHOT_TO_KEEP)[] = [];

  constructor(shared: SharedBlock, port: MessagePort) {
    this.#shared = shared;
    this.#port = port;
  }

  /** Asks the guest thread, which answers at a boundary of its own choosing; one after another. */
  ask(join: boolean): void {
    this.#asked.push(join ? SNAPSHOT_TO_JOIN : SNAPSHOT_TO_KEEP);
    if (this.#asked.length === 1) this.#request(SNAPSHOT_SIZE);
  }

  /** The guest's state takes so many bytes. */
  async sized(bytes: number): Promise<void> {
    const memory = await touchedMemory(bytes + Math.ceil(bytes / GROWTH_SHARE) + GROWTH_BYTES);
    this.#port.postMessage(memory);
    const [kind] = this.#asked;
    assert(kind !== undefined, 'the size was asked for');
    this.#request(kind);
  }

  /** The guest thread has answered: the state, undefined where it could not be had. */
  answered(taken: boolean): GuestState | undefined {
    this.#asked.shift();
    if (this.#asked.length > 0) this.#request(SNAPSHOT_SIZE);
    if (!taken) return undefined;
    const received = receiveMessageOnPort(this.#port) as { message: GuestState } | undefined;
    assert(received !== undefined, 'the state precedes the record that tells of it');
    return received.message;
  }

  #request(what: number): void {
    Atomics.store(this.#shared.words, WORD_SNAPSHOT, what);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }
}
