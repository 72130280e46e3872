// The operator of a simulated machine: when all of its replicas are dead, goes on from what they have written down, as `epochvisor
// recover` does (cli/recover.ts), by the recovery of production.

import { extentOf } from '../log/chain.js';
import { openLogs } from '../log/log-reader.js';
import type { RecoverPlace } from '../log/recovering.js';
import { piecesAt, type Records } from '../log/stored-checkpoints.js';
import { type BusMemory, openOf, releasedOf } from '../protocol/bus/bus-memory.js';
import type { Durability } from '../protocol/durability.js';
import type { StreamOffset } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { LogScan } from './log-scan.js';
import type { Parts } from './parts.js';
import { readingDisk, type SimulatedFiles } from './simulated-disk.js';
import type { SavedGuest } from './simulated-guest-thread.js';
import { LOGS_FOLDER } from './simulated-log.js';
import type { SimulatedSnapshots } from './simulated-snapshots.js';

/** How a replica that goes on from a log begins. */
export interface RecoveredStart {
  readonly place: RecoverPlace;
  readonly view: View;
  /** What the log is worth, for the judge. */
  readonly scan: LogScan;
}

export interface Operated {
  readonly files: SimulatedFiles;
  readonly parts: Parts;
  readonly snapshots: SimulatedSnapshots;
  readonly durability: Durability;
  /** The latest, as the arbiter has it. */
  readonly view: View;
  /** What the bus remembers, and how much of each output is there. */
  readonly memory: BusMemory;
  readonly outside: readonly StreamOffset[];
}

export const savedIn =
  (snapshots: SimulatedSnapshots) =>
  (log: Records, number: number): SavedGuest => {
    const reader = snapshots.reader();
    for (const piece of piecesAt(log, number)) reader.push(piece.slice());
    return reader.finish();
  };

/** @throws EpochvisorError why it can't be gone on */
export function startFromLogs(name: string, operated: Operated): RecoveredStart {
  const { files, parts, snapshots, durability, view, memory, outside } = operated;
  const disk = readingDisk(files);
  const folders = [LOGS_FOLDER];
  const saved = savedIn(snapshots);
  const bus = { outside, released: releasedOf(memory), open: openOf(memory) };
  const known = { machine: 'm', durability, view, ...bus, acceptLoss: false };
  const recovery = parts.checkedRecovery(disk, folders, saved, known);
  const { path: log, position: from, end, checkpoint, closed, header } = recovery;
  const beginsWhole = openLogs(disk, log).some(stored => extentOf(stored).from === 0);
  const segments = files.under(log).map(([path, { bytes }]) => ({ path, bytes, size: bytes.length }));
  const scan = new LogScan(beginsWhole, snapshots, 'marked');
  scan.look(segments);
  return {
    place: { folders, log, from, end, checkpoint, outside, closed },
    view: parts.recoveredView(view, header.incarnation, name),
    scan,
  };
}
