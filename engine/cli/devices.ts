// The devices that a machine's flags name, opened on this host.

import { Console } from '../../devices/console/console.js';
import type { OperationDevice, StreamDevice } from '../../devices/device.js';
import { Directory } from '../../devices/directory/directory.js';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import { FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { FileDisk } from '../../devices/disk/file-disk.js';
import { Teller } from '../../devices/teller/teller.js';
import { TELLER } from '../../devices/teller/teller-commands.js';
import type { KnownFolder } from '../wasi/known-folder.js';
import type { DirectoryFlag } from './wasi-flags.js';

/** A folder of a machine that goes on from a snapshot has what its kernel knows of it. */
export interface FolderToOpen extends DirectoryFlag {
  readonly known?: KnownFolder | undefined;
}

export interface OpenedDevices {
  readonly streams: readonly StreamDevice[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** Sizes of the disks in bytes, by number. */
  readonly disks: readonly number[];
}

/**
 * @param console where the guest's streams go; by default those of this process
 * @throws EpochvisorError DISK_MISSING, DISK_SIZE, DIR_MISSING, DIR_CHANGED, STDIN_UNREADABLE and others, as the devices say
 */
export async function openDevices(
  flags: { readonly disk: readonly string[]; readonly teller?: string; readonly dir?: readonly FolderToOpen[] },
  console?: StreamDevice,
): Promise<OpenedDevices> {
  const devices = new Map<number, OperationDevice>();
  try {
    for (const path of flags.disk) devices.set(FIRST_DISK + devices.size, await FileDisk.open(path));
    const disks = [...devices.values()].map(disk => disk.sizeBytes);
    for (const [number, { hostPath, readOnly, known }] of (flags.dir ?? []).entries()) {
      devices.set(FIRST_DIRECTORY + number, await Directory.open(hostPath, { readOnly, known }));
    }
    if (flags.teller !== undefined) devices.set(TELLER, await Teller.open(flags.teller));
    return { streams: [console ?? Console.ofProcess()], devices, disks };
  } catch (error) {
    for (const device of devices.values()) await device.close();
    throw error;
  }
}
