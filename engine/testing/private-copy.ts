// Copies of a user's files and folders, for runs that must leave the originals as they are.

import { constants, copyFileSync, cpSync } from 'node:fs';
import { EpochvisorError } from '../errors/errors.js';

/** Code and name of what is copied. */
const KINDS = {
  disk: { code: 'DISK', name: 'the disk' },
  teller: { code: 'TELLER', name: "the teller's journal" },
  folder: { code: 'DIR', name: 'the folder' },
} as const;

/** @throws EpochvisorError DISK_MISSING, DISK_UNUSABLE, and likewise TELLER_ and DIR_ */
export function copyPrivately(kind: keyof typeof KINDS, original: string, path: string): void {
  try {
    if (kind !== 'folder') copyFileSync(original, path, constants.COPYFILE_FICLONE);
    else cpSync(original, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = KINDS[kind];
    if (code === 'ENOENT') throw new EpochvisorError(`${what.code}_MISSING`, `${what.name} ${original} does not exist`);
    const why = code ?? message.split('\n')[0];
    throw new EpochvisorError(`${what.code}_UNUSABLE`, `${what.name} ${original} can't be copied: ${why}`);
  }
}
