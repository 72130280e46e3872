// The checkpoints of a log, or of several in a chain: where they are, and what was saved.

import type { MachineSnapshot } from '../guest/guest-state.js';
import { SnapshotDecoder } from '../snapshot/snapshot-decoder.js';
import type { FoundRecord } from './log-reader.js';

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

/** What was saved, from its pieces. @throws EpochvisorError SNAPSHOT_INVALID */
export function snapshotAt(log: Records, number: number): MachineSnapshot {
  const decoder = new SnapshotDecoder();
  let begun = 0;
  for (const found of log.records()) {
    if (found.type === 'begins') begun += 1;
    else if (begun === number && found.type === 'checkpoint') break;
    else if (begun === number && found.type === 'piece' && found.record.type === 'piece')
      decoder.push(found.record.bytes);
  }
  return decoder.finish();
}
