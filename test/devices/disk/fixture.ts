// What the conformance of devices needs of disks.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DISK_WRITE, SECTOR_BYTES } from '../../../devices/disk/disk-commands.js';
import { DISK_KIND } from '../../../devices/disk/disk-kind.js';
import { type DeviceFixture, operation } from '../conformance.js';

export const fixture: DeviceFixture = {
  source: async folder => {
    const path = join(folder, 'disk');
    await writeFile(path, new Uint8Array(8 * SECTOR_BYTES));
    return { kind: DISK_KIND.name, path };
  },
  valid: id =>
    operation(id, DISK_WRITE, { argument: BigInt(SECTOR_BYTES), data: new Uint8Array(SECTOR_BYTES).fill(id) }),
};
