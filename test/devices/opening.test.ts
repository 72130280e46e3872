// Devices are opened in one place: numbered by kind, all of them or none.

import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closeDevices, numbered, openDevices } from '../../devices/opening.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'epochvisor-opening-')));
  for (const name of ['a', 'b']) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), 512 * (name === 'a' ? 1 : 2));
  }
  mkdirSync(join(folder, 'folder'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const disk = (name: string) => ({ kind: 'disk', path: join(folder, name) });
const teller = (name: string) => ({ kind: 'teller', path: join(folder, name) });
const directory = (name: string) => ({ kind: 'directory', path: join(folder, name), guestPath: '/data' });

/** Whether this process has something of the folder open. */
function holds(): boolean {
  return readdirSync('/proc/self/fd').some(fd => {
    try {
      return realpathSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      // The descriptor by which they are listed is closed by now.
      return false;
    }
  });
}

test('devices have numbers by kind, whatever the order in which they are named', async () => {
  const { devices, options } = await openDevices([directory('folder'), disk('a'), teller('journal'), disk('b')]);
  expect([...devices.keys()]).toEqual([0x300, 0x100, 0x200, 0x101]);
  expect(options).toEqual([
    { number: 0x100, kind: 'disk', sizeBytes: 512 },
    { number: 0x200, kind: 'teller', sizeBytes: 0 },
    { number: 0x101, kind: 'disk', sizeBytes: 1024 },
  ]);
  expect(holds()).toBe(true);
  await closeDevices(devices);
  expect(holds()).toBe(false);
});

test('where a later one cannot be opened the ones before it are closed again', async () => {
  const opening = openDevices([disk('a'), teller('journal'), directory('folder'), directory('none')]);
  await expect(opening).rejects.toMatchObject({ code: 'DIR_MISSING' });
  expect(holds()).toBe(false);
});

test('a disk that has another size than its guest was told is closed again', async () => {
  const opening = openDevices([disk('a'), disk('b')], [{ sizeBytes: 512 }, { sizeBytes: 512 }]);
  await expect(opening).rejects.toMatchObject({
    code: 'DISK_SIZE',
    message: expect.stringMatching(/^disk 1 has 1024/),
  });
  expect(holds()).toBe(false);
});

test('the numbers of one kind do not run into those of the next', () => {
  const disks = Array.from({ length: 256 }, () => disk('a'));
  expect(numbered(disks).at(-1)!.number).toBe(0x1ff);
  expect(() => numbered([...disks, disk('a')])).toThrow(expect.objectContaining({ code: 'DEVICES_TOO_MANY' }));
});
