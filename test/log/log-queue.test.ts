// The queue of a log, over a disk of the test: what is told to be there is there, whatever the disk does meanwhile (DU).

import { beforeEach, expect, test } from 'vitest';
import type { Answer } from '../../engine/driver/journal-queue.js';
import { LogQueue, type SegmentStore } from '../../engine/log/log-queue.js';
import { decodeSegmentRecord, type SegmentRecord } from '../../engine/wire/segment-records.js';
import { readRecords, readSegmentHeader } from '../../engine/wire/segments.js';

const FULL = new Error('full');
const BROKEN = new Error('broken');

/** What is asked of it is done, and answered, when the test says so. */
class TestDisk implements SegmentStore {
  /** As a process that is killed leaves them, and as a host that loses its power does. */
  segments: Uint8Array[] = [];
  synced: Uint8Array[] = [];
  #due: { readonly what: string; readonly act: (error: unknown, some?: number) => void }[] = [];
  #timers: { readonly delayMs: number; readonly act: () => void }[] = [];

  begin(_number: number, bytes: Uint8Array, then: Answer): void {
    this.#asked('begin', error => {
      if (error === undefined) this.segments.push(bytes);
      then(error);
    });
  }
  write(bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void {
    this.#asked('write', (error, some = error === undefined ? bytes.length : 0) => {
      const last = this.segments.at(-1)!;
      expect(at).toBe(last.length);
      this.segments[this.segments.length - 1] = Buffer.concat([last, bytes.subarray(0, some)]);
      then(error, some);
    });
  }
  sync(then: Answer): void {
    const all = [...this.segments];
    this.#asked('sync', error => {
      if (error === undefined) this.synced = all;
      then(error);
    });
  }
  remove(numbers: readonly number[], _others: readonly string[], then: Answer): void {
    this.#asked(`remove ${numbers.join(' ')}`, then);
  }
  close(then: () => void): void {
    this.#asked('close', () => then());
  }
  isFull(error: unknown): boolean {
    return error === FULL;
  }
  soon(act: () => void): void {
    this.#due.push({ what: 'soon', act: () => act() });
  }
  after(delayMs: number, act: () => void): () => void {
    const timer = { delayMs, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }
  #asked(what: string, act: (error: unknown, some?: number) => void): void {
    expect(this.due.filter(due => due !== 'soon')).toEqual([]);
    this.#due.push({ what, act });
  }

  get due(): string[] {
    return this.#due.map(({ what }) => what);
  }
  /** Does what is due, if it is that. */
  do(what: string, error?: unknown, some?: number): void {
    const due = this.#due.shift();
    expect(due?.what).toBe(what);
    due!.act(error, some);
  }
  all(): void {
    while (this.#due.length > 0) this.do(this.due[0]!);
  }
  time(delayMs: number): void {
    const timer = this.#timers.find(one => one.delayMs === delayMs);
    expect(timer).toBeDefined();
    this.#timers = this.#timers.filter(other => other !== timer);
    timer!.act();
  }
}

let disk: TestDisk;
let told: string[];
beforeEach(() => {
  [disk, told] = [new TestDisk(), []];
});

function queueOf(waitsForRoom: boolean, segmentBytes?: number, beginsWhole = true): LogQueue {
  return new LogQueue({
    disk,
    header: { machine: 'm', incarnation: 'r', moduleHash: '', description: new Uint8Array() },
    ...{ waitsForRoom, beginsWhole },
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    observer: {
      kept: (written, synced) => told.push(`${written} ${synced}`),
      waits: error => told.push(`waits ${String(error)}`),
      goesOn: () => told.push('goes on'),
      ended: error => told.push(`ended ${String(error)}`),
    },
  });
}
const part = (text: string, entries = 1) => ({ entries, bytes: new Uint8Array(Buffer.from(text)) });

/** What a reader finds; the last segment may be cut short. */
function found(segments: readonly Uint8Array[]): SegmentRecord[] {
  let chain = 0;
  return segments.flatMap((bytes, index) => {
    const source = { path: '', size: bytes.length, take: (at: number, size: number) => bytes.subarray(at, at + size) };
    const { header, recordsAt } = readSegmentHeader(source)!;
    expect([header.number, header.chain]).toEqual([index + 1, chain]);
    const records = readRecords(source, recordsAt, chain, index === segments.length - 1 ? 'last' : 'followed');
    const decoded: SegmentRecord[] = [];
    for (let next = records.next(); ; next = records.next()) {
      if (next.done === true) {
        chain = next.value.chain;
        return decoded;
      }
      decoded.push(decodeSegmentRecord(next.value.payload));
    }
  });
}
const partsIn = (segments: readonly Uint8Array[]) =>
  found(segments).flatMap(record =>
    record.type === 'log' ? record.parts.map(({ bytes }) => Buffer.from(bytes).toString()) : [],
  );

test('urgent: what comes while one sync is under way goes with the next, and is told when that is done', () => {
  const queue = queueOf(true);
  queue.urgent = true;
  queue.logged(0, part('one', 2));
  disk.do('soon');
  disk.do('begin');
  queue.logged(2, part('two'));
  disk.do('write');
  expect(told).toEqual(['2 -1']);
  queue.logged(3, part('three'));
  queue.logged(4, part('four'));
  disk.do('sync');
  expect([told.splice(0), partsIn(disk.synced)]).toEqual([['2 -1', '2 2'], ['one']]);
  queue.logged(5, part('five'));
  disk.do('write');
  queue.logged(6, part('six'));
  disk.do('sync');
  expect([told.splice(0), partsIn(disk.synced)]).toEqual([
    ['5 2', '5 5'],
    ['one', 'two', 'three', 'four'],
  ]);
  disk.do('write');
  disk.do('sync');
  expect([told, disk.due, queue.waitingBytes]).toEqual([['7 5', '7 7'], [], 0]);
});

test('not urgent: it is written when it was gathered, and synced a while later; urgent again, at once', () => {
  const queue = queueOf(true);
  queue.logged(0, part('one'));
  expect(disk.due).toEqual([]);
  disk.time(10);
  disk.all();
  expect(told).toEqual(['1 -1']);
  queue.logged(1, part('two'));
  queue.flush();
  disk.all();
  disk.time(1_000);
  disk.all();
  expect(told.splice(0)).toEqual(['1 -1', '2 -1', '2 2']);
  queue.logged(2, part('three'));
  queue.flush();
  disk.all();
  queue.urgent = true;
  disk.all();
  expect(told).toEqual(['3 2', '3 3']);
});

test('a checkpoint that it begins with is whole before anything that follows it counts', () => {
  const queue = queueOf(true, undefined, false);
  queue.urgent = true;
  queue.record({ type: 'begins' });
  queue.record({ type: 'piece', bytes: Uint8Array.of(1) });
  queue.logged(40, part('while it came', 3));
  disk.all();
  expect(told.splice(0)).toEqual(['-1 -1', '-1 -1']);
  queue.record({ type: 'checkpoint', position: 40, epoch: 1, count: 2 });
  disk.all();
  expect(told).toEqual(['43 -1', '43 43']);
});

test('a segment is on the disk before the next one is begun', () => {
  const queue = queueOf(false, 1);
  for (let at = 0; at < 3; at++) {
    queue.logged(at, part(`part ${at}`));
    queue.flush();
  }
  for (const what of ['soon', 'begin', 'write', 'sync', 'begin', 'write', 'sync', 'begin', 'write']) disk.do(what);
  expect([partsIn(disk.segments), partsIn(disk.synced)]).toEqual([
    ['part 0', 'part 1', 'part 2'],
    ['part 0', 'part 1'],
  ]);
});

test('what is dropped goes when what was appended by then is synced, and what is not there yet is never looked for', () => {
  const queue = queueOf(false);
  for (let at = 0; at < 3; at++) {
    queue.beginSegment();
    queue.logged(at, part(`part ${at}`));
    queue.flush();
  }
  expect(queue.segments).toEqual([0, 1, 2].map(position => ({ number: position + 1, position })));
  queue.drop(3);
  expect(queue.segments).toHaveLength(1);
  queue.logged(3, part('part 3'));
  queue.flush();
  const written = ['begin', 'write', 'sync'];
  for (const what of ['soon', ...written, ...written, ...written, 'remove 1 2']) disk.do(what);
  expect([disk.due, partsIn(disk.segments)]).toEqual([[], ['part 0', 'part 1', 'part 2', 'part 3']]);
});

test('a full disk that is waited for is tried again, from the byte where there was no room', () => {
  const queue = queueOf(true);
  queue.urgent = true;
  queue.logged(0, part('one'));
  disk.do('soon');
  disk.do('begin', FULL);
  expect(told.splice(0)).toEqual(['waits Error: full']);
  queue.logged(1, part('two'));
  expect(disk.due).toEqual([]);
  disk.time(500);
  disk.do('soon');
  disk.do('begin');
  disk.do('write', FULL, 7);
  disk.time(500);
  disk.do('soon');
  disk.do('write', FULL, 1);
  expect(told.splice(0)).toEqual(['goes on', 'waits Error: full']);
  disk.time(500);
  disk.all();
  expect([told, partsIn(disk.synced)]).toEqual([
    ['goes on', '2 -1', '2 2'],
    ['one', 'two'],
  ]);
});

test('a disk that fails, or is full and not waited for, ends the log; then nobody waits, or all who did for ever', () => {
  for (const [waitsForRoom, what, error, says] of [
    [true, 'sync', BROKEN, ['1 -1', 'ended Error: broken']],
    [true, 'sync', FULL, ['1 -1', 'ended Error: full']],
    [true, 'write', BROKEN, ['ended Error: broken']],
    [false, 'write', FULL, ['ended Error: full', 'Infinity Infinity']],
    [false, 'begin', FULL, ['ended Error: full', 'Infinity Infinity']],
  ] as const) {
    disk = new TestDisk();
    const queue = queueOf(waitsForRoom);
    queue.urgent = true;
    queue.logged(0, part('one'));
    while (disk.due[0] !== what) disk.do(disk.due[0]!);
    disk.do(what, error);
    queue.logged(1, part('two'));
    queue.flush();
    disk.all();
    expect([told.splice(0), queue.waitingBytes], `${what} ${String(error)}`).toEqual([says, 0]);
    let closed = 0;
    queue.close(() => closed++);
    disk.all();
    expect(closed).toBe(1);
  }
});

test('it is closed when all of it is on the disk, also where that is full: then without the rest', () => {
  const queue = queueOf(false);
  queue.logged(0, part('one'));
  let closed = 0;
  queue.close(() => closed++);
  for (const what of ['soon', 'begin', 'write', 'sync']) disk.do(what);
  expect([closed, partsIn(disk.synced)]).toEqual([0, ['one']]);
  disk.do('close');
  expect(closed).toBe(1);
  disk = new TestDisk();
  const full = queueOf(true);
  full.logged(0, part('one'));
  full.flush();
  disk.do('soon');
  disk.do('begin', FULL);
  full.close(() => closed++);
  disk.all();
  expect(closed).toBe(2);
});
