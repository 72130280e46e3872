// A directory whose process dies at any moment: names, inodes and answers are those that it had, and each change is made once.

import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../../devices/directory/directory.js';
import { CHUNK_BYTES_MAX, DIRECTORY_CHANGE, DIRECTORY_LOAD } from '../../../devices/directory/directory-commands.js';
import { ROOT_INODE } from '../../../engine/wasi/image.js';
import { encodeMutation, type Mutation } from '../../../engine/wasi/mutation.js';
import { TestFolder } from '../../building/test-folder.js';
import { operation } from '../conformance.js';

const folder = new TestFolder();
const NEW = 0x4000_0000;
const name = (text: string) => new Uint8Array(Buffer.from(text));
const path = (text = '') => folder.file(`given/${text}`);
const memory = () => folder.file('directory-0');

beforeEach(async () => {
  await mkdir(path());
  await writeFile(path('there'), 'there');
});

const open = () => Directory.open(path(), { readOnly: false, memory: memory() });

/** One process: makes these changes, of which the first has the number `first`. */
async function process(first: number, ...mutations: readonly Mutation[]): Promise<number[]> {
  const directory = await open();
  const statuses: number[] = [];
  for (const [at, mutation] of mutations.entries()) {
    const change = operation(first + at, DIRECTORY_CHANGE, { data: encodeMutation(mutation) });
    statuses.push((await directory.perform(change)).status);
  }
  await directory.close();
  return statuses;
}

const create = (inode: number, text: string): Mutation => ({
  kind: 'createFile',
  inode,
  parent: ROOT_INODE,
  name: name(text),
});
const write = (inode: number, text: string): Mutation => ({ kind: 'write', inode, offset: 0, bytes: name(text) });
const unlink = (text: string): Mutation => ({ kind: 'unlink', parent: ROOT_INODE, name: name(text) });
const rename = (from: string, to: string): Mutation => ({
  kind: 'rename',
  parent: ROOT_INODE,
  name: name(from),
  newParent: ROOT_INODE,
  newName: name(to),
});

test('files are found again by their inodes, and what was done is answered as it was', async () => {
  const changes = [create(NEW, 'a'), write(NEW, 'text'), rename('a', 'b'), unlink('there'), unlink('there')];
  expect(await process(1, ...changes)).toEqual([0, 0, 0, 0, -2]);
  expect(await process(1, ...changes)).toEqual([0, 0, 0, 0, -2]);
  expect(await process(6, write(NEW, 'TEXT'), rename('b', 'c'))).toEqual([0, 0]);
  expect(readdirSync(path())).toEqual(['c']);
  expect(readFileSync(path('c'), 'utf8')).toBe('TEXT');
});

test('the image is loaded on where it was, as long as nothing has changed', async () => {
  const load = operation(1, DIRECTORY_LOAD, { length: CHUNK_BYTES_MAX });
  const chunk = async () => {
    const directory = await open();
    const completion = await directory.perform(load);
    await directory.close();
    return completion;
  };
  const first = await chunk();
  expect(first.status).toBeGreaterThan(0);
  // Times may be others: who reads a file changes them.
  expect((await chunk()).data.length).toBe(first.data.length);
  writeFileSync(path('there'), 'THERE');
  expect((await chunk()).status).toBeLessThan(0);
  writeFileSync(path('there'), 'there');
  expect((await chunk()).status).toBe(first.status);
  await process(2, create(NEW, 'a'));
  expect((await chunk()).status).toBeLessThan(0);
});

describe('a process that dies while it makes a change', () => {
  /** The journal as it was before the end of the last change was noted. */
  async function inDoubt(...mutations: readonly Mutation[]): Promise<void> {
    await process(1, ...mutations.slice(0, -1));
    const directory = await open();
    const last = operation(mutations.length, DIRECTORY_CHANGE, { data: encodeMutation(mutations.at(-1)!) });
    await directory.perform(last);
    await directory.close();
    const bytes = readFileSync(memory());
    // The last frame is the end of the change: its header, one byte, and two numbers of one.
    writeFileSync(memory(), bytes.subarray(0, bytes.length - 15));
  }

  test.each([
    ['made a file', [create(NEW, 'a')], () => unlinkSync(path('a'))],
    ['removed a file', [unlink('there')], () => writeFileSync(path('there'), 'there')],
    ['renamed one', [create(NEW, 'a'), rename('a', 'b')], () => renameSync(path('b'), path('a'))],
    [
      'gave one another name',
      [{ kind: 'link', inode: 2, parent: ROOT_INODE, name: name('b') }],
      () => unlinkSync(path('b')),
    ],
    [
      'made a directory',
      [{ kind: 'createDirectory', inode: NEW, parent: ROOT_INODE, name: name('a') }],
      () => rmSync(path('a'), { recursive: true }),
    ],
  ] as [string, Mutation[], () => void][])(
    'having %s: asked again, it is made once, whether it was before or not',
    async (_, mutations, undo) => {
      await inDoubt(...mutations);
      const names = readdirSync(path()).sort();
      const inode = existsSync(path('a')) ? statSync(path('a')).ino : 0;
      // Asked again by a process that dies after the first that has found it out.
      await process(100);
      expect(await process(mutations.length, mutations.at(-1)!)).toEqual([0]);
      expect(readdirSync(path()).sort()).toEqual(names);
      if (inode !== 0) expect(statSync(path('a')).ino).toBe(inode);
      expect(await process(50, unlink('nobody'))).toEqual([-2]);
      // The same, where the change was not made before the death.
      rmSync(memory());
      for (const entry of readdirSync(path())) rmSync(path(entry), { recursive: true });
      writeFileSync(path('there'), 'there');
      await inDoubt(...mutations);
      undo();
      expect(await process(mutations.length, mutations.at(-1)!)).toEqual([0]);
      expect(readdirSync(path()).sort()).toEqual(names);
    },
  );
});

test('a folder that others have changed is refused in one line', async () => {
  await process(1, create(NEW, 'a'));
  unlinkSync(path('a'));
  await expect(open()).rejects.toMatchObject({ code: 'DIR_CHANGED' });
});

test('a memory that is damaged is refused in one line', async () => {
  await process(1, create(NEW, 'a'), create(NEW + 1, 'b'));
  const bytes = readFileSync(memory());
  for (const at of [0, 9, 13, 17, 25]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    writeFileSync(memory(), damaged);
    await expect(open()).rejects.toMatchObject({ code: 'MEMORY_CORRUPT' });
  }
});

test('files that come and go leave it small', async () => {
  const directory = await open();
  for (let round = 0; round < 12_000; round++) {
    const mutations = [
      create(NEW + round, 'file-with-a-name-that-is-rather-long-so-that-it-counts'),
      unlink('file-with-a-name-that-is-rather-long-so-that-it-counts'),
    ];
    for (const [at, mutation] of mutations.entries()) {
      await directory.perform(operation(2 * round + at, DIRECTORY_CHANGE, { data: encodeMutation(mutation) }));
    }
  }
  await directory.close();
  expect(statSync(memory()).size).toBeLessThan(1.5 * 2 ** 20);
  expect(await process(100_000, create(NEW + 20_000, 'last'))).toEqual([0]);
}, 60_000);
