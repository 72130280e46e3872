// What an output waits for where the log is written down (DU), beyond the acknowledgements that it needs anyway (OR).
//
//                 own log                                              backups acknowledge
//   memory        written: a kill of all processes loses nothing       what is in their memory
//   backup-disk   written; synced where there is no backup             what is synced
//   both-disks    synced                                               what is synced
//
// Synced is what outlives a loss of power. A disk that has not told of anything yet has nothing, not even the beginning.

import type { Progress } from './messages.js';

export type Durability = 'memory' | 'backup-disk' | 'both-disks';

export const DURABILITIES: readonly Durability[] = ['memory', 'backup-disk', 'both-disks'];

/** How far the own log has come. */
export interface Kept {
  readonly written: number;
  readonly synced: number;
}

/** Before anything is. */
export const NOTHING_KEPT: Kept = { written: -1, synced: -1 };

/** Up to where the own log lets outputs leave. @param alone there is no backup whose disk could have it */
export function ownLimit(durability: Durability | undefined, { written, synced }: Kept, alone: boolean): number {
  if (durability === undefined) return Infinity;
  return durability === 'both-disks' || (durability === 'backup-disk' && alone) ? synced : written;
}

/** Whether a backup acknowledges only what its disk has. */
export function acknowledgesSynced(durability: Durability | undefined): boolean {
  return durability === 'backup-disk' || durability === 'both-disks';
}

/** Whether the disk is to have at once what a replica logs. @param alone it is a primary without backups */
export function syncsAtOnce(durability: Durability, isPrimary: boolean, alone: boolean): boolean {
  if (durability === 'memory') return false;
  return durability === 'both-disks' || !isPrimary || alone;
}

/**
 * What the own disk must have of the log before a view is claimed. Under `memory` what this replica was sent may be in memory alone,
 * and what precedes all that has left in the log of one that the view leaves out. Under `backup-disk` what has left of a primary may
 * be on the disk of its backup alone: it goes on without one only when it could be gone on from.
 */
export function claimWaitsFor(
  durability: Durability,
  isPrimary: boolean,
  alone: boolean,
): 'written' | 'synced' | 'nothing' {
  if (durability === 'memory') return 'written';
  return durability === 'backup-disk' && isPrimary && alone ? 'synced' : 'nothing';
}

/** What a backup says of its progress: what its disk lacks is not executed for good. */
export function keptProgress(durability: Durability | undefined, progress: Progress, { synced }: Kept): Progress {
  if (!acknowledgesSynced(durability) || progress.executed <= synced) return progress;
  return { ...progress, executed: synced };
}
