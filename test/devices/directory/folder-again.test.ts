// A directory that a machine knows from a snapshot: the files by their names, answers given before, and what has changed.

import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../../devices/directory/directory.js';
import { CHUNK_BYTES_MAX, DIRECTORY_CHANGE, DIRECTORY_LOAD } from '../../../devices/directory/directory-commands.js';
import { ROOT_INODE } from '../../../engine/wasi/image.js';
import type { KnownFolder } from '../../../engine/wasi/known-folder.js';
import { encodeMutation, type Mutation } from '../../../engine/wasi/mutation.js';
import { operation } from '../conformance.js';

const NEW = 0x4000_0000;
const name = (text: string) => new Uint8Array(Buffer.from(text));
const change = (id: number, mutation: Mutation) => operation(id, DIRECTORY_CHANGE, { data: encodeMutation(mutation) });
const write = (inode: number, offset: number, text: string): Mutation => ({
  kind: 'write',
  inode,
  offset,
  bytes: name(text),
});

/** zebra and deep/apple were made by the program, in this order; mango was there, with a second name. */
const KNOWN: KnownFolder = {
  kinds: new Map<number, 'file' | 'directory' | 'symlink'>([
    [ROOT_INODE, 'directory'],
    [7, 'file'],
    [NEW, 'file'],
    [NEW + 1, 'directory'],
    [NEW + 2, 'file'],
    [NEW + 3, 'symlink'],
  ]),
  entries: new Map([
    [
      ROOT_INODE,
      new Map([
        ['zebra', NEW],
        ['deep', NEW + 1],
        ['mango', 7],
      ]),
    ],
    [
      NEW + 1,
      new Map([
        ['apple', NEW + 2],
        ['way', NEW + 3],
        ['fruit', 7],
      ]),
    ],
  ]),
  lastOfImage: 7,
  lastMade: NEW + 4,
  statuses: new Map([
    [40n, 0],
    [41n, -17],
  ]),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'epochvisor-again-'));
  await mkdir(join(folder, 'deep'));
  for (const file of ['zebra', 'mango', 'deep/apple']) await writeFile(join(folder, file), file);
  await link(join(folder, 'mango'), join(folder, 'deep/fruit'));
  await symlink('..', join(folder, 'deep/way'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = () => Directory.open(folder, { readOnly: false, known: KNOWN });
const read = (file: string) => readFile(join(folder, file), 'utf8');

describe('a folder that is as it was', () => {
  test('is changed in the files that the kernel means, whatever else lies there', async () => {
    for (const other of ['aardvark', 'b', 'nectar']) await writeFile(join(folder, other), 'precious');
    const device = await open();
    const mutations = [
      write(NEW, 5, '!'),
      write(NEW + 2, 10, '?'),
      write(7, 5, '.'),
      { kind: 'rename', parent: NEW + 1, name: name('apple'), newParent: ROOT_INODE, newName: name('pear') },
      { kind: 'createFile', inode: NEW + 5, parent: NEW + 1, name: name('next') },
      write(NEW + 5, 0, 'new'),
    ] as const satisfies readonly Mutation[];
    const done = await Promise.all(mutations.map((mutation, at) => device.perform(change(100 + at, mutation))));
    expect(done.map(({ status }) => status)).toEqual(mutations.map(() => 0));
    await device.close();
    expect([await read('zebra'), await read('pear'), await read('mango'), await read('deep/fruit')]).toEqual([
      'zebra!',
      'deep/apple?',
      'mango.',
      'mango.',
    ]);
    expect(await read('deep/next')).toBe('new');
    for (const other of ['aardvark', 'b', 'nectar']) expect(await read(other)).toBe('precious');
  });

  test('is not changed again by what had been answered: the answer is the first one', async () => {
    const device = await open();
    const moved: Mutation = {
      kind: 'rename',
      parent: ROOT_INODE,
      name: name('zebra'),
      newParent: ROOT_INODE,
      newName: name('mango'),
    };
    expect((await device.perform(change(40, moved))).status).toBe(0);
    expect((await device.perform(change(41, moved))).status).toBe(-17);
    expect((await readdir(folder)).sort()).toEqual(['deep', 'mango', 'zebra']);
    await device.close();
  });

  test('drops what is written to a file that is gone, and refuses a file that never was', async () => {
    const device = await open();
    const inodes = [6, NEW + 4, 8, NEW + 5, 0];
    const done = await Promise.all(inodes.map((inode, at) => device.perform(change(100 + at, write(inode, 0, 'x')))));
    expect(done.map(({ status }) => status)).toEqual([0, 0, -116, -116, -116]);
    await device.close();
  });

  test('is not loaded: the kernel has it', async () => {
    const device = await open();
    expect((await device.perform(operation(100, DIRECTORY_LOAD, { length: CHUNK_BYTES_MAX }))).status).toBe(-1);
    await device.close();
  });
});

describe('a folder that has changed is refused, by the path', () => {
  const at = (path: string) => join(folder, path);
  const changes: readonly [string, string, () => Promise<unknown>][] = [
    ['a file that is missing', 'deep/apple is missing', () => rm(at('deep/apple'))],
    ['a folder that is missing', 'deep is missing', () => rename(at('deep'), at('depth'))],
    ['a file that is a folder', 'zebra is no file any more', () => rm(at('zebra')).then(() => mkdir(at('zebra')))],
    [
      'a folder that is a link to one',
      'deep is no directory any more',
      () => rename(at('deep'), at('moved')).then(() => symlink('moved', at('deep'))),
    ],
    [
      'a link that is a file',
      'deep/way is no symlink any more',
      () => rm(at('deep/way')).then(() => writeFile(at('deep/way'), '')),
    ],
    [
      'names of one file that lead to two',
      'mango shares its file with other names than before',
      () => rm(at('deep/fruit')).then(() => writeFile(at('deep/fruit'), '')),
    ],
    [
      'names of two files that lead to one',
      'deep/apple shares its file with other names than before',
      () => rm(at('deep/apple')).then(() => link(at('zebra'), at('deep/apple'))),
    ],
  ];
  test.each(changes)('%s', async (_, message, happen) => {
    await happen();
    const before = (await readdir('/proc/self/fd')).length;
    await expect(open()).rejects.toMatchObject({ code: 'DIR_CHANGED', message: `${folder}/${message}` });
    expect((await readdir('/proc/self/fd')).length).toBe(before);
  });
});
