// A recovery, planned and checked: that the logs are of this machine, and that what has happened outside is accounted for.

import { EpochvisorError } from '../errors/errors.js';
import type { OpenStream } from '../protocol/bus/bus-memory.js';
import type { Durability } from '../protocol/durability.js';
import type { StreamOffset } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import type { LogDisk } from './disk.js';
import { behind, closedBefore, deliveredIn, planRecovery, type Recovery } from './recovery.js';
import type { LoggedState, SavedIn } from './stored-checkpoints.js';

export interface KnownOutside {
  readonly machine: string;
  readonly durability: Durability;
  /** The latest. */
  readonly view: View;
  /** How much of each stream's output is known to be there. */
  readonly outside: readonly StreamOffset[];
  /** What the bus has let go of: it cannot tell it again. */
  readonly released: readonly StreamOffset[];
  /** Streams that the bus has open. */
  readonly open: readonly OpenStream[];
  /** Whether something may be lacking of what has left. */
  readonly acceptLoss: boolean;
}

export interface CheckedRecovery extends Recovery {
  /** Streams that the guest has closed before the checkpoint, of which the bus was never told; `offset`: what it has of their output. */
  readonly closed: readonly StreamOffset[];
}

/**
 * @param folders of logs, on this disk
 * @throws EpochvisorError as `planRecovery`; LOGS_DIFFER, RECOVER_LACKING, RECOVER_BEHIND
 */
export function checkedRecovery(
  disk: LogDisk,
  folders: readonly string[],
  saved: SavedIn<LoggedState>,
  known: KnownOutside,
): CheckedRecovery {
  const { machine, durability, view, outside, released, open, acceptLoss } = known;
  const recovery = planRecovery(disk, folders, view, outside, saved);
  const { header, path, position, checkpoint, hasBackup } = recovery;
  if (header.machine !== machine) {
    throw new EpochvisorError(
      'LOGS_DIFFER',
      `the logs are of machine ${header.machine}, and the folder of ${machine}`,
      'name the folders of one',
    );
  }
  if (!hasBackup && durability === 'backup-disk' && !acceptLoss) {
    throw new EpochvisorError(
      'RECOVER_LACKING',
      `${path} may lack what has left: outputs waited for the disk of a backup, whose log is not there`,
      'name its folder, too; or, where it is lost, --accept-loss',
    );
  }
  const delivered = deliveredIn(recovery, position, checkpoint === undefined ? undefined : saved(recovery, checkpoint));
  for (const { stream, offset } of released) {
    const had = delivered.input.get(stream) ?? 0;
    if (offset > had) throw behind(`input of stream ${stream}`, offset, had);
  }
  return { ...recovery, closed: checkpoint === undefined ? [] : closedBefore(open, delivered) };
}
