// Where in a recording a replay begins: with the machine, or at a checkpoint; and which epoch a position of the log is of.

import { EpochvisorError } from '../errors/errors.js';
import type { GuestState } from '../guest/guest-state.js';
import { snapshotAt } from '../recording/host-logs.js';
import type { Recording } from '../recording/recording.js';
import { EntryDecoder } from '../wire/log-entries.js';

export interface RecordingStart {
  /** Position of the first entry that is executed. */
  readonly position: number;
  /** So many records of the log come before the one that has the entry before that: none of them is needed. */
  readonly logsBefore: number;
  /** The number of the checkpoint, from 1; undefined: the guest begins at its beginning. */
  readonly checkpoint: number | undefined;
  /** The epoch in which the guest is when all of the log below a position is executed. */
  epochAt(position: number): number;
}

interface Checkpoint {
  readonly number: number;
  readonly position: number;
  readonly epoch: number;
}

/**
 * The beginning; or, where an epoch is to be reached, the last checkpoint before it.
 * @throws EpochvisorError LOG_CORRUPT where there is neither
 */
export function findCheckpoint(recording: Recording, epoch?: number): RecordingStart {
  const checkpoints: Checkpoint[] = [];
  const positions: number[] = [];
  let begun = 0;
  for (const found of recording.records()) {
    if (found.type === 'begins') begun += 1;
    if (found.type !== 'log' && found.type !== 'checkpoint') continue;
    const { record } = found;
    if (record.type === 'checkpoint' && begun > 0) checkpoints.push({ number: begun, ...record });
    else if (record.type === 'log') positions.push(record.position);
    // Without a place to go to, the first of the log is where to begin.
    if (epoch === undefined && positions[0] === 0) break;
  }
  const [from] = positions;
  // In its own epoch the guest would not be stopped: where to is looked at from the next boundary on.
  const fits = ({ epoch: there }: Checkpoint) => epoch !== undefined && there < epoch;
  const isFirst = ({ position }: Checkpoint) => position === from;
  const beginsAnew = from === undefined ? checkpoints.length === 0 : from === 0;
  const chosen = checkpoints.findLast(fits) ?? (beginsAnew ? undefined : (checkpoints.find(isFirst) ?? checkpoints[0]));
  if (chosen === undefined && !beginsAnew) {
    throw new EpochvisorError(
      'LOG_CORRUPT',
      `${recording.path} can't be run again: it begins at position ${from} of the log, and without a checkpoint`,
      'name the folder with all of it',
    );
  }
  const position = chosen?.position ?? 0;
  return {
    position,
    logsBefore: Math.max(
      0,
      positions.findLastIndex(first => first < position),
    ),
    checkpoint: chosen?.number,
    epochAt: where => epochAt(recording, chosen, where),
  };
}

function epochAt(recording: Recording, checkpoint: Checkpoint | undefined, position: number): number {
  let at = checkpoint?.position ?? 0;
  const decoder = new EntryDecoder(checkpoint && stateAt(recording, checkpoint.number).codec);
  for (const found of recording.records()) {
    if (found.type !== 'log') continue;
    const { record } = found;
    if (record.type !== 'log') continue;
    let first = record.position;
    for (const { entries, bytes } of record.parts) {
      first += entries;
      if (first <= at) continue;
      const before = decoder.save().epoch;
      const decoded = decoder.decode(bytes);
      if (first >= position) return before + ended(decoded.slice(0, position - at));
      at = first;
    }
  }
  return decoder.save().epoch;
}

function ended(entries: ReturnType<EntryDecoder['decode']>): number {
  return entries.reduce(
    (sum, entry) => sum + (entry.type === 'end' ? 1 : entry.type === 'empty' ? entry.epochs : 0),
    0,
  );
}

/** The state that was saved as a checkpoint. @throws EpochvisorError SNAPSHOT_INVALID */
export function stateAt(recording: Recording, number: number): GuestState {
  return snapshotAt(recording, number).guest;
}
