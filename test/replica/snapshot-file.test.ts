// Where a snapshot's file can't be written: told as such, for a replica that fails otherwise halts.

import { readdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { MachineSnapshot } from '../../engine/guest/guest-state.js';
import { writeSnapshotFile } from '../../engine/replica/snapshot-file.js';
import { TestFolder } from '../building/test-folder.js';

/** Never looked at: none of these files can be opened. */
const NOTHING = {} as MachineSnapshot;

const folder = new TestFolder();

test.each([
  ['in a folder that is a file', 'plain/snapshot', 'ENOTDIR'],
  ['in a folder that is not there', 'nowhere/snapshot', 'ENOENT'],
  ['with a name that is too long', 'n'.repeat(253), 'ENAMETOOLONG'],
])('a snapshot %s is refused before anything is written', async (_, name, why) => {
  writeFileSync(folder.file('plain'), '');
  const path = folder.file(name);
  const message = `${path} can't be written: ${why}`;
  await expect(writeSnapshotFile(path, `${path}.tmp`, NOTHING)).rejects.toMatchObject({
    code: 'SNAPSHOT_FILE',
    message,
  });
  expect(readdirSync(folder.path)).toEqual(['plain']);
});
