// Snapshots that a launcher asks for, saved to files: each is written once the output that precedes it has left, for whoever
// goes on from it does not put that out again; and a replica whose machine is over ends when they are written.

import { EpochvisorError } from '../errors/errors.js';
import type { GuestState, MachineSnapshot } from '../machine/guest-state.js';
import type { FromReplica, SnapshotOrigin, ToReplica } from './configuration.js';
import type { SnapshotQueue } from './snapshot-queue.js';

/** How often it is looked whether the output that precedes a snapshot has left, ms. */
const LOOK_MS = 5;

export interface SnapshotSavingParts {
  readonly queue: SnapshotQueue;
  readonly snapshotOf: (guest: GuestState, origin: SnapshotOrigin) => MachineSnapshot;
  /** All output below this position of the log has left: Infinity once the machine is over. */
  readonly left: () => number;
  readonly tell: (message: FromReplica) => void;
}

export class SnapshotSaving {
  readonly #parts: SnapshotSavingParts;
  readonly #running = new Set<Promise<void>>();

  constructor(parts: SnapshotSavingParts) {
    this.#parts = parts;
  }

  save({ request, origin, file, temporary }: ToReplica & { readonly type: 'save' }): void {
    const { queue, snapshotOf, tell } = this.#parts;
    const answer = (error?: EpochvisorError) => {
      const why = error === undefined ? {} : { error: { code: error.code, message: error.message, hint: error.hint } };
      tell({ type: 'saved', request, ...why });
    };
    queue.ask({
      join: false,
      taken: (position, state) => {
        const writing = this.#write(position, snapshotOf(state, origin), file, temporary)
          .then(
            () => answer(),
            (error: unknown) => {
              if (!(error instanceof EpochvisorError)) throw error;
              answer(error);
            },
          )
          .finally(() => this.#running.delete(writing));
        this.#running.add(writing);
      },
      failed: answer,
    });
  }

  /** Resolves when what was taken so far is written, or could not be. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #write(position: number, snapshot: MachineSnapshot, file: string, temporary: string): Promise<void> {
    while (this.#parts.left() <= position) await new Promise(done => setTimeout(done, LOOK_MS));
    // Loaded for those who need it: a start costs what it loads.
    const { writeSnapshotFile } = await import('./snapshot-file.js');
    await writeSnapshotFile(file, temporary, snapshot);
  }
}
