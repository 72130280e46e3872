// The checkpoints of a log, or of several in a chain: where they are, and what was saved.

import type { ExecutionState } from '../protocol/execution-events.js';
import type { EntryState } from '../wire/entry-history.js';
import type { FoundRecord } from './log-reader.js';

/** What is saved of a guest, as far as a log knows of it. */
export interface LoggedState {
  /** Entries of the log that precede it. */
  readonly position: number;
  /** Instructions executed. */
  readonly count: number;
  readonly execution: ExecutionState;
  /** What the next entry of the log is encoded against. */
  readonly codec: EntryState;
}

/** One that is whole. */
export interface Checkpoint {
  /** How many had begun, itself among them. */
  readonly number: number;
  /** Of the log: what precedes it is in there. */
  readonly position: number;
}

/** From the beginning, each time. */
export interface Records {
  records(): Generator<FoundRecord, void, undefined>;
}

/** What was saved, at the `number`-th that had begun. */
export type SavedIn<State> = (log: Records, number: number) => State;

export function checkpointsIn(log: Records): Checkpoint[] {
  const checkpoints: Checkpoint[] = [];
  let begun = 0;
  for (const found of log.records()) {
    if (found.type === 'begins') begun += 1;
    else if (found.type === 'checkpoint' && begun > 0 && found.record.type === 'checkpoint') {
      checkpoints.push({ number: begun, position: found.record.position });
    }
  }
  return checkpoints;
}

/** The pieces of what was saved, in order. */
export function* piecesAt(log: Records, number: number): Generator<Uint8Array, void, undefined> {
  let begun = 0;
  for (const found of log.records()) {
    if (found.type === 'begins') begun += 1;
    else if (begun === number && found.type === 'checkpoint') return;
    else if (begun === number && found.type === 'piece' && found.record.type === 'piece') yield found.record.bytes;
  }
}
