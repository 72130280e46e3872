// Giving and taking names: links, directories, removal, renaming, and slashes at the end of each.

import { describe, expect, test } from 'vitest';
import { RIGHTS_DIRECTORY, RIGHTS_INHERITED } from '../../engine/wasi/abi.js';
import { ModelFolder } from './model-folder.js';
import { ModelMachine } from './model-machine.js';
import { Program, programIn, type Stat } from './program.js';

const whole = { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };

describe('making a directory', () => {
  test('works once, with a slash or without', () => {
    const { p, folder } = programIn();
    expect(p.createDirectory(3, 'a')).toBe('OK');
    expect(p.createDirectory(3, 'b/')).toBe('OK');
    expect(p.createDirectory(3, 'a/c')).toBe('OK');
    expect(p.createDirectory(3, 'a')).toBe('EEXIST');
    expect(p.createDirectory(3, 'a/')).toBe('EEXIST');
    expect(p.createDirectory(3, '.')).toBe('EEXIST');
    expect(p.createDirectory(3, 'none/x')).toBe('ENOENT');
    expect(folder.tree()).toEqual({ a: { c: {} }, b: {} });
  });

  test('where a dangling link is, is refused', () => {
    const { p } = programIn({ l: { link: 'x' } });
    expect(p.createDirectory(3, 'l')).toBe('EEXIST');
  });
});

describe('a hard link', () => {
  test('is one more name, in the same directory or another', () => {
    const { p, folder } = programIn({ file: 'x', sub: {} });
    const sub = p.mustOpen(3, 'sub', whole);
    expect(p.link(3, 'file', 3, 'link')).toBe('OK');
    expect(p.link(3, 'file', sub, 'link')).toBe('OK');
    expect(p.stat(3, 'link')).toEqual(p.stat(3, 'file'));
    expect((p.stat(3, 'sub/link') as Stat).links).toBe(3);
    expect(folder.tree()).toEqual({ file: 'x', link: 'x', sub: { link: 'x' } });
    expect(p.unlink(3, 'file')).toBe('OK');
    expect((p.stat(3, 'link') as Stat).links).toBe(2);
  });

  test.each([
    ['an existing name', 'file', 'other', 'EEXIST'],
    ['itself', 'file', 'file', 'EEXIST'],
    ['a directory', 'file', 'sub', 'EEXIST'],
    ['a dangling link', 'file', 'dangling', 'EEXIST'],
    ['a name with a slash', 'file', 'link/', 'ENOENT'],
    ['from a directory', 'sub', 'link', 'EPERM'],
    ['from a file with a slash', 'file/', 'link', 'ENOTDIR'],
    ['from nothing', 'none', 'link', 'ENOENT'],
  ])('to %s is refused', (_, from, to, errno) => {
    const { p } = programIn({ file: '', other: '', sub: {}, dangling: { link: 'target' } });
    expect(p.link(3, from, 3, to)).toBe(errno);
  });

  test('can be made of a symbolic link itself, even one that leads nowhere or to itself', () => {
    const { p, folder } = programIn({ a: { link: 'target' }, b: { link: 'b' } });
    expect(p.link(3, 'a', 3, 'c')).toBe('OK');
    expect(p.link(3, 'b', 3, 'd')).toBe('OK');
    expect(folder.tree()).toMatchObject({ c: { link: 'target' }, d: { link: 'b' } });
  });

  test('of what a symbolic link leads to is not offered', () => {
    const { p } = programIn({ a: { link: 'target' }, target: '' });
    expect(p.link(3, 'a', 3, 'c', 1)).toBe('EINVAL');
  });
});

describe('a symbolic link', () => {
  test('may lead nowhere, and holds what it was given', () => {
    const { p, folder } = programIn();
    expect(p.symlink('some/../where', 3, 'l')).toBe('OK');
    expect(p.readlink(3, 'l')).toBe('-> some/../where');
    expect(folder.tree()).toEqual({ l: { link: 'some/../where' } });
  });

  test.each([
    ['to an absolute path', '/', 'l', 'EPERM'],
    ['to nothing', '', 'l', 'ENOENT'],
    ['at a free name with a slash', 'source', 'target/', 'ENOENT'],
    ['at a directory', 'source', 'dir', 'EEXIST'],
    ['at a directory with a slash', 'source', 'dir/', 'EEXIST'],
    ['at a file', 'source', 'file', 'EEXIST'],
    ['at a file with a slash', 'source', 'file/', 'ENOTDIR'],
  ])('%s is refused', (_, target, path, errno) => {
    expect(programIn({ dir: {}, file: '' }).p.symlink(target, 3, path)).toBe(errno);
  });
});

describe('removing', () => {
  test.each([
    ['unlink', 'dir', 'EISDIR'],
    ['unlink', 'dir/', 'EISDIR'],
    ['unlink', '.', 'EISDIR'],
    ['unlink', 'file/', 'ENOTDIR'],
    ['unlink', 'link/', 'ENOTDIR'],
    ['unlink', 'none', 'ENOENT'],
    ['unlink', 'file', 'OK'],
    ['unlink', 'link', 'OK'],
    ['removeDirectory', 'file', 'ENOTDIR'],
    ['removeDirectory', 'file/', 'ENOTDIR'],
    ['removeDirectory', 'link', 'ENOTDIR'],
    ['removeDirectory', 'link/', 'ENOTDIR'],
    ['removeDirectory', 'full', 'ENOTEMPTY'],
    ['removeDirectory', '.', 'EINVAL'],
    ['removeDirectory', 'none', 'ENOENT'],
    ['removeDirectory', 'dir', 'OK'],
    ['removeDirectory', 'dir/', 'OK'],
  ] as const)('%s of %s', (call, path, errno) => {
    const { p } = programIn({ dir: {}, full: { nested: {} }, file: '', link: { link: 'dir' } });
    expect(p[call](3, path)).toBe(errno);
  });

  test('a directory that was emptied can be removed', () => {
    const { p, folder } = programIn({ dir: { nested: { file: '' } } });
    expect(p.unlink(3, 'dir/nested/file')).toBe('OK');
    expect(p.removeDirectory(3, 'dir/nested')).toBe('OK');
    expect((p.stat(3, 'dir') as Stat).links).toBe(2);
    expect(p.removeDirectory(3, 'dir')).toBe('OK');
    expect(folder.tree()).toEqual({});
  });

  test('a name that was removed can be made again', () => {
    const { p } = programIn({ f: 'x', d: {} });
    expect(p.unlink(3, 'f')).toBe('OK');
    expect(p.createFile(3, 'f')).toBe('OK');
    expect((p.stat(3, 'f') as Stat).size).toBe(0);
    expect(p.removeDirectory(3, 'd')).toBe('OK');
    expect(p.createDirectory(3, 'd')).toBe('OK');
  });
});

describe('renaming', () => {
  const tree = { a: { x: '' }, empty: {}, full: { y: '' }, f: 'f', g: 'g', l: { link: 'f' } };

  test.each([
    ['a directory to a free name', 'a', 'new', 'OK'],
    ['a directory onto an empty one', 'a', 'empty', 'OK'],
    ['a directory onto a full one', 'a', 'full', 'ENOTEMPTY'],
    ['a directory onto a file', 'a', 'f', 'ENOTDIR'],
    ['a directory into itself', 'a', 'a/b', 'EINVAL'],
    ['a directory onto what it is in', 'a/x', 'a', 'EISDIR'],
    ['a directory onto itself', 'a', 'a', 'OK'],
    ['a file to a free name', 'f', 'new', 'OK'],
    ['a file onto a file', 'f', 'g', 'OK'],
    ['a file onto a directory', 'f', 'empty', 'EISDIR'],
    ['a file into a directory', 'f', 'empty/f', 'OK'],
    ['a link, not what it leads to', 'l', 'new', 'OK'],
    ['with a slash after the old name', 'a/', 'new', 'OK'],
    ['with a slash after the new name', 'a', 'new/', 'OK'],
    ['with slashes after both', 'a/', 'new/', 'OK'],
    ['a file with a slash', 'f/', 'new', 'ENOTDIR'],
    ['a file to a name with a slash', 'f', 'new/', 'ENOTDIR'],
    ['what is not there', 'none', 'new', 'ENOENT'],
    ['into what is not there', 'f', 'none/new', 'ENOENT'],
    ['here', '.', 'new', 'EBUSY'],
    ['to here', 'a', '.', 'EBUSY'],
  ])('%s', (_, from, to, errno) => {
    const { p, folder } = programIn(tree);
    const before = p.stat(3, from);
    expect(p.rename(3, from, 3, to)).toBe(errno);
    if (errno !== 'OK' || from === to) {
      expect(folder.tree()).toEqual(tree);
      return;
    }
    expect(p.stat(3, from)).toBe('ENOENT');
    expect((p.stat(3, to) as Stat).inode).toBe((before as Stat).inode);
  });

  test('counts the links of directories', () => {
    const { p } = programIn({ a: { b: {} }, c: { b: {} } });
    expect(p.rename(3, 'a/b', 3, 'c/d')).toBe('OK');
    expect(p.rename(3, 'c/d', 3, 'c/b')).toBe('OK');
    expect((p.stat(3, 'a') as Stat).links).toBe(2);
    expect((p.stat(3, 'c') as Stat).links).toBe(3);
    const b = p.mustOpen(3, 'c/b', whole);
    expect(p.readdir(b)).toMatchObject({ entries: [{}, { name: '..', inode: (p.stat(3, 'c') as Stat).inode }] });
  });

  test('one name of a file onto another leaves both', () => {
    const { p } = programIn({ f: 'x' });
    expect(p.link(3, 'f', 3, 'g')).toBe('OK');
    expect(p.rename(3, 'f', 3, 'g')).toBe('OK');
    expect(p.names(3)).toEqual(['.', '..', 'f', 'g']);
  });

  test('a file that is replaced lives as long as it is open', () => {
    const { p } = programIn({ f: 'new', g: 'old' });
    const fd = p.mustOpen(3, 'g');
    expect(p.rename(3, 'f', 3, 'g')).toBe('OK');
    expect(p.read(fd)).toBe('"old"');
    expect(p.read(p.mustOpen(3, 'g'))).toBe('"new"');
  });
});

test('nothing is linked or renamed from one directory given to the program into another', () => {
  const folders = [new ModelFolder({ f: '' }), new ModelFolder({})];
  const p = new Program(new ModelMachine({ folders, names: ['/a', '/b'] }));
  expect(p.rename(3, 'f', 4, 'g')).toBe('EXDEV');
  expect(p.link(3, 'f', 4, 'g')).toBe('EXDEV');
  expect((p.fstat(3) as Stat).device).not.toBe((p.fstat(4) as Stat).device);
});
