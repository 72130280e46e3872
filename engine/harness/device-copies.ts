// The files and folders of a machine in a test: copies, so that every run finds the same; and what is in them at its end.

import { readFileSync } from 'node:fs';
import type { DeviceSource } from '../../devices/device-kind.js';
import { numbered } from '../../devices/opening.js';
import { listFolder } from '../testing/folder-listing.js';

export interface DeviceFile {
  /** As a user knows it: `disk 0`, `teller`, `folder /data`. */
  readonly name: string;
  /** Of the copy. */
  readonly path: string;
  readonly isFolder: boolean;
}

export function deviceFiles(copies: readonly DeviceSource[]): DeviceFile[] {
  return numbered(copies).map(({ source, kind, index }) => ({
    name: kind.title(source, index),
    path: source.path,
    isFolder: kind.backing.isFolder,
  }));
}

/** By their names; of a folder, a listing of all that is in it, with digests. */
export function readDeviceFiles(files: readonly DeviceFile[]): Record<string, Uint8Array> {
  return Object.fromEntries(
    files.map(({ name, path, isFolder }) => [
      name,
      isFolder ? Buffer.from(listFolder(path), 'latin1') : readFileSync(path),
    ]),
  );
}
