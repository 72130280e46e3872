// Output commit of snapshots that are kept: each is held until the output that precedes it has left, for whoever goes on from
// it does not put that out again.
//
// Likewise a change of a folder that precedes it has been performed by then, and how it ended is kept with it: on another bus
// that knows no ids a rename can't be told from one that was performed.

import type { EpochvisorError } from '../errors/errors.js';
import { BOUNDS, type Bounds } from '../protocol/bounds.js';
import type { OperationId } from '../protocol/vocabulary.js';

/** How operations ended, by id; in the order in which they were asked for. */
export type Statuses = readonly (readonly [OperationId, number])[];

/** A snapshot that outlives its replica. One that halts says nothing more of it. */
export interface KeptSnapshot<State> {
  /** Outstanding operations of which it is to be known how they ended. */
  readonly awaited: (state: State) => readonly OperationId[];
  /** It may be gone on from. Where the machine is over statuses may be missing: nothing is answered any more. */
  readonly committed: (state: State, statuses: Statuses) => void;
  readonly failed: (error: EpochvisorError) => void;
}

interface ReleasedSnapshot<State> {
  readonly kept: KeptSnapshot<State>;
  readonly state: State;
  readonly statuses: Statuses;
}

interface HeldSnapshot<State> {
  readonly kept: KeptSnapshot<State>;
  readonly state: State;
  /** Entries of the log that precede it. */
  readonly position: number;
  /** Of operations that are awaited; undefined: not known yet. */
  readonly statuses: Map<OperationId, number | undefined>;
}

export class SnapshotCommit<State> {
  readonly #bounds: Bounds;
  #held: HeldSnapshot<State>[] = [];
  /**
   * Statuses of the latest completions. Those that the guest has not been told of at a snapshot are among the latest, and it
   * has asked for no operation after the snapshot that this thread has heard of: as many as can be outstanding are enough.
   */
  readonly #completed = new Map<OperationId, number>();

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds;
  }

  /** Whether any waits. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** The bus has answered an operation. */
  completed(operation: OperationId, status: number): void {
    this.#completed.set(operation, status);
    if (this.#completed.size > this.#bounds.operations) this.#completed.delete(this.#completed.keys().next().value!);
    for (const { statuses } of this.#held) if (statuses.has(operation)) statuses.set(operation, status);
  }

  /** @param position entries of the log that precede the snapshot */
  hold(position: number, state: State, kept: KeptSnapshot<State>): void {
    const statuses = new Map(kept.awaited(state).map(id => [id, this.#completed.get(id)]));
    this.#held.push({ kept, state, position, statuses });
  }

  /**
   * Takes, in order, what may be kept now.
   *
   * @param left all output before this position of the log has left
   * @param isOver the machine is over: nothing is answered any more
   */
  release(left: number, isOver: boolean): ReleasedSnapshot<State>[] {
    const isDue = ({ position, statuses }: HeldSnapshot<State>) =>
      left > position && (isOver || ![...statuses.values()].includes(undefined));
    const due = this.#held.filter(isDue);
    this.#held = this.#held.filter(held => !due.includes(held));
    return due.map(({ kept, state, statuses }) => ({ kept, state, statuses: known(statuses) }));
  }
}

function known(statuses: ReadonlyMap<OperationId, number | undefined>): Statuses {
  return [...statuses].flatMap(([id, status]) => (status === undefined ? [] : [[id, status] as const]));
}
