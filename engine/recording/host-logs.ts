// Logs in the files of this host, and what is saved in them.

import type { GuestState, MachineSnapshot } from '../guest/guest-state.js';
import { openLogFile as openFileOn, openLogs as openOn, type StoredLog } from '../log/log-reader.js';
import { piecesAt, type Records } from '../log/stored-checkpoints.js';
import { SnapshotDecoder } from '../snapshot/snapshot-decoder.js';
import { HOST_DISK } from './host-disk.js';

/** The log in a file. @throws EpochvisorError LOG_MISSING, LOG_CORRUPT, LOG_VERSION */
export function openLogFile(path: string): StoredLog {
  return openFileOn(HOST_DISK, path);
}

/** The logs in a folder: of one replica, or a folder for each. @throws EpochvisorError as `openLogFile` */
export function openLogs(path: string): readonly StoredLog[] {
  return openOn(HOST_DISK, path);
}

/** What was saved, from its pieces. @throws EpochvisorError SNAPSHOT_INVALID */
export function snapshotAt(log: Records, number: number): MachineSnapshot {
  const decoder = new SnapshotDecoder();
  for (const piece of piecesAt(log, number)) decoder.push(piece);
  return decoder.finish();
}

/** Of it, what a log knows of. @throws EpochvisorError SNAPSHOT_INVALID */
export function stateAt(log: Records, number: number): GuestState {
  return snapshotAt(log, number).guest;
}
