// Snapshots that a launcher asks for, saved to files: each is written once the output that precedes it has left, for whoever
// goes on from it does not put that out again; and a replica whose machine is over ends when they are written.
//
// Likewise a change of a folder that precedes it has been performed by then, and how it ended is saved with it: on another bus
// that knows no ids a rename can't be told from one that was performed.

import type { SnapshotQueue } from '../driver/snapshot-queue.js';
import { EpochvisorError } from '../errors/errors.js';
import type { GuestState, MachineSnapshot } from '../guest/guest-state.js';
import type { OperationId } from '../protocol/vocabulary.js';
import { outstandingChanges } from '../wasi/outstanding-changes.js';
import type { FromReplica, SavedOrigin, ToReplica } from './replica-configuration.js';

/** How often it is looked whether the output that precedes a snapshot has left, ms. */
const LOOK_MS = 5;

/**
 * Completions that are remembered. Those that the guest has not been told of at a snapshot are among the latest, and it has
 * asked for no operation after the snapshot that this thread has heard of: as many as can be outstanding (`operations` of protocol/bounds.ts) are enough.
 */
const REMEMBERED_MAX = 1024;

type Save = ToReplica & { readonly type: 'save' };

export interface SnapshotSavingParts {
  /** Whether the guest is a WASI program. */
  readonly wasi: boolean;
  readonly queue: SnapshotQueue<GuestState>;
  readonly snapshotOf: (guest: GuestState, origin: SavedOrigin) => MachineSnapshot;
  /** All output below this position of the log has left: Infinity once the machine is over. */
  readonly left: () => number;
  readonly tell: (message: FromReplica) => void;
}

export class SnapshotSaving {
  readonly #parts: SnapshotSavingParts;
  readonly #running = new Set<Promise<void>>();
  /** Statuses of the latest completions. */
  readonly #completed = new Map<OperationId, number>();
  /** What each snapshot that is not written yet has to know. */
  readonly #awaited = new Set<Map<OperationId, number | undefined>>();

  constructor(parts: SnapshotSavingParts) {
    this.#parts = parts;
  }

  /** The bus has answered an operation. */
  completed(operation: OperationId, status: number): void {
    this.#completed.set(operation, status);
    if (this.#completed.size > REMEMBERED_MAX) this.#completed.delete(this.#completed.keys().next().value!);
    for (const awaited of this.#awaited) if (awaited.has(operation)) awaited.set(operation, status);
  }

  save(asked: Save): void {
    const { request } = asked;
    const { queue, tell } = this.#parts;
    const answer = (error?: EpochvisorError) => {
      const why = error === undefined ? {} : { error: { code: error.code, message: error.message, hint: error.hint } };
      tell({ type: 'saved', request, ...why });
    };
    queue.ask({
      join: false,
      taken: (position, state) => {
        const writing = this.#write(position, state, asked)
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

  async #write(position: number, guest: GuestState, { origin, file, temporary }: Save): Promise<void> {
    const { left, snapshotOf, wasi } = this.#parts;
    const changes = wasi ? outstandingChanges(guest.devices) : [];
    const awaited = new Map(changes.map(id => [id, this.#completed.get(id)]));
    this.#awaited.add(awaited);
    try {
      // Where the machine is over nothing is answered any more.
      while (left() <= position || (left() < Infinity && [...awaited.values()].includes(undefined))) {
        await new Promise(done => setTimeout(done, LOOK_MS));
      }
    } finally {
      this.#awaited.delete(awaited);
    }
    const statuses = [...awaited].flatMap(([id, status]) => (status === undefined ? [] : [[id, status] as const]));
    // Loaded for those who need it: a start costs what it loads.
    const { writeSnapshotFile } = await import('./snapshot-file.js');
    await writeSnapshotFile(file, temporary, snapshotOf(guest, { ...origin, statuses }));
  }
}
