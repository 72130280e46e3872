// A journal in a file: what another process finds there, when the disk is full, when it breaks, and when it was written anew.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { JournalFile } from '../../engine/journal/journal-file.js';

const disk = vi.hoisted(() => ({ error: undefined as string | undefined, room: Number.POSITIVE_INFINITY, syncs: 0 }));
vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>();
  const failing = () => Object.assign(new Error(disk.error), { code: disk.error });
  return {
    ...fs,
    writeSync: (fd: number, bytes: Uint8Array, at: number, length: number, position: number) => {
      if (disk.error === undefined) return fs.writeSync(fd, bytes, at, length, position);
      const some = Math.min(length, disk.room);
      if (some === 0) throw failing();
      disk.room -= some;
      return fs.writeSync(fd, bytes, at, some, position);
    },
    fdatasync: (fd: number, then: (error: Error | null) => void) => {
      disk.syncs += 1;
      if (disk.error === 'EIO') then(failing());
      else fs.fdatasync(fd, then);
    },
  };
});

const MAGIC = Uint8Array.from(Buffer.from('EPVTEST\n'));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

let folder: string;
let path: string;
let all: string;
let said: string[];
const open: JournalFile[] = [];

beforeEach(() => {
  Object.assign(disk, { error: undefined, room: 0, syncs: 0 });
  folder = mkdtempSync(join(tmpdir(), 'epochvisor-journal-'));
  path = join(folder, 'journal');
  [all, said] = ['all', []];
});
afterEach(async () => {
  Object.assign(disk, { error: undefined });
  for (const journal of open.splice(0)) await journal.close();
  rmSync(folder, { recursive: true });
});

async function opened(): Promise<JournalFile> {
  const journal = await JournalFile.open(path, JournalFile.read(path, MAGIC)?.wholeBytes, {
    magic: MAGIC,
    all: () => Buffer.from(all),
    observer: { waits: ({ line }) => said.push(line), broken: ({ line }) => said.push(line) },
  });
  open.push(journal);
  return journal;
}

const found = () => JournalFile.read(path, MAGIC)?.payloads.map(text);
const kept = (journal: JournalFile, onDisk: boolean) => new Promise<void>(resolve => journal.whenKept(onDisk, resolve));

test('what is appended is there at once, for whoever comes after a kill', async () => {
  expect(found()).toBeUndefined();
  const journal = await opened();
  journal.append(Buffer.from('one'));
  journal.append(Buffer.from('two'));
  expect(found()).toEqual(['all', 'one', 'two']);
  let isKept = false;
  journal.whenKept(false, () => {
    isKept = true;
  });
  expect(isKept).toBe(true);
});

test('the disk is waited for where that is asked for, and once for many', async () => {
  const journal = await opened();
  const order: number[] = [];
  const all = [1, 2, 3].map(async number => {
    journal.append(Buffer.from(`${number}`));
    await kept(journal, true);
    order.push(number);
  });
  expect(order).toEqual([]);
  await Promise.all(all);
  expect(order).toEqual([1, 2, 3]);
  expect(disk.syncs).toBe(1);
});

test('a frame that was not written whole is cut off, and the next one takes its place', async () => {
  const journal = await opened();
  journal.append(Buffer.from('one'));
  writeFileSync(path, readFileSync(path).subarray(0, -1));
  const next = await opened();
  next.append(Buffer.from('two'));
  expect(found()).toEqual(['all', 'two']);
});

test('a full disk is waited for, is told of once, and nothing is lost or there twice', async () => {
  const journal = await opened();
  Object.assign(disk, { error: 'ENOSPC', room: 5 });
  const order: string[] = [];
  for (const word of ['one', 'two']) {
    journal.append(Buffer.from(word));
    journal.whenKept(true, () => order.push(word));
  }
  await expect.poll(() => said).toHaveLength(1);
  expect(said[0]).toMatch(/^there is no room for .*journal: .* \[MEMORY_FULL\]: make some on its disk$/);
  expect(order).toEqual([]);
  await new Promise(resolve => setTimeout(resolve, 1_200));
  expect([order, said.length]).toEqual([[], 1]);
  // Another process would find the beginning of a frame.
  expect(found()).toEqual(['all']);
  Object.assign(disk, { error: undefined });
  await expect.poll(() => order, { timeout: 3_000 }).toEqual(['one', 'two']);
  expect(found()).toEqual(['all', 'one', 'two']);
});

test('a disk that fails ends it: nobody is told that anything is kept', async () => {
  const journal = await opened();
  disk.error = 'EIO';
  disk.room = 1000;
  const order: string[] = [];
  journal.append(Buffer.from('one'));
  journal.whenKept(true, () => order.push('one'));
  await expect.poll(() => said).toHaveLength(1);
  expect(said[0]).toMatch(/journal can't be kept: EIO \[MEMORY_FAILED\]/);
  journal.append(Buffer.from('two'));
  journal.whenKept(true, () => order.push('two'));
  await new Promise(resolve => setTimeout(resolve, 50));
  expect([order, said.length]).toEqual([[], 1]);
});

test('ten times what it may grow by, it is as small as what it says, and says all', async () => {
  const journal = await opened();
  const record = Buffer.alloc(64 * 1024, 'x');
  const words: string[] = [];
  for (let number = 0; number < 160; number++) {
    words.push(`${number}`);
    all = words.join(' ');
    journal.append(Buffer.concat([Buffer.from(`${number} `), record]));
    if (number % 3 === 0) await kept(journal, number % 2 === 0);
  }
  await kept(journal, true);
  expect(statSync(path).size).toBeLessThan(3 << 20);
  const [first = '', ...others] = found()!;
  const last = [...first.split(' '), ...others.map(other => other.split(' ')[0]!)];
  expect(last).toEqual(words);
  expect(readdirSync(folder)).toEqual(['journal']);
});

test('what a process was writing when it died is removed by the next', async () => {
  await opened();
  writeFileSync(`${path}.new-1`, 'half of it');
  await opened();
  expect(readdirSync(folder)).toEqual(['journal']);
});
