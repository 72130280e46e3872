// Snapshots that are asked for: the guest thread takes one at a time, in the order in which they were asked for.

import { EpochvisorError } from '../errors/errors.js';
import type { GuestState } from '../machine/guest-state.js';
import type { ThreadHost } from './thread-host.js';

export interface SnapshotPurpose {
  /** Whether a replica joins with it, and takes the log from there on. */
  readonly join: boolean;
  /** Called in order with what the guest logs and puts out. */
  readonly taken: (position: number, state: GuestState) => void;
  readonly failed: (error: EpochvisorError) => void;
}

export class SnapshotQueue {
  readonly #thread: Pick<ThreadHost, 'requestSnapshot'>;
  /** The first was asked of the guest thread. */
  readonly #purposes: SnapshotPurpose[] = [];
  #ended = false;

  constructor(thread: Pick<ThreadHost, 'requestSnapshot'>) {
    this.#thread = thread;
  }

  ask(purpose: SnapshotPurpose): void {
    if (this.#ended) {
      purpose.failed(gone());
      return;
    }
    this.#purposes.push(purpose);
    if (this.#purposes.length === 1) this.#thread.requestSnapshot(purpose.join);
  }

  taken(position: number, state: GuestState): void {
    this.#next()?.taken(position, state);
  }

  failed(message: string): void {
    const hint = 'the guest runs on; ask again when it holds no such reference (`inspect` names the functions)';
    this.#next()?.failed(new EpochvisorError('NOT_SNAPSHOTABLE', message, hint));
  }

  /** The guest has ended: it takes no more snapshots. */
  ended(): void {
    this.#ended = true;
    for (const purpose of this.#purposes.splice(0)) purpose.failed(gone());
  }

  #next(): SnapshotPurpose | undefined {
    const purpose = this.#purposes.shift();
    const next = this.#purposes[0];
    if (next !== undefined) this.#thread.requestSnapshot(next.join);
    return purpose;
  }
}

function gone(): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_FAILED', 'the guest came to its end before the snapshot was taken');
}
