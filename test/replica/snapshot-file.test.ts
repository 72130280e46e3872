// Where a snapshot's file can't be written: told as such, for a replica that fails otherwise halts.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MachineSnapshot } from '../../engine/guest/guest-state.js';
import { writeSnapshotFile } from '../../engine/replica/snapshot-file.js';

/** Never looked at: none of these files can be opened. */
const NOTHING = {} as MachineSnapshot;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  ['in a folder that is a file', 'plain/snapshot', 'ENOTDIR'],
  ['in a folder that is not there', 'nowhere/snapshot', 'ENOENT'],
  ['with a name that is too long', 'n'.repeat(253), 'ENAMETOOLONG'],
])('a snapshot %s is refused before anything is written', async (_, name, why) => {
  writeFileSync(join(folder, 'plain'), '');
  const path = join(folder, name);
  const message = `${path} can't be written: ${why}`;
  await expect(writeSnapshotFile(path, `${path}.tmp`, NOTHING)).rejects.toMatchObject({
    code: 'SNAPSHOT_FILE',
    message,
  });
  expect(readdirSync(folder)).toEqual(['plain']);
});
