// Disks, as a machine has them: `--disk FILE`.

import { EpochvisorError } from '../../engine/errors/errors.js';
import type { DeviceKind } from '../device-kind.js';
import { diskMovement, FIRST_DISK } from './disk-commands.js';

export const DISK_KIND: DeviceKind = {
  name: 'disk',
  firstNumber: FIRST_DISK,
  movement: diskMovement,
  flag: {
    usage: '--disk <FILE>',
    help: 'a disk of the guest (repeatable)',
    repeatable: true,
    expected: 'It is a file.',
    parse: path => ({ kind: 'disk', path }),
  },
  backing: { code: 'DISK', name: 'the disk', isFolder: false, isBegun: false },
  title: (_, index) => `disk ${index}`,
  open: async ({ path }, index, then, memory) => {
    const { FileDisk } = await import('./file-disk.js');
    const disk = await FileDisk.open(path, memory !== undefined);
    if (then === undefined || then.sizeBytes === disk.sizeBytes) return disk;
    await disk.close();
    throw new EpochvisorError(
      'DISK_SIZE',
      `disk ${index} has ${disk.sizeBytes} bytes, and had ${then.sizeBytes} when the snapshot was taken`,
      'put the disk back as it was',
    );
  },
};
