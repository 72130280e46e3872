// Private copies: what one run writes no other sees, and the user's own files stay as they are.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyDevices } from '../../engine/testing/private-copy.js';

let base: string;
let copies: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'epochvisor-copies-'));
  copies = join(base, 'copies');
  mkdirSync(copies);
  mkdirSync(join(base, 'folder'));
  writeFileSync(join(base, 'folder', 'file'), 'text');
  writeFileSync(join(base, 'disk'), 'content');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const source = (kind: string, name: string, more = {}) => ({ kind, path: join(base, name), ...more });

test('are named in the order of the originals, and are over what the run before has left', () => {
  const sources = [source('disk', 'disk'), source('directory', 'folder', { guestPath: '/data' })];
  const [disk, folder] = copyDevices(sources, copies);
  writeFileSync(disk!.path, 'changed');
  writeFileSync(join(folder!.path, 'more'), '');
  expect(copyDevices(sources, copies)).toEqual([disk, folder]);
  expect(folder).toMatchObject({ kind: 'directory', guestPath: '/data' });
  expect(readFileSync(disk!.path, 'utf8')).toBe('content');
  expect(existsSync(join(folder!.path, 'more'))).toBe(false);
  expect(readFileSync(join(folder!.path, 'file'), 'utf8')).toBe('text');
});

test('of what is not wanted are the original', () => {
  const [disk] = copyDevices([source('disk', 'disk')], copies, () => false);
  expect(disk).toEqual(source('disk', 'disk'));
});

test('what a device begins where there is none is begun by each run', () => {
  writeFileSync(join(copies, 'teller-0'), 'left by the run before');
  const [journal] = copyDevices([source('teller', 'none')], copies);
  expect(existsSync(journal!.path)).toBe(false);
});

test.each([
  ['disk', 'DISK_MISSING'],
  ['directory', 'DIR_MISSING'],
])('of a %s that does not exist are refused', (kind, code) => {
  expect(() => copyDevices([source(kind, 'none')], copies)).toThrow(expect.objectContaining({ code }));
});
