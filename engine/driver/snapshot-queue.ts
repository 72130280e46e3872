// Whom each snapshot is for: the guest thread takes them in the order in which they are asked for.

import { EpochvisorError } from '../errors/errors.js';
import type { IoEnd } from '../threads/io-end.js';

export interface SnapshotPurpose<State> {
  /** Whether a replica joins with it, and takes the log from there on. */
  readonly join: boolean;
  /** Called in order with what the guest logs and puts out. */
  readonly taken: (position: number, state: State) => void;
  readonly failed: (error: EpochvisorError) => void;
}

export class SnapshotQueue<State> {
  readonly #thread: Pick<IoEnd<State>, 'requestSnapshot'>;
  /** Of those that were asked for and not answered, in order. */
  readonly #purposes: SnapshotPurpose<State>[] = [];
  #ended = false;

  constructor(thread: Pick<IoEnd<State>, 'requestSnapshot'>) {
    this.#thread = thread;
  }

  ask(purpose: SnapshotPurpose<State>): void {
    if (this.#ended) {
      purpose.failed(gone());
      return;
    }
    this.#purposes.push(purpose);
    this.#thread.requestSnapshot(purpose.join);
  }

  taken(position: number, state: State): void {
    this.#purposes.shift()?.taken(position, state);
  }

  failed(message: string): void {
    this.#purposes
      .shift()
      ?.failed(new EpochvisorError('NOT_SNAPSHOTABLE', message, 'the guest runs on: ask again later'));
  }

  /** The guest has ended: it takes no more snapshots. */
  ended(): void {
    this.#ended = true;
    for (const purpose of this.#purposes.splice(0)) purpose.failed(gone());
  }
}

function gone(): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_FAILED', 'the guest came to its end before the snapshot was taken');
}
