// Requests for snapshots to files: asked of the primary, and of the next one if it dies before it has answered.

import { EpochvisorError } from '../errors/errors.js';
import type { SaveError, SnapshotOrigin } from './configuration.js';
import type { ReplicaProcess } from './replica-process.js';

interface SnapshotRequest {
  readonly file: string;
  readonly origin: SnapshotOrigin;
  readonly resolve: () => void;
  readonly reject: (error: EpochvisorError) => void;
}

export class SnapshotRequests {
  readonly #open = new Map<number, SnapshotRequest>();
  #next = 1;
  #ended = false;

  ask(file: string, origin: SnapshotOrigin, primary: ReplicaProcess | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(over());
        return;
      }
      const request = this.#next++;
      this.#open.set(request, { file, origin, resolve, reject });
      primary?.send({ type: 'save', request, file, origin });
    });
  }

  /** Another replica is primary: what the last one has not answered it never will. */
  askAgain(primary: ReplicaProcess | undefined): void {
    for (const [request, { file, origin }] of this.#open) primary?.send({ type: 'save', request, file, origin });
  }

  answered(request: number, error: SaveError | undefined): void {
    const asked = this.#open.get(request);
    this.#open.delete(request);
    if (error === undefined) asked?.resolve();
    else asked?.reject(new EpochvisorError(error.code, error.message, error.hint));
  }

  /** The machine is over. */
  end(): void {
    this.#ended = true;
    for (const { reject } of this.#open.values()) reject(over());
    this.#open.clear();
  }
}

function over(): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_FAILED', 'the machine came to its end before the snapshot was taken');
}
