// fd_readdir: cookies that stay valid, entries that are cut where the buffer ends.

import { expect, test } from 'vitest';
import {
  FILETYPE_DIRECTORY,
  FILETYPE_REGULAR_FILE,
  FILETYPE_SYMBOLIC_LINK,
  RIGHTS_DIRECTORY,
  RIGHTS_INHERITED,
} from '../../engine/wasi/abi.js';
import { type DirectoryEntry, type Program, programIn, type Stat } from './program.js';

function entries(p: Program, fd: number, cookie = 0n, bytes = 4096): DirectoryEntry[] {
  const answer = p.readdir(fd, cookie, bytes);
  if (typeof answer === 'string') throw new Error(answer);
  return answer.entries;
}

test('an empty directory has itself and the one it is in', () => {
  const { p } = programIn({ d: {} });
  const d = p.mustOpen(3, 'd', { rights: RIGHTS_DIRECTORY, inheriting: RIGHTS_INHERITED });
  expect(entries(p, d)).toMatchObject([
    { name: '.', inode: (p.fstat(d) as Stat).inode, filetype: FILETYPE_DIRECTORY },
    { name: '..', inode: (p.fstat(3) as Stat).inode, filetype: FILETYPE_DIRECTORY },
  ]);
});

test('entries tell name, inode and type', () => {
  const { p } = programIn({ d: {}, f: '', l: { link: 'f' } });
  expect(entries(p, 3).slice(2)).toMatchObject([
    { name: 'd', filetype: FILETYPE_DIRECTORY, inode: (p.stat(3, 'd') as Stat).inode },
    { name: 'f', filetype: FILETYPE_REGULAR_FILE, inode: (p.stat(3, 'f') as Stat).inode },
    { name: 'l', filetype: FILETYPE_SYMBOLIC_LINK, inode: (p.stat(3, 'l') as Stat).inode },
  ]);
});

test('from the cookie of an entry come those after it', () => {
  const { p } = programIn({ a: '', b: '' });
  const all = entries(p, 3);
  for (const [index, entry] of all.entries()) {
    expect(entries(p, 3, entry.cookie)).toEqual(all.slice(index + 1));
  }
  expect(entries(p, 3, -1n)).toEqual([]);
});

test('the entry that does not fit is cut, and the buffer full', () => {
  const { p } = programIn({ abc: '' });
  p.machine.memory().fill(0x2e, 0x10000, 0x10100);
  expect(p.readdir(3, 2n, 25)).toEqual({ entries: [], used: 25 });
  expect(p.machine.memory()[0x10000 + 24]).toBe('a'.charCodeAt(0));
  expect(p.machine.memory()[0x10000 + 25]).toBe(0x2e);
  expect(p.readdir(3, 2n, 10)).toEqual({ entries: [], used: 10 });
  expect(p.readdir(3, 2n, 27)).toMatchObject({ entries: [{ name: 'abc' }], used: 27 });
  expect(p.readdir(3, 0n, 0)).toEqual({ entries: [], used: 0 });
});

test('a thousand entries are read through a small buffer, each once', () => {
  const names = Array.from({ length: 1000 }, (_, k) => `file.${k}`);
  const { p } = programIn(Object.fromEntries(names.map(name => [name, ''])));
  expect((p.names(3, 256) as string[]).sort()).toEqual(['.', '..', ...names].sort());
});

test('what is removed and made while reading disturbs no other entry', () => {
  const names = Array.from({ length: 100 }, (_, k) => `f${String(k).padStart(2, '0')}`);
  const { p } = programIn(Object.fromEntries(names.map(name => [name, ''])));
  const seen: string[] = [];
  for (let cookie = 0n; ; ) {
    const some = entries(p, 3, cookie, 120);
    if (some.length === 0) break;
    for (const { name } of some) {
      seen.push(name);
      // As `rm -r` does it: what was read goes at once.
      if (name.startsWith('f')) expect(p.unlink(3, name)).toBe('OK');
      if (name === 'f50') expect(p.createFile(3, 'late')).toBe('OK');
    }
    cookie = some[some.length - 1]!.cookie;
  }
  expect(seen).toEqual(['.', '..', ...names, 'late']);
  expect(p.names(3)).toEqual(['.', '..', 'late']);
});

test('a file is no directory, a stream has no entries', () => {
  const { p } = programIn({ f: '' });
  expect(p.readdir(p.mustOpen(3, 'f'))).toBe('ENOTDIR');
  expect(p.readdir(1)).toBe('EBADF');
  expect(p.readdir(9)).toBe('EBADF');
});
