// What the public wasi-testsuite asks of preview 1 (its sources read, 72 programs of C, AssemblyScript and Rust), in our own
// words: what it shares with the other files of this folder is not repeated. Where it allows several errnos, ours is
// one of them.

import { describe, expect, test } from 'vitest';
import {
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  FDFLAGS_SYNC,
  FSTFLAGS_MTIM,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_TRUNC,
  RIGHT_FD_READ,
  RIGHT_FD_SEEK,
  RIGHT_FD_WRITE,
  RIGHTS_DIRECTORY,
  RIGHTS_FILE,
  RIGHTS_INHERITED,
} from '../../engine/wasi/abi.js';
import type { Folder } from './model-folder.js';
import { type Program, programIn, type Stat } from './program.js';

const [FROM_START, FROM_HERE, FROM_END] = [0, 1, 2];
const DIRECTORY = 3;
const REGULAR_FILE = 4;
const SYMBOLIC_LINK = 7;

/** As its programs do: a directory of their own, opened with all that the pre-opened one has. */
function scratch(tree: Folder = {}): { p: Program; dir: number } {
  const { p } = programIn(tree);
  const opening = { oflags: OFLAGS_DIRECTORY, rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
  return { p, dir: p.mustOpen(3, '.', opening) };
}

const statOf = (answer: Stat | string): Stat => {
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
};

describe('a descriptor of a directory', () => {
  test('is read, written, sought, measured and made longer by nobody', () => {
    const { p, dir } = scratch();
    expect([p.read(dir, 128), p.pread(dir, 0, 128)]).toEqual(['EISDIR', 'EISDIR']);
    expect([p.write(dir, 'x'), p.pwrite(dir, 0, 'x')]).toEqual(['EBADF', 'EBADF']);
    for (const whence of [FROM_START, FROM_HERE, FROM_END]) expect(p.seek(dir, 0, whence)).toBe('EBADF');
    expect(p.tell(dir)).toBe('EBADF');
    expect(p.call('fd_allocate', dir, 0n, 0n)).toBe('EBADF');
    expect(p.call('fd_filestat_set_size', dir, 0n)).toBe('EBADF');
  });

  test('opened to be sought in has no right to it', () => {
    const { p } = scratch({ d: {} });
    const fd = p.mustOpen(3, 'd', { oflags: OFLAGS_DIRECTORY, rights: RIGHT_FD_SEEK });
    expect(p.seek(fd, 0, FROM_HERE)).toBe('EBADF');
    expect(p.fdstat(fd)).toMatchObject({ filetype: DIRECTORY, rights: 0 });
  });

  test('has a name for a buffer that is larger than it, and none for one that is empty', () => {
    const { p } = scratch();
    expect(p.call('fd_prestat_dir_name', 3, 0x100, 0)).toBe('ENAMETOOLONG');
    expect(p.call('fd_prestat_dir_name', 3, 0x100, 20)).toBe('OK');
  });

  test('stays when the pre-opened one is closed, or takes its place', () => {
    const one = scratch();
    expect(one.p.close(3)).toBe('OK');
    expect(one.p.fdstat(one.dir)).toMatchObject({ filetype: DIRECTORY });
    expect(one.p.fdstat(3)).toBe('EBADF');
    const other = scratch();
    const before = statOf(other.p.fstat(other.dir));
    expect(other.p.call('fd_renumber', other.dir, 3)).toBe('OK');
    expect(other.p.fstat(3)).toEqual(before);
    expect(other.p.fdstat(other.dir)).toBe('EBADF');
  });
});

describe('names that others might mistake', () => {
  const tree = { dir: { nested: { file: 'x' } } };

  test('lead to a file over dots and slashes, and never by way of the root', () => {
    const { p, dir } = scratch(tree);
    expect(p.open(dir, 'dir/.//nested/../../dir/nested/../nested///./file')).toBe(5);
    expect(p.open(dir, '/dir/nested/file')).toBe('EPERM');
    expect(p.open(dir, 'dir/nested/../../../dir/nested/file')).toBe('EPERM');
    expect(p.open(dir, 'dir/nested/file\0')).toBe('EINVAL');
  });

  test('with slashes at the end are those of directories', () => {
    const { p, dir } = scratch(tree);
    for (const path of ['dir/nested/file/', 'dir/nested/file///']) expect(p.open(dir, path)).toBe('ENOTDIR');
    for (const path of ['dir/nested/', 'dir/nested///']) expect(p.open(dir, path)).toEqual(expect.any(Number));
    expect(p.unlink(dir, 'dir')).toBe('EISDIR');
    expect(p.unlink(dir, 'dir/')).toBe('EISDIR');
    expect(p.unlink(dir, 'dir/nested/file/')).toBe('ENOTDIR');
    expect(p.removeDirectory(dir, 'dir/nested/file')).toBe('ENOTDIR');
    expect(p.removeDirectory(dir, 'dir/nested/file/')).toBe('ENOTDIR');
    expect(p.removeDirectory(dir, 'dir/nested')).toBe('ENOTEMPTY');
    expect(p.createDirectory(dir, 'new/')).toBe('OK');
    expect(p.removeDirectory(dir, 'new/')).toBe('OK');
    expect(p.rename(dir, 'dir/nested/file/', dir, 'moved')).toBe('ENOTDIR');
    expect(p.rename(dir, 'dir/', dir, 'moved/')).toBe('OK');
    expect(p.rename(dir, 'moved/nested/file', dir, 'to/')).toBe('ENOTDIR');
  });

  test('of symbolic links cannot end with a slash, nor be there', () => {
    const { p, dir } = scratch({ file: '', dir: {} });
    expect(p.symlink('source', dir, 'new/')).toBe('ENOENT');
    expect(p.symlink('source', dir, 'dir')).toBe('EEXIST');
    expect(p.symlink('source', dir, 'dir/')).toBe('EEXIST');
    expect(p.symlink('source', dir, 'file')).toBe('EEXIST');
    expect(p.symlink('source', dir, 'file/')).toBe('ENOTDIR');
    expect(p.symlink('/absolute', dir, 'new')).toBe('EPERM');
  });

  test('of hard links cannot be there, end with a slash, or mean a directory', () => {
    const { p, dir } = scratch({ file: 'x', dir: {}, dangling: { link: 'nowhere' } });
    for (const path of ['file', 'dir', 'dangling']) expect(p.link(dir, 'file', dir, path)).toBe('EEXIST');
    expect(p.link(dir, 'dir', dir, 'new')).toBe('EPERM');
    expect(p.link(dir, 'file', dir, 'new/')).toBe('ENOENT');
    expect(p.link(dir, 'dangling', dir, 'new', 1)).toBe('EINVAL');
    expect(p.link(dir, 'dangling', dir, 'new')).toBe('OK');
    expect(p.stat(dir, 'new')).toMatchObject({ filetype: SYMBOLIC_LINK, links: 2 });
  });
});

describe('links', () => {
  const tree = { dir: {}, file: '', toDir: { link: 'dir' }, toFile: { link: 'file' }, loop: { link: 'loop' } };

  test('that are not to be followed are opened in no way', () => {
    const { p, dir } = scratch(tree);
    for (const path of ['toDir', 'toFile', 'loop']) {
      expect(p.open(dir, path)).toBe('ELOOP');
      expect(['ELOOP', 'ENOTDIR']).toContain(p.open(dir, path, { oflags: OFLAGS_DIRECTORY }));
    }
    expect(p.open(dir, 'toDir', { oflags: OFLAGS_DIRECTORY, follow: true })).toEqual(expect.any(Number));
    expect(p.open(dir, 'toFile', { oflags: OFLAGS_DIRECTORY, follow: true })).toBe('ENOTDIR');
    expect(p.open(dir, 'loop', { follow: true })).toBe('ELOOP');
  });

  test('are seen, or seen through', () => {
    const { p, dir } = scratch(tree);
    expect(p.stat(dir, 'toFile')).toMatchObject({ filetype: SYMBOLIC_LINK });
    expect(p.stat(dir, 'toFile', true)).toMatchObject({ filetype: REGULAR_FILE });
    expect(p.stat(dir, 'toDir', true)).toMatchObject({ filetype: DIRECTORY });
    expect(p.readlink(dir, 'toFile', 2)).toBe('-> fi');
  });

  test('have times apart from those of what they lead to', () => {
    const { p, dir } = scratch(tree);
    const file = statOf(p.stat(dir, 'file'));
    const link = statOf(p.stat(dir, 'toFile'));
    expect(p.setPathTimes(dir, 'toFile', 0n, link.modifiedNs + 77n, FSTFLAGS_MTIM)).toBe('OK');
    expect(p.stat(dir, 'toFile')).toMatchObject({ modifiedNs: link.modifiedNs + 77n });
    expect(p.stat(dir, 'file')).toMatchObject({ modifiedNs: file.modifiedNs });
    expect(p.setPathTimes(dir, 'toFile', 0n, 5n, FSTFLAGS_MTIM, true)).toBe('OK');
    expect(p.stat(dir, 'file')).toMatchObject({ modifiedNs: 5n });
  });
});

describe('a file that is open', () => {
  test('may lose its name to another, as may a directory', () => {
    const { p, dir } = scratch();
    expect(p.createFile(dir, 'name')).toBe('OK');
    const file = p.mustOpen(dir, 'name', { rights: 0 });
    expect(p.unlink(dir, 'name')).toBe('OK');
    expect(p.createDirectory(dir, 'name')).toBe('OK');
    const directory = p.mustOpen(dir, 'name', { oflags: OFLAGS_DIRECTORY, rights: 0 });
    expect(p.removeDirectory(dir, 'name')).toBe('OK');
    expect(p.createDirectory(dir, 'name')).toBe('OK');
    expect([p.close(file), p.close(directory)]).toEqual(['OK', 'OK']);
  });

  test('is told by its rights: none of those for paths, though they were asked for', () => {
    const { p, dir } = scratch();
    const flags = FDFLAGS_APPEND | FDFLAGS_SYNC;
    const fd = p.mustOpen(dir, 'file', { oflags: OFLAGS_CREAT, rights: RIGHTS_FILE | RIGHTS_DIRECTORY, flags });
    const { rights, inheriting } = p.fdstat(fd) as { rights: number; inheriting: number };
    expect([rights & RIGHTS_DIRECTORY & ~RIGHTS_FILE, inheriting]).toEqual([0, 0]);
    expect(p.fdstat(fd)).toMatchObject({ flags });
  });

  test('is appended to wherever one seeks, until the flag is taken away; a place of its own is one all the same', () => {
    const { p, dir } = scratch();
    const fd = p.mustOpen(dir, 'file', { oflags: OFLAGS_CREAT, flags: FDFLAGS_APPEND });
    expect(p.write(fd, 'aaaa')).toBe(4);
    expect(p.pwrite(fd, 0, 'bb')).toBe(2);
    expect(p.seek(fd, 0, FROM_END)).toBe(4);
    expect(p.seek(fd, 0, FROM_START)).toBe(0);
    expect(p.write(fd, 'cc')).toBe(2);
    expect(p.call('fd_fdstat_set_flags', fd, 0)).toBe('OK');
    expect(p.seek(fd, 0, FROM_START)).toBe(0);
    expect(p.write(fd, 'd')).toBe(1);
    expect(p.pread(fd, 0)).toBe('"dbaacc"');
  });

  test('may be sought in beyond its end and not before its beginning', () => {
    const { p, dir } = scratch({ file: 'content' });
    const fd = p.mustOpen(dir, 'file');
    expect(p.seek(fd, 1000, FROM_HERE)).toBe(1000);
    expect(p.seek(fd, -2000, FROM_HERE)).toBe('EINVAL');
    expect(p.tell(fd)).toBe(1000);
    expect(p.read(fd)).toBe('""');
  });

  test('with neither right is neither read nor written, whatever the directory hands on', () => {
    const { p, dir } = scratch({ file: 'x' });
    const fd = p.mustOpen(dir, 'file', { rights: 0 });
    expect([p.read(fd, 1), p.write(fd, 'x')]).toEqual(['EBADF', 'EBADF']);
    const both = RIGHT_FD_READ | RIGHT_FD_WRITE;
    const other = p.mustOpen(dir, 'file', { rights: both, flags: FDFLAGS_NONBLOCK });
    expect([p.read(other, 1), p.write(other, 'y')]).toEqual(['"x"', 1]);
    expect(p.mustOpen(dir, 'file', { rights: RIGHT_FD_WRITE, oflags: OFLAGS_TRUNC })).toEqual(expect.any(Number));
    expect(p.stat(dir, 'file')).toMatchObject({ size: 0 });
  });
});
