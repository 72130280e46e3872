// Copies of a user's files and folders, for runs that must leave the originals as they are.

import { constants, copyFileSync, cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceBacking, DeviceSource } from '../../devices/device-kind.js';
import { numbered } from '../../devices/opening.js';
import { EpochvisorError } from '../errors/errors.js';

/**
 * Copies what lies behind devices into `folder`, over what is there; answers what names the copies, in the same order.
 * What a device begins where there is none is not missed.
 *
 * @param wanted what is not wanted stays its own original
 * @throws EpochvisorError DISK_MISSING, DISK_UNUSABLE, and likewise of other kinds
 */
export function copyDevices(
  sources: readonly DeviceSource[],
  folder: string,
  wanted: (source: DeviceSource) => boolean = () => true,
): DeviceSource[] {
  return numbered(sources).map(({ source, kind, index }) => {
    if (!wanted(source)) return source;
    const path = join(folder, `${kind.name}-${index}`);
    rmSync(path, { recursive: true, force: true });
    if (!kind.backing.isBegun || existsSync(source.path)) copyPrivately(kind.backing, source.path, path);
    return { ...source, path };
  });
}

function copyPrivately({ code, name, isFolder }: DeviceBacking, original: string, path: string): void {
  try {
    if (isFolder) cpSync(original, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    else copyFileSync(original, path, constants.COPYFILE_FICLONE);
  } catch (error) {
    const { code: cause, message } = error as NodeJS.ErrnoException;
    if (cause === 'ENOENT') throw new EpochvisorError(`${code}_MISSING`, `${name} ${original} does not exist`);
    const why = cause ?? message.split('\n')[0];
    throw new EpochvisorError(`${code}_UNUSABLE`, `${name} ${original} can't be copied: ${why}`);
  }
}
