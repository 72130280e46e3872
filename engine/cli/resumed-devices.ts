// The devices of a machine that goes on from a snapshot, as they were when it was taken.

import type { DeviceSource, DeviceThen } from '../../devices/device-kind.js';
import { DIRECTORY_KIND } from '../../devices/directory/directory-kind.js';
import { numbered } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';
import type { MachineSnapshot } from '../guest/guest-state.js';
import { folderThen, type Statuses } from '../wasi/known-folder.js';

/**
 * A folder that the guest can only read is read again, and so is one that it has not looked at yet.
 *
 * @param statuses how changes ended that were outstanding at the snapshot
 * @throws EpochvisorError DIR_NOT_RESUMABLE, SNAPSHOT_INVALID
 */
export function devicesThen(
  { guest, options }: Pick<MachineSnapshot, 'guest' | 'options'>,
  sources: readonly DeviceSource[],
  statuses: Statuses,
): DeviceThen[] {
  return numbered(sources).map(({ source, kind, index, number }) => {
    const sizeBytes = options.devices.find(device => device.number === number)?.sizeBytes ?? 0;
    if (kind !== DIRECTORY_KIND || source.readOnly) return { sizeBytes };
    const folder = folderThen(guest.devices, index, statuses);
    if (folder.at === 'loaded') return { sizeBytes, known: folder.known };
    if (folder.at !== 'loading') return { sizeBytes };
    // The rest of an image that is read anew may not fit what the guest has of the first one.
    throw new EpochvisorError(
      'DIR_NOT_RESUMABLE',
      `the snapshot was taken while the guest was loading the folder ${source.path}`,
      'go on from one that was taken later',
    );
  });
}
