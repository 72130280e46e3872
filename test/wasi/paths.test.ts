// Paths: what they resolve to, and that none leads out of the directory it starts in.

import { describe, expect, test } from 'vitest';
import {
  FILETYPE_DIRECTORY,
  FILETYPE_REGULAR_FILE,
  FILETYPE_SYMBOLIC_LINK,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  RIGHTS_DIRECTORY,
  RIGHTS_INHERITED,
} from '../../engine/wasi/abi.js';
import type { Stat } from './program.js';
import { programIn } from './program.js';

const tree = { dir: { nested: { file: 'deep' } }, file: 'flat' };

describe('components', () => {
  test('slashes, dots and steps back inside the directory lead where they should', () => {
    const { p } = programIn(tree);
    const fd = p.mustOpen(3, 'dir/.//nested/../../dir/nested/../nested///./file');
    expect(p.read(fd)).toBe('"deep"');
  });

  test.each([
    ['an absolute path', '/dir/nested/file', 'EPERM'],
    ['one step back too many', 'dir/nested/../../../dir/nested/file', 'EPERM'],
    ['the directory above', '..', 'EPERM'],
    ['a NUL at the end', 'dir/nested/file\0', 'EINVAL'],
    ['a file as a directory at the end', 'dir/nested/file/', 'ENOTDIR'],
    ['a file as a directory at the end, many slashes', 'dir/nested/file///', 'ENOTDIR'],
    ['a file as a directory in the middle', 'file/x', 'ENOTDIR'],
    ['something that is not there', 'dir/none', 'ENOENT'],
    ['something below what is not there', 'none/none', 'ENOENT'],
    ['nothing', '', 'ENOENT'],
    ['a name of 256 bytes', 'n'.repeat(256), 'ENAMETOOLONG'],
    ['a path of 4097 bytes', `${'dir/'.repeat(1024)}x`, 'ENAMETOOLONG'],
  ])('%s is refused', (_, path, errno) => {
    expect(programIn(tree).p.open(3, path)).toBe(errno);
  });

  test('a path that is not UTF-8 is refused', () => {
    const { p } = programIn();
    expect(p.open(3, Uint8Array.of(0x66, 0xff))).toBe('EILSEQ');
    expect(p.open(3, Uint8Array.of(0xc0, 0x80))).toBe('EILSEQ');
    expect(p.open(3, Uint8Array.of(0xed, 0xa0, 0x80))).toBe('EILSEQ');
  });

  test('names outside ASCII are names like others', () => {
    const { p, folder } = programIn({ 'smörgås 🥪': 'x' });
    expect(p.read(p.mustOpen(3, 'smörgås 🥪'))).toBe('"x"');
    expect(p.createDirectory(3, 'каталог')).toBe('OK');
    expect(Object.keys(folder.tree())).toContain(Buffer.from('каталог').toString('latin1'));
  });

  test('a directory can be opened with slashes at its end', () => {
    const { p } = programIn(tree);
    expect(p.open(3, 'dir/nested/')).toBe(4);
    expect(p.open(3, 'dir/nested///')).toBe(5);
    expect(p.open(3, '.', { oflags: OFLAGS_DIRECTORY })).toBe(6);
    expect(p.open(3, 'dir/..')).toBe(7);
  });

  test('a path starts at its descriptor, and cannot pass it though more was given to the program', () => {
    const { p } = programIn(tree);
    const opening = { oflags: OFLAGS_DIRECTORY, rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
    const dir = p.mustOpen(3, 'dir', opening);
    expect(p.read(p.mustOpen(dir, 'nested/file'))).toBe('"deep"');
    expect(p.open(dir, '../file')).toBe('EPERM');
  });

  test('a directory that was moved is still the same', () => {
    const { p } = programIn(tree);
    const opening = { oflags: OFLAGS_DIRECTORY, rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
    const nested = p.mustOpen(3, 'dir/nested', opening);
    expect(p.rename(3, 'dir/nested', 3, 'moved')).toBe('OK');
    expect(p.read(p.mustOpen(nested, 'file'))).toBe('"deep"');
    expect(p.open(3, 'dir/nested')).toBe('ENOENT');
  });

  test('in a directory that was removed there is nothing, and nothing can be made', () => {
    const { p } = programIn({ gone: {} });
    const opening = { oflags: OFLAGS_DIRECTORY, rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED };
    const gone = p.mustOpen(3, 'gone', opening);
    expect(p.removeDirectory(3, 'gone')).toBe('OK');
    expect(p.createFile(gone, 'x')).toBe('ENOENT');
    expect(p.createDirectory(gone, 'x')).toBe('ENOENT');
    expect(p.names(gone)).toEqual(['.', '..']);
    expect((p.fstat(gone) as Stat).links).toBe(0);
    expect(p.close(gone)).toBe('OK');
  });
});

describe('symbolic links', () => {
  const links = {
    dir: { file: 'through', up: { link: '../file' }, out: { link: '../../file' } },
    file: 'top',
    toFile: { link: 'dir/file' },
    toDir: { link: 'dir' },
    toDirSlash: { link: 'dir/' },
    toDirDot: { link: 'dir/.' },
    dangling: { link: 'nowhere' },
    absolute: { link: '/etc/passwd' },
    escaping: { link: '../../etc/passwd' },
    self: { link: 'self' },
    a: { link: 'b' },
    b: { link: 'a/x' },
    empty: { link: '' },
  };

  test('are followed in the middle of a path, whatever is asked', () => {
    const { p } = programIn(links);
    expect(p.read(p.mustOpen(3, 'toDir/file'))).toBe('"through"');
    expect(p.read(p.mustOpen(3, 'toDirSlash/file'))).toBe('"through"');
    expect(p.read(p.mustOpen(3, 'toDir/up', { follow: true }))).toBe('"top"');
    expect(p.read(p.mustOpen(3, 'toDir/../file'))).toBe('"top"');
    expect(p.read(p.mustOpen(3, 'toDirDot/../file'))).toBe('"top"');
  });

  test('are followed at the end where that is asked', () => {
    const { p } = programIn(links);
    expect(p.read(p.mustOpen(3, 'toFile', { follow: true }))).toBe('"through"');
    expect(p.open(3, 'toDir', { follow: true, oflags: OFLAGS_DIRECTORY })).toBe(5);
    expect(p.open(3, 'toDir/', {})).toBe(6);
  });

  test('are ELOOP at the end where they are not to be followed', () => {
    const { p } = programIn(links);
    for (const name of ['toFile', 'toDir', 'dangling', 'self']) expect(p.open(3, name)).toBe('ELOOP');
    expect(p.open(3, 'toDir', { oflags: OFLAGS_DIRECTORY })).toBe('ELOOP');
  });

  test.each([
    ['dangling', 'ENOENT'],
    ['absolute', 'EPERM'],
    ['escaping', 'EPERM'],
    ['dir/out', 'EPERM'],
    ['self', 'ELOOP'],
    ['a', 'ELOOP'],
    ['a/b', 'ELOOP'],
    ['empty', 'ENOENT'],
    ['dangling/x', 'ENOENT'],
    ['toFile/x', 'ENOTDIR'],
    ['toFile/', 'ENOTDIR'],
    ['absolute/x', 'EPERM'],
  ])('%s, followed, is %s', (path, errno) => {
    expect(programIn(links).p.open(3, path, { follow: true })).toBe(errno);
  });

  test('a file can be created where a dangling link leads', () => {
    const { p, folder } = programIn(links);
    expect(p.open(3, 'dangling', { follow: true, oflags: OFLAGS_CREAT })).toBe(4);
    expect(folder.tree()).toHaveProperty('nowhere', '');
  });

  test('forty on one path are followed, one more is not', () => {
    const chain = (length: number) =>
      Object.fromEntries(Array.from({ length }, (_, k) => [`l${k}`, { link: k === length - 1 ? 'end' : `l${k + 1}` }]));
    expect(programIn({ ...chain(40), end: '' }).p.open(3, 'l0', { follow: true })).toBe(4);
    expect(programIn({ ...chain(41), end: '' }).p.open(3, 'l0', { follow: true })).toBe('ELOOP');
  });

  test('links that fan out cost no more than forty steps', () => {
    const fan = Object.fromEntries(
      Array.from({ length: 30 }, (_, k) => [`l${k}`, { link: `l${k + 1}/../l${k + 1}/../l${k + 1}` }]),
    );
    expect(programIn({ ...fan, l30: {} }).p.open(3, 'l0', { follow: true })).toBe('ELOOP');
  });

  test('are what they are when asked for themselves', () => {
    const { p } = programIn(links);
    const type = (path: string, follow: boolean) => (p.stat(3, path, follow) as Stat).filetype;
    expect(type('toFile', false)).toBe(FILETYPE_SYMBOLIC_LINK);
    expect(type('toFile', true)).toBe(FILETYPE_REGULAR_FILE);
    expect(type('toDir', false)).toBe(FILETYPE_SYMBOLIC_LINK);
    expect(type('toDir', true)).toBe(FILETYPE_DIRECTORY);
    expect(type('toDir/', false)).toBe(FILETYPE_DIRECTORY);
    expect((p.stat(3, 'toFile') as Stat).size).toBe('dir/file'.length);
    expect(p.stat(3, 'dangling', true)).toBe('ENOENT');
    expect(p.readlink(3, 'absolute')).toBe('-> /etc/passwd');
  });

  test('reading one into a short buffer gives what fits, and touches no more', () => {
    const { p } = programIn(links);
    p.machine.memory().fill(0x2e, 0x10000, 0x10020);
    expect(p.readlink(3, 'toFile', 4)).toBe('-> dir/');
    expect(p.machine.memory()[0x10004]).toBe(0x2e);
    expect(p.readlink(3, 'toFile', 0)).toBe('-> ');
    expect(p.readlink(3, 'file')).toBe('EINVAL');
    expect(p.readlink(3, 'dir')).toBe('EINVAL');
    expect(p.readlink(3, 'none')).toBe('ENOENT');
  });
});
