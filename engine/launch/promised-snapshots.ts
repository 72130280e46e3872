// Snapshots that users of the machine were promised: asked of the primary, and of the next one if it dies before it has answered.
//
// Whoever is asked writes to a temporary file of its own, and renames it. The launcher names these files, for a replica that
// is killed can't remove its own; and where another has answered, one that wakes up late finds nothing to rename.

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { EpochvisorError } from '../errors/errors.js';
import type { SaveError, SnapshotOrigin } from '../replica/replica-configuration.js';
import type { StartedReplica } from './replica-process.js';

interface PromisedSnapshot {
  readonly file: string;
  readonly origin: SnapshotOrigin;
  /** One for each replica that was asked. */
  readonly temporaries: string[];
  readonly resolve: () => void;
  readonly reject: (error: EpochvisorError) => void;
}

export class PromisedSnapshots {
  readonly #open = new Map<number, PromisedSnapshot>();
  #next = 1;
  #ended = false;

  ask(file: string, origin: SnapshotOrigin, primary: StartedReplica | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(over());
        return;
      }
      const request = this.#next++;
      this.#open.set(request, { file, origin, temporaries: [], resolve, reject });
      this.#send(request, primary);
    });
  }

  /** Another replica is primary: what the last one has not answered it never will. */
  askAgain(primary: StartedReplica | undefined): void {
    for (const request of this.#open.keys()) this.#send(request, primary);
  }

  #send(request: number, primary: StartedReplica | undefined): void {
    const asked = this.#open.get(request);
    if (asked === undefined || primary === undefined) return;
    const { file, origin, temporaries } = asked;
    const temporary = `${file}.${randomUUID()}.tmp`;
    temporaries.push(temporary);
    primary.send({ type: 'save', request, file, temporary, origin });
  }

  answered(request: number, error: SaveError | undefined): void {
    const asked = this.#open.get(request);
    if (asked === undefined) return;
    this.#open.delete(request);
    removeAll(asked.temporaries);
    if (error === undefined) asked.resolve();
    else asked.reject(new EpochvisorError(error.code, error.message, error.hint));
  }

  /** The machine is over, and its replicas have ended. */
  end(): void {
    this.#ended = true;
    for (const { temporaries, reject } of this.#open.values()) {
      removeAll(temporaries);
      reject(over());
    }
    this.#open.clear();
  }
}

function removeAll(temporaries: readonly string[]): void {
  for (const temporary of temporaries) {
    try {
      rmSync(temporary, { force: true });
    } catch (error) {
      // Its folder is gone, or was never one: the replica that was asked has told of it.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
}

function over(): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_FAILED', 'the machine came to its end before the snapshot was taken');
}
