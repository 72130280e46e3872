// A log in files: gathered, rotated, read again, cut short, damaged, and on a disk that is full.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogWriter } from '../../engine/log/log-writer.js';
import { HOST } from '../../engine/recording/host-disk.js';
import { openLogFile, openLogs } from '../../engine/recording/host-logs.js';
import type { SegmentRecord } from '../../engine/wire/segment-records.js';

type Written = (error: Error | null, written: number) => void;

const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY, error: 'ENOSPC', isBroken: false }));
vi.mock('node:fs', async original => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    fdatasync: (fd: number, done: (error: Error | null) => void) => {
      if (disk.isBroken) done(Object.assign(new Error('EIO'), { code: 'EIO' }));
      else fs.fdatasync(fd, done);
    },
    write: (fd: number, bytes: Uint8Array, at: number, length: number, position: number, then: Written) => {
      const some = Math.min(length, disk.room);
      disk.room -= some;
      if (some > 0) fs.write(fd, bytes, at, some, position, then);
      else setImmediate(() => then(Object.assign(new Error(disk.error), { code: disk.error }), 0));
    },
  };
});

const HEADER = { machine: 'm', incarnation: 'r', moduleHash: '00', description: Uint8Array.of(9) };
let folder: string;
let said: string[];

beforeEach(() => {
  Object.assign(disk, { room: Number.POSITIVE_INFINITY, error: 'ENOSPC', isBroken: false });
  folder = join(mkdtempSync(join(tmpdir(), 'epochvisor-log-')), 'r');
  said = [];
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true });
});

const writerOf = (segmentBytes?: number) =>
  new LogWriter({
    host: HOST,
    folder,
    header: HEADER,
    ended: ({ line }) => said.push(line),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  });
/** What is to be done soon is done. */
const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)));
const part = (text: string, entries = 2) => ({ entries, bytes: new Uint8Array(Buffer.from(text)) });
const note = (position: number, offset: number) =>
  ({ type: 'stream', position, stream: 1, offset, length: 5, checksum: 7 }) as const;

/** What is found, with what one could not know before. */
function found(): SegmentRecord[] {
  const [log] = openLogs(folder);
  return [...log!.records()].map(({ record }) => record);
}

test('parts and notes are gathered, and written together in their order', async () => {
  const writer = writerOf();
  writer.logged(0, part('one'));
  writer.logged(2, part('two', 3));
  writer.noted(note(5, 0));
  expect([writer.end, writer.owesLog]).toEqual([5, true]);
  await turn();
  expect(readdirSync(folder)).toEqual([]);
  writer.flush();
  writer.record({ type: 'live', atMs: 1, epoch: 2, uncertain: 3 });
  writer.logged(5, part('three'));
  await writer.closed();
  expect(found()).toEqual([
    { type: 'log', position: 0, parts: [part('one'), part('two', 3)] },
    { type: 'outputs', notes: [note(5, 0)] },
    { type: 'live', atMs: 1, epoch: 2, uncertain: 3 },
    { type: 'log', position: 5, parts: [part('three')] },
  ]);
  expect(said).toEqual([]);
});

test('a part that does not follow from what is gathered is of a record of its own', async () => {
  const writer = writerOf();
  writer.logged(0, part('one'));
  writer.logged(7, part('two'));
  await writer.closed();
  expect(found()).toMatchObject([{ position: 0 }, { position: 7 }]);
});

test('what nobody flushes is written all the same, soon, and synced later', async () => {
  const writer = writerOf();
  const kept: string[] = [];
  writer.listen((written, synced) => kept.push(`${written} ${synced}`));
  writer.logged(0, part('one'));
  await vi.waitFor(() => expect(kept).toEqual(['2 -1', '2 2']), 10_000);
  expect(found()).toHaveLength(1);
  await writer.closed();
});

async function rotated(): Promise<SegmentRecord[]> {
  const writer = writerOf(100);
  const records = Array.from({ length: 20 }, (_, at) => ({
    type: 'log' as const,
    position: 2 * at,
    parts: [part(`part ${at} of them`)],
  }));
  for (const { position, parts } of records) {
    writer.logged(position, parts[0]!);
    writer.flush();
  }
  await writer.closed();
  return records;
}

test('a segment that has its size is followed by the next one, which says where it begins', async () => {
  const records = await rotated();
  expect(readdirSync(folder).length).toBeGreaterThan(5);
  expect(found()).toEqual(records);
  const third = openLogFile(join(folder, '00000003.epvlog'));
  const [first] = [...third.records()];
  expect(third.header.number).toBe(3);
  expect(first!.record).toMatchObject({ type: 'log', position: third.header.position });
});

test('what is read later than it is found is read all the same', async () => {
  const writer = writerOf();
  const large = { entries: 1, bytes: new Uint8Array(700_000).map((_, at) => at) };
  for (let at = 0; at < 5; at++) {
    writer.logged(at, large);
    writer.flush();
  }
  await writer.closed();
  const [log] = openLogs(folder);
  for (const [position, { record }] of [...log!.records()].entries()) {
    const { parts } = record as SegmentRecord & { type: 'log' };
    expect([record.type, parts[0]!.entries, Buffer.compare(parts[0]!.bytes, large.bytes)]).toEqual(['log', 1, 0]);
    expect(record).toHaveProperty('position', position);
  }
});

test('a last segment that is cut at any byte gives what is whole; one before it is refused', async () => {
  const records = await rotated();
  const names = readdirSync(folder).sort();
  const last = join(folder, names.at(-1)!);
  const bytes = readFileSync(last);
  const others = records.length - [...openLogFile(last).records()].length;
  for (let length = bytes.length - 1; length >= 0; length--) {
    truncateSync(last, length);
    const whole = found();
    expect(whole, `${length} bytes`).toEqual(records.slice(0, whole.length));
    expect(whole.length).toBeGreaterThanOrEqual(others);
  }
  writeFileSync(last, bytes);
  const before = join(folder, names.at(-2)!);
  const size = readFileSync(before).length;
  truncateSync(before, size - 1);
  expect(found).toThrow(/00\d+\.epvlog can't be relied on: it was cut short, and another follows it, at byte \d+/);
  rmSync(before);
  expect(found).toThrow(/does not go on from the segment before it, at byte 0/);
});

test('segments that are dropped are gone when the rest is synced, and what is left begins where it says', async () => {
  const writer = writerOf();
  for (let at = 0; at < 4; at++) {
    writer.beginSegment();
    writer.logged(2 * at, part(`part ${at}`));
    writer.flush();
  }
  expect(writer.segments.map(({ number, position }) => [number, position])).toEqual([
    [1, 0],
    [2, 2],
    [3, 4],
    [4, 6],
  ]);
  mkdirSync(join(folder, '..', 'dead'));
  writer.drop(3);
  writer.drop(3, ['dead', 'never there']);
  writer.logged(8, part('part 4'));
  await writer.closed();
  expect(readdirSync(folder)).toEqual(['00000003.epvlog', '00000004.epvlog']);
  expect(readdirSync(join(folder, '..'))).toEqual(['r']);
  expect(found()).toMatchObject([{ position: 4 }, { position: 6 }, { position: 8 }]);
  expect(said).toEqual([]);
});

test('where what was written can not be synced nothing is dropped', async () => {
  const writer = writerOf();
  writer.logged(0, part('one'));
  writer.beginSegment();
  writer.logged(2, part('two'));
  writer.flush();
  disk.isBroken = true;
  writer.drop(2);
  await vi.waitFor(() => expect(said).toEqual([expect.stringMatching(/r can't be written: EIO/)]), 10_000);
  await writer.closed();
  expect(found()).toMatchObject([{ position: 0 }]);
});

test('a disk that is full, or breaks, ends the log and is told once; what was written can be read', async () => {
  for (const [error, line] of [
    ['ENOSPC', /^there is no room for .*r \[LOG_FULL\]: .*/],
    ['EIO', /r can't be written: EIO \[LOG_FAILED\]: .*/],
  ] as const) {
    Object.assign(disk, { room: Number.POSITIVE_INFINITY });
    const writer = writerOf();
    writer.logged(0, part('one'));
    writer.flush();
    const kept: number[] = [];
    writer.listen(written => kept.push(written));
    await vi.waitFor(() => expect(kept).toContain(2), 10_000);
    Object.assign(disk, { room: 10, error });
    for (let at = 1; at < 5; at++) {
      writer.logged(2 * at, part('more'));
      writer.flush();
      await turn();
    }
    await writer.closed();
    // Nobody waits for it any more.
    expect(kept.at(-1)).toBe(Number.POSITIVE_INFINITY);
    expect(said.splice(0)).toEqual([expect.stringMatching(line)]);
    expect(found()).toEqual([{ type: 'log', position: 0, parts: [part('one')] }]);
    rmSync(folder, { recursive: true });
  }
});

test('a folder that can not be, or that holds no log, is told', () => {
  writeFileSync(folder, 'a file');
  expect(() => writerOf()).toThrow(/r can't be written: EEXIST/);
  expect(() => openLogs(join(folder, '..'))).toThrow(/no log is in it/);
  expect(() => openLogs(join(folder, 'none'))).toThrow(/no log is in it|can't be read/);
  expect(() => openLogFile(join(folder, '..'))).toThrow(/can't be read: it is no file/);
  expect(() => openLogFile(folder)).toThrow(/it is no log, at byte 0/);
});
