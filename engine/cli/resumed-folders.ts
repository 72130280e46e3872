// The folders of a machine that goes on from a snapshot, with what its kernel knows of each.

import { EpochvisorError } from '../errors/errors.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { folderThen, type Statuses } from '../wasi/known-folder.js';
import type { FolderToOpen } from './devices.js';
import type { DirectoryFlag } from './wasi-flags.js';

/**
 * A folder that the guest can only read is read again, and so is one that it has not looked at yet.
 *
 * @param statuses how changes ended that were outstanding at the snapshot
 * @throws EpochvisorError DIR_NOT_RESUMABLE, SNAPSHOT_INVALID
 */
export function resumedFolders(
  { guest }: Pick<MachineSnapshot, 'guest'>,
  directories: readonly DirectoryFlag[],
  statuses: Statuses,
): FolderToOpen[] {
  return directories.map((directory, number) => {
    if (directory.readOnly) return directory;
    const then = folderThen(guest.devices, number, statuses);
    if (then.at === 'loaded') return { ...directory, known: then.known };
    if (then.at !== 'loading') return directory;
    // The rest of an image that is read anew may not fit what the guest has of the first one.
    throw new EpochvisorError(
      'DIR_NOT_RESUMABLE',
      `the snapshot was taken while the guest was loading the folder ${directory.hostPath}`,
      'go on from one that was taken later',
    );
  });
}
