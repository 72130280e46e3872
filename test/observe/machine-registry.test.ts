// The folder in which the machines of a host are found: whose it is, and which entries are stale.

import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  isRunning,
  registryEntries,
  registryFolder,
  registryPlace,
  unregister,
} from '../../engine/observe/machine-registry.js';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'epochvisor-test-'));
  folder = join(root, 'machines');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the folder', () => {
  test('lies where the system keeps what lives as long as the session, else among temporary files with the uid', () => {
    expect(registryFolder({ XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/epochvisor');
    for (const XDG_RUNTIME_DIR of ['', 'relative']) {
      expect(registryFolder({ XDG_RUNTIME_DIR })).toBe(join(tmpdir(), `epochvisor-machines-${process.getuid?.()}`));
    }
  });

  test('is its owner’s alone, and goes with the last entry', () => {
    const place = registryPlace(folder);
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    writeFileSync(place, '');
    writeFileSync(join(folder, '1-1.socket'), '');
    unregister(place);
    expect(existsSync(folder)).toBe(true);
    unregister(join(folder, '1-1.socket'));
    expect(existsSync(folder)).toBe(false);
    expect(registryEntries(folder)).toEqual([]);
  });

  test.each([
    ['can be entered by others', () => mkdirSync(folder, { mode: 0o755 })],
    ['is a link to another', () => symlinkSync(root, folder)],
  ])('is refused where it %s', (_, make) => {
    make();
    expect(() => registryPlace(folder)).toThrow(/nobody else can enter/);
    expect(() => registryEntries(folder)).toThrow(/nobody else can enter/);
  });
});

describe('an entry', () => {
  test('names a process and when it began: this one runs', () => {
    writeFileSync(registryPlace(folder), '');
    const [entry] = registryEntries(folder);
    expect(entry!.pid).toBe(process.pid);
    expect(isRunning(entry!)).toBe(true);
  });

  test('of a process that began at another time is not of the one that has its number now', () => {
    writeFileSync(registryPlace(folder), '');
    const [entry] = registryEntries(folder);
    expect(isRunning({ ...entry!, startTicks: entry!.startTicks - 1 })).toBe(false);
    // A number that no process has.
    expect(isRunning({ ...entry!, pid: 2 ** 30 })).toBe(false);
  });

  test('is no other file', () => {
    registryPlace(folder);
    for (const name of ['x.socket', '1-2.socket.tmp', '-1-2.socket']) writeFileSync(join(folder, name), '');
    expect(registryEntries(folder)).toEqual([]);
  });
});
