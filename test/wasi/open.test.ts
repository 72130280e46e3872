// path_open: what the flags mean, and what a descriptor may do afterwards.

import { describe, expect, test } from 'vitest';
import {
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  FDFLAGS_SYNC,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCL,
  OFLAGS_TRUNC,
  RIGHT_FD_FILESTAT_GET,
  RIGHT_FD_READ,
  RIGHT_FD_SEEK,
  RIGHT_FD_WRITE,
  RIGHT_PATH_FILESTAT_SET_SIZE,
  RIGHTS_DIRECTORY,
  RIGHTS_FILE,
  RIGHTS_INHERITED,
} from '../../engine/wasi/abi.js';
import type { Stat } from './program.js';
import { programIn } from './program.js';

const tree = { dir: {}, file: 'content', fixed: { readOnly: 'content' } };

describe('flags', () => {
  test('a file that is not there is created where that is asked, once', () => {
    const { p, folder } = programIn();
    expect(p.open(3, 'new')).toBe('ENOENT');
    expect(p.open(3, 'new', { oflags: OFLAGS_CREAT })).toBe(4);
    expect(p.open(3, 'new', { oflags: OFLAGS_CREAT })).toBe(5);
    expect(p.open(3, 'new', { oflags: OFLAGS_CREAT | OFLAGS_EXCL })).toBe('EEXIST');
    expect(folder.tree()).toEqual({ new: '' });
    expect(folder.mutations.map(mutation => mutation.kind)).toEqual(['createFile']);
  });

  test('exclusive creation does not follow a link', () => {
    const { p } = programIn({ link: { link: 'nowhere' } });
    expect(p.open(3, 'link', { oflags: OFLAGS_CREAT | OFLAGS_EXCL, follow: true })).toBe('EEXIST');
  });

  test('a file is truncated where that is asked', () => {
    const { p, folder } = programIn(tree);
    const fd = p.mustOpen(3, 'file', { oflags: OFLAGS_TRUNC });
    expect(p.read(fd)).toBe('""');
    expect(folder.tree()).toMatchObject({ file: '' });
  });

  test.each([
    ['a file as a directory', 'file', OFLAGS_DIRECTORY, 0, 'ENOTDIR'],
    ['a directory to write', 'dir', OFLAGS_DIRECTORY, RIGHT_FD_READ | RIGHT_FD_WRITE, 'EISDIR'],
    ['a directory to truncate', 'dir', OFLAGS_TRUNC, 0, 'EISDIR'],
    ['a directory to create', 'dir', OFLAGS_CREAT, 0, 'EISDIR'],
    ['creating a directory', 'new', OFLAGS_CREAT | OFLAGS_DIRECTORY, 0, 'EINVAL'],
    ['creating with a slash', 'new/', OFLAGS_CREAT, 0, 'EISDIR'],
    ['a flag that does not exist', 'file', 1 << 4, 0, 'EINVAL'],
    ['a file that the host keeps from writing', 'fixed', 0, RIGHT_FD_WRITE, 'EACCES'],
    ['truncating a file that the host keeps from writing', 'fixed', OFLAGS_TRUNC, 0, 'EACCES'],
  ])('%s is refused', (_, path, oflags, rights, errno) => {
    expect(programIn(tree).p.open(3, path, { oflags, rights })).toBe(errno);
  });

  test('flags of the descriptor are kept; those that do not exist are refused', () => {
    const { p } = programIn();
    const fd = p.mustOpen(3, 'f', { oflags: OFLAGS_CREAT, flags: FDFLAGS_APPEND | FDFLAGS_SYNC });
    expect(p.fdstat(fd)).toMatchObject({ flags: FDFLAGS_APPEND | FDFLAGS_SYNC });
    expect(p.open(3, '.', { flags: FDFLAGS_NONBLOCK })).toBe(5);
    expect(p.open(3, '.', { flags: 1 << 5 })).toBe('EINVAL');
  });

  test('lookup flags that do not exist are refused', () => {
    const { p } = programIn();
    expect(p.call('path_open', 3, 2, 0x1000, 1, 0, 0n, 0n, 0, 0x8000)).toBe('EINVAL');
  });

  test('a descriptor that is no directory leads nowhere', () => {
    const { p } = programIn(tree);
    const fd = p.mustOpen(3, 'file');
    expect(p.open(fd, 'foo', { oflags: OFLAGS_CREAT })).toBe('ENOTDIR');
    expect(p.open(1, 'foo')).toBe('ENOTDIR');
    expect(p.open(77, 'foo')).toBe('EBADF');
  });

  test('the lowest free number is given', () => {
    const { p } = programIn(tree);
    expect(p.open(3, 'file')).toBe(4);
    expect(p.open(3, 'file')).toBe(5);
    expect(p.open(3, 'file')).toBe(6);
    expect(p.close(5)).toBe('OK');
    expect(p.close(4)).toBe('OK');
    expect(p.open(3, 'file')).toBe(4);
    expect(p.open(3, 'file')).toBe(5);
    expect(p.open(3, 'file')).toBe(7);
  });

  test('a program cannot have more descriptors than there are', () => {
    const { p } = programIn(tree);
    while (p.open(3, 'file') !== 0xffff);
    expect(p.open(3, 'file')).toBe('EMFILE');
    expect(p.open(3, 'more', { oflags: OFLAGS_CREAT })).toBe('EMFILE');
    expect(p.stat(3, 'more')).toBe('ENOENT');
    expect(p.close(99)).toBe('OK');
    expect(p.open(3, 'file')).toBe(99);
  });
});

describe('a folder given read-only', () => {
  test.each([
    ['opening to write', (p: ReturnType<typeof programIn>['p']) => p.open(3, 'file', { rights: RIGHT_FD_WRITE })],
    ['truncating', p => p.open(3, 'file', { oflags: OFLAGS_TRUNC })],
    ['creating', p => p.open(3, 'new', { oflags: OFLAGS_CREAT })],
    ['making a directory', p => p.createDirectory(3, 'new')],
    ['making a link', p => p.link(3, 'file', 3, 'new')],
    ['making a symbolic link', p => p.symlink('file', 3, 'new')],
    ['unlinking', p => p.unlink(3, 'file')],
    ['removing', p => p.removeDirectory(3, 'dir')],
    ['renaming', p => p.rename(3, 'file', 3, 'new')],
    ['setting times', p => p.setPathTimes(3, 'file', 0n, 0n, 5)],
    ['setting the size', p => p.call('fd_filestat_set_size', p.mustOpen(3, 'file', { rights: 1 << 22 }), 1n)],
    ['allocating', p => p.call('fd_allocate', p.mustOpen(3, 'file', { rights: 1 << 8 }), 0n, 1n)],
  ] as readonly [string, (p: ReturnType<typeof programIn>['p']) => unknown][])('%s is EROFS', (_, change) => {
    const { p, folder } = programIn(tree, { readOnly: true });
    expect(change(p)).toBe('EROFS');
    expect(folder.mutations).toEqual([]);
  });

  test('reading works, and so does creating what exists', () => {
    const { p } = programIn(tree, { readOnly: true });
    expect(p.read(p.mustOpen(3, 'file', { rights: RIGHT_FD_READ }))).toBe('"content"');
    expect(p.open(3, 'file', { oflags: OFLAGS_CREAT, rights: RIGHT_FD_READ })).toBe(5);
    expect(p.call('fd_sync', p.mustOpen(3, 'file', { rights: 1 << 4 }))).toBe('OK');
  });
});

describe('rights', () => {
  test('a pre-opened directory has those of directories and hands on all', () => {
    expect(programIn().p.fdstat(3)).toEqual({
      filetype: 3,
      flags: 0,
      rights: RIGHTS_DIRECTORY,
      inheriting: RIGHTS_INHERITED,
    });
    expect(RIGHTS_DIRECTORY & (RIGHT_FD_READ | RIGHT_FD_WRITE | RIGHT_FD_SEEK)).toBe(0);
  });

  test('a directory opens with the rights that the pre-opened one has, with none, and with those of reading', () => {
    const { p } = programIn();
    const all = { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
    expect(p.fdstat(p.open(3, '.', all) as number)).toMatchObject(all);
    expect(p.fdstat(p.open(3, '.') as number)).toMatchObject({ rights: 0, inheriting: 0 });
    expect(p.open(3, '.', { oflags: OFLAGS_DIRECTORY, rights: RIGHT_FD_READ })).toBe(6);
  });

  test('what is asked for beyond what can be had is not given', () => {
    const { p } = programIn(tree);
    expect(p.fdstat(p.mustOpen(3, 'file', { rights: -1 >>> 2 }))).toMatchObject({ rights: RIGHTS_FILE, inheriting: 0 });
    const dir = p.mustOpen(3, 'dir', { rights: RIGHT_FD_SEEK, oflags: OFLAGS_DIRECTORY });
    expect(p.fdstat(dir)).toMatchObject({ rights: 0 });
    expect(p.seek(dir, 0, 1)).toBe('EBADF');
  });

  test('who opened to read cannot write, and the other way round', () => {
    const { p } = programIn(tree);
    const reader = p.mustOpen(3, 'file', { rights: RIGHT_FD_READ });
    expect(p.read(reader)).toBe('"content"');
    expect(p.write(reader, 'x')).toBe('EBADF');
    const writer = p.mustOpen(3, 'file', { rights: RIGHT_FD_WRITE });
    expect(p.read(writer)).toBe('EBADF');
    expect(p.write(writer, 'CON')).toBe(3);
    const both = p.mustOpen(3, 'file', { rights: RIGHT_FD_READ | RIGHT_FD_WRITE | RIGHT_FD_FILESTAT_GET });
    expect(p.read(both)).toBe('"CONtent"');
    expect(p.write(both, '!')).toBe(1);
    expect((p.fstat(both) as Stat).size).toBe(8);
  });

  test('rights can be given up and not taken back', () => {
    const { p } = programIn(tree);
    const fd = p.mustOpen(3, 'file');
    const set = (rights: number, inheriting = 0) =>
      p.call('fd_fdstat_set_rights', fd, BigInt(rights), BigInt(inheriting));
    expect(set(RIGHTS_FILE)).toBe('OK');
    expect(set(RIGHTS_FILE & ~(RIGHT_FD_READ | RIGHT_FD_WRITE))).toBe('OK');
    expect(p.fdstat(fd)).toMatchObject({ rights: RIGHTS_FILE & ~(RIGHT_FD_READ | RIGHT_FD_WRITE) });
    expect(p.read(fd)).toBe('EBADF');
    expect(p.write(fd, 'x')).toBe('EBADF');
    expect(p.seek(fd, 0, 0)).toBe(0);
    expect(set(RIGHTS_FILE)).toBe('ENOTCAPABLE');
    expect(set(0, 1)).toBe('ENOTCAPABLE');
  });

  test('truncating by path takes the right of the directory', () => {
    const { p } = programIn(tree);
    const rights = RIGHTS_DIRECTORY;
    const dir = p.mustOpen(3, '.', { rights, inheriting: RIGHTS_INHERITED });
    const drop = (base: number, inheriting: number) =>
      p.call('fd_fdstat_set_rights', dir, BigInt(base), BigInt(inheriting));
    expect(p.open(dir, 'file', { oflags: OFLAGS_TRUNC })).toBe(5);
    expect(drop(rights, RIGHTS_INHERITED & ~(1 << 22))).toBe('OK');
    expect(p.open(dir, 'file', { oflags: OFLAGS_TRUNC })).toBe(6);
    expect(drop(rights & ~RIGHT_PATH_FILESTAT_SET_SIZE, 0)).toBe('OK');
    expect(p.open(dir, 'file', { oflags: OFLAGS_TRUNC })).toBe('ENOTCAPABLE');
    expect(p.open(dir, 'file')).toBe(7);
  });

  test('each call by path takes the right named after it', () => {
    const { p } = programIn(tree);
    const powerless = p.mustOpen(3, '.', { rights: 0 });
    expect(p.open(powerless, 'file')).toBe('ENOTCAPABLE');
    expect(p.createDirectory(powerless, 'x')).toBe('ENOTCAPABLE');
    expect(p.unlink(powerless, 'file')).toBe('ENOTCAPABLE');
    expect(p.removeDirectory(powerless, 'dir')).toBe('ENOTCAPABLE');
    expect(p.symlink('a', powerless, 'x')).toBe('ENOTCAPABLE');
    expect(p.readlink(powerless, 'file')).toBe('ENOTCAPABLE');
    expect(p.stat(powerless, 'file')).toBe('ENOTCAPABLE');
    expect(p.setPathTimes(powerless, 'file', 0n, 0n, 1)).toBe('ENOTCAPABLE');
    expect(p.link(powerless, 'file', 3, 'x')).toBe('ENOTCAPABLE');
    expect(p.link(3, 'file', powerless, 'x')).toBe('ENOTCAPABLE');
    expect(p.rename(powerless, 'file', 3, 'x')).toBe('ENOTCAPABLE');
    expect(p.rename(3, 'file', powerless, 'x')).toBe('ENOTCAPABLE');
    expect(p.readdir(powerless)).toBe('ENOTCAPABLE');
    expect(p.fstat(powerless)).toBe('ENOTCAPABLE');
  });
});
