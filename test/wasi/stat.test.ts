// What is known of files: identity, links, times, and setting times.

import { describe, expect, test } from 'vitest';
import {
  FILETYPE_CHARACTER_DEVICE,
  FILETYPE_UNKNOWN,
  FSTFLAGS_ATIM,
  FSTFLAGS_ATIM_NOW,
  FSTFLAGS_MTIM,
  FSTFLAGS_MTIM_NOW,
  OFLAGS_CREAT,
} from '../../engine/wasi/abi.js';
import { IMAGE_TIME_NS } from './model-folder.js';
import { ModelMachine, REAL_TIME_NS } from './model-machine.js';
import { Program, programIn, type Stat } from './program.js';

test('files of one directory have one device and inodes of their own', () => {
  const { p } = programIn({ a: '', b: '' });
  const [a, b] = [p.stat(3, 'a') as Stat, p.stat(3, 'b') as Stat];
  expect(a.device).toBe(b.device);
  expect(a.inode).not.toBe(b.inode);
  expect(p.fstat(p.mustOpen(3, 'a'))).toEqual(a);
});

test('a directory has two links and one for each directory in it', () => {
  const { p } = programIn({ d: { x: {}, y: {}, f: '' } });
  expect((p.stat(3, 'd') as Stat).links).toBe(4);
  expect((p.stat(3, '.') as Stat).links).toBe(3);
});

describe('times', () => {
  test('are those of the image, and move when something changes', () => {
    const { p } = programIn({ f: 'x', d: {} });
    expect(p.stat(3, 'f')).toMatchObject({ accessedNs: IMAGE_TIME_NS, modifiedNs: IMAGE_TIME_NS });
    const fd = p.mustOpen(3, 'f');
    expect(p.write(fd, 'y')).toBe(1);
    const written = p.fstat(fd) as Stat;
    expect(written.modifiedNs).toBeGreaterThan(REAL_TIME_NS);
    expect(written.changedNs).toBe(written.modifiedNs);
    expect(written.accessedNs).toBe(IMAGE_TIME_NS);
    expect(p.createFile(3, 'd/new')).toBe('OK');
    const made = p.stat(3, 'd/new') as Stat;
    expect(made.modifiedNs).toBeGreaterThan(written.modifiedNs);
    expect((p.stat(3, 'd') as Stat).modifiedNs).toBe(made.modifiedNs);
    expect(p.link(3, 'f', 3, 'g')).toBe('OK');
    expect((p.stat(3, 'f') as Stat).changedNs).toBeGreaterThan(made.changedNs);
    expect((p.stat(3, 'f') as Stat).modifiedNs).toBe(written.modifiedNs);
  });

  test('can be set through a descriptor, each alone', () => {
    const { p, folder } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    expect(p.call('fd_filestat_set_times', fd, 5n, 7n, FSTFLAGS_MTIM)).toBe('OK');
    expect(p.fstat(fd)).toMatchObject({ accessedNs: IMAGE_TIME_NS, modifiedNs: 7n });
    expect(p.call('fd_filestat_set_times', fd, 5n, 9n, FSTFLAGS_ATIM)).toBe('OK');
    expect(p.fstat(fd)).toMatchObject({ accessedNs: 5n, modifiedNs: 7n });
    expect(folder.mutations).toMatchObject([
      { kind: 'setTimes', accessedNs: undefined, modifiedNs: 7n },
      { kind: 'setTimes', accessedNs: 5n, modifiedNs: undefined },
    ]);
    expect(p.call('fd_filestat_set_times', fd, 5n, 9n, 0)).toBe('OK');
    expect(folder.mutations).toHaveLength(2);
  });

  test('can be set to now: the time that the device is told', () => {
    const { p, folder } = programIn({ f: '' });
    expect(p.setPathTimes(3, 'f', 0n, 0n, FSTFLAGS_ATIM_NOW | FSTFLAGS_MTIM_NOW)).toBe('OK');
    const { accessedNs, modifiedNs } = p.stat(3, 'f') as Stat;
    expect(accessedNs).toBeGreaterThan(REAL_TIME_NS);
    expect(folder.mutations).toMatchObject([{ accessedNs, modifiedNs }]);
  });

  test('that are given and now at once are refused', () => {
    const { p } = programIn({ f: '' });
    const fd = p.mustOpen(3, 'f');
    for (const flags of [FSTFLAGS_ATIM | FSTFLAGS_ATIM_NOW, FSTFLAGS_MTIM | FSTFLAGS_MTIM_NOW, 1 << 4]) {
      expect(p.setPathTimes(3, 'f', 100n, 200n, flags)).toBe('EINVAL');
      expect(p.call('fd_filestat_set_times', fd, 100n, 200n, flags)).toBe('EINVAL');
    }
    expect(p.stat(3, 'f')).toMatchObject({ accessedNs: IMAGE_TIME_NS, modifiedNs: IMAGE_TIME_NS });
  });

  test('of a symbolic link are its own, unless it is followed', () => {
    const { p } = programIn({ f: '', l: { link: 'f' } });
    expect(p.setPathTimes(3, 'l', 0n, 11n, FSTFLAGS_MTIM)).toBe('OK');
    expect((p.stat(3, 'l') as Stat).modifiedNs).toBe(11n);
    expect((p.stat(3, 'f') as Stat).modifiedNs).toBe(IMAGE_TIME_NS);
    expect(p.setPathTimes(3, 'l', 0n, 12n, FSTFLAGS_MTIM, true)).toBe('OK');
    expect((p.stat(3, 'l') as Stat).modifiedNs).toBe(11n);
    expect((p.stat(3, 'f') as Stat).modifiedNs).toBe(12n);
    expect((p.stat(3, 'l', true) as Stat).modifiedNs).toBe(12n);
  });

  test('of what is not there are not set', () => {
    const { p } = programIn({ f: '' });
    expect(p.setPathTimes(3, 'none', 0n, 0n, FSTFLAGS_MTIM)).toBe('ENOENT');
    expect(p.setPathTimes(3, 'f/', 0n, 0n, FSTFLAGS_MTIM)).toBe('ENOTDIR');
    expect(p.stat(3, 'f/')).toBe('ENOTDIR');
  });
});

test('a terminal is known by its type and by rights it lacks; other streams are of no known type', () => {
  const p = new Program(new ModelMachine({ configuration: { terminals: [true, false, false] } }));
  expect(p.fdstat(0)).toMatchObject({ filetype: FILETYPE_CHARACTER_DEVICE });
  expect((p.fdstat(0) as { rights: number }).rights & ((1 << 2) | (1 << 5))).toBe(0);
  expect(p.fdstat(1)).toMatchObject({ filetype: FILETYPE_UNKNOWN });
  expect(p.fstat(0)).toMatchObject({ filetype: FILETYPE_CHARACTER_DEVICE, size: 0, links: 1 });
});

test('a file that is created is no terminal', () => {
  const { p } = programIn();
  expect(p.fdstat(p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT }))).toMatchObject({ filetype: 4 });
});
