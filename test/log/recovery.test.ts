// Which log a machine goes on from, and from where in it; and which it does not.

import { describe, expect, test } from 'vitest';
import { extentOf } from '../../engine/log/chain.js';
import type { StoredLog } from '../../engine/log/log-reader.js';
import { closedBefore, deliveredIn, recoveryOf } from '../../engine/log/recovery.js';
import { openOf } from '../../engine/protocol/bus/bus-memory.js';
import type { Interrupt, LogEntry, View } from '../../engine/protocol/vocabulary.js';
import { EntryEncoder, maxSize } from '../../engine/wire/log-entries.js';
import type { SegmentRecord } from '../../engine/wire/segment-records.js';

function logOf(incarnation: string, records: readonly SegmentRecord[], machine = 'm'): StoredLog {
  const header = {
    machine,
    incarnation,
    moduleHash: '',
    number: 1,
    position: 0,
    chain: 0,
    description: new Uint8Array(),
  };
  const path = `logs/${incarnation}`;
  return {
    ...{ path, header },
    *records() {
      for (const [at, record] of records.entries()) yield { type: record.type, record, path, at };
    },
  };
}

const viewOf = (number: number, primary: string, ...backups: string[]): View => ({
  ...{ number, machine: 'm', primary, backups, claim: '' },
});
const told = (view: View): SegmentRecord => ({ type: 'view', atMs: 0, reason: '', view });
const parts = (position: number, text: string): SegmentRecord => ({
  type: 'log',
  position,
  parts: [...text].map(letter => ({ entries: 1, bytes: new Uint8Array(Buffer.from(letter)) })),
});
const checkpoint = (position: number): readonly SegmentRecord[] => [
  { type: 'begins' },
  { type: 'checkpoint', position, epoch: 0, count: 0 },
];
const closed = (code: string): SegmentRecord => ({ type: 'closed', atMs: 0, code, why: '' });

const FIRST = viewOf(1, 'a', 'b');
/** Of stdout 100 bytes had been put out before each checkpoint before the present one. */
const saved = (_: unknown, number: number) => ({ written: [{ stream: 1, offset: 100 * number }] });

function chosen(view: View, outside: number, ...logs: StoredLog[]): string {
  const { header, position, checkpoint, end } = recoveryOf(
    ...([logs.map(extentOf), view, [{ stream: 1, offset: outside }], saved] as const),
  );
  return `${header.incarnation} ${checkpoint ?? 'beginning'} ${position} ${end}`;
}

describe('the log that is gone on from', () => {
  test("is the longest of the latest view, also where that is not its primary's", () => {
    const [a, b] = [logOf('a', [told(FIRST), parts(0, 'abc')]), logOf('b', [told(FIRST), parts(0, 'abcde')])];
    expect(chosen(FIRST, 0, a, b)).toBe('b beginning 0 5');
    expect(chosen(FIRST, 0, b)).toBe('b beginning 0 5');
  });

  test('is of the latest view as the arbiter has it, whatever the logs know of it', () => {
    const dead = logOf('a', [told(FIRST), parts(0, 'abcdXXXX')]);
    const survivor = logOf('b', [told(FIRST), parts(0, 'abcd')]);
    expect(chosen(viewOf(2, 'b'), 0, dead, survivor)).toBe('b beginning 0 4');
    expect(() => chosen(viewOf(2, 'b'), 0, dead)).toThrow(/logs\/a was overtaken: view 2 of the machine belongs to b/);
  });

  test('is none of a replica that differed from its primary, or that has nowhere to begin', () => {
    const diverged = logOf('b', [told(FIRST), parts(0, 'abcde'), closed('DIVERGED')]);
    const headless = logOf('b', [told(FIRST), parts(2, 'cdefgh')]);
    const halted = logOf('a', [told(FIRST), parts(0, 'abc'), closed('FENCED')]);
    expect(chosen(FIRST, 0, diverged, halted)).toBe('a beginning 0 3');
    expect(chosen(FIRST, 0, headless, halted)).toBe('a beginning 0 3');
    expect(() => chosen(FIRST, 0, headless)).toThrow(/RECOVER_OVERTAKEN|of whom no whole log is there/);
  });

  test('is of one machine, and in one view of one course', () => {
    const a = logOf('a', [told(FIRST), parts(0, 'abc')]);
    expect(() => chosen(FIRST, 0, a, logOf('b', [told(FIRST), parts(0, 'abX')]))).toThrow(/part ways: .* position 2/);
    expect(() => chosen(FIRST, 0, a, logOf('b', [parts(0, 'ab')], 'other'))).toThrow(/are the logs of two machines/);
    // What a view that never stood has executed is no other course of this one.
    const ahead = logOf('b', [told(FIRST), parts(0, 'ab'), told(viewOf(2, 'b', 'a')), parts(2, 'XYZ')]);
    expect(chosen(viewOf(2, 'b', 'a'), 0, a, ahead)).toBe('b beginning 0 5');
  });
});

describe('it is gone on from', () => {
  const log = logOf('a', [
    told(FIRST),
    parts(0, 'ab'),
    ...checkpoint(2),
    parts(2, 'cd'),
    ...checkpoint(4),
    parts(4, 'e'),
  ]);

  test('the last checkpoint before which all output is known to be outside', () => {
    expect(chosen(FIRST, 200, log)).toBe('a 2 4 5');
    expect(chosen(FIRST, 199, log)).toBe('a 1 2 5');
    expect(chosen(FIRST, 99, log)).toBe('a beginning 0 5');
  });

  test('a checkpoint that was never whole is none', () => {
    const torn = logOf('a', [told(FIRST), parts(0, 'ab'), ...checkpoint(2), parts(2, 'cd'), { type: 'begins' }]);
    expect(chosen(FIRST, 999, torn)).toBe('a 1 2 4');
  });

  test('where it joined with output that had not left, the log of the one that it joined is needed', () => {
    const pair = viewOf(2, 'a', 'j');
    const joined = logOf('j', [told(FIRST), ...checkpoint(4), parts(4, 'ef'), told(pair)]);
    expect(chosen(pair, 100, joined)).toBe('j 1 4 6');
    expect(() => chosen(pair, 99, joined)).toThrow(/logs\/j does not go back far enough/);
    const before = logOf('a', [told(FIRST), parts(0, 'abcd')]);
    expect(chosen(pair, 99, before, joined)).toBe('j beginning 0 6');
  });
});

test('how much of its input a guest has had is what its log delivered', () => {
  const encoder = new EntryEncoder();
  const delivering = (epoch: number, ...interrupts: Interrupt[]) => {
    const digest = { count: epoch, submitted: 0, consumed: 0 };
    const entry: LogEntry = { type: 'end', epoch, digest, timeNs: epoch, interrupts };
    const bytes = new Uint8Array(maxSize(entry));
    return { entries: 1, bytes: bytes.subarray(0, encoder.encode(entry, bytes, 0)) };
  };
  const input = (offset: number, length: number): Interrupt => {
    return { kind: 'stream', stream: 0, offset, bytes: new Uint8Array(length), end: false };
  };
  const first = { type: 'log', position: 0, parts: [delivering(0, input(0, 7)), delivering(1, input(7, 3))] } as const;
  const opened: Interrupt = { kind: 'opened', stream: 3, offset: 1, opened: 1025, data: new Uint8Array(0) };
  const second = { type: 'log', position: 2, parts: [delivering(2, opened)] } as const;
  expect([...deliveredIn(logOf('a', [told(FIRST), first]), 0, undefined).input]).toEqual([[0, 10]]);
  expect([...deliveredIn(logOf('a', [told(FIRST), first, second]), 0, undefined).input]).toEqual([
    [0, 10],
    [3, 2],
  ]);
});

test('a stream was closed before, and the bus not told, where the guest was told of it and does not know it any more', () => {
  const delivered = { input: new Map([[3, 2]]), opened: new Set([1025]) };
  const untold = (offset: number) => ({ untold: { stream: 3, offset } });
  const open = [
    { stream: 1024, offset: 5 },
    { stream: 1025, offset: 0 },
    { stream: 1026, offset: 0, ...untold(1) },
    { stream: 1027, offset: 0, ...untold(2) },
    { stream: 1028, offset: 0, untold: { stream: 4, offset: 0 } },
  ];
  expect(closedBefore(open, delivered)).toEqual([
    { stream: 1024, offset: 5 },
    { stream: 1026, offset: 0 },
  ]);
});

test('of open streams is known which were told, and which are released', () => {
  const unreleased = [1026, 1027].map(stream => ({ stream, data: new Uint8Array(0) }));
  const sources = [{ stream: 3, opened: 4, unreleased }];
  const open = [1025, 1026, 1027].map(stream => ({ stream, offset: 0 }));
  expect(openOf({ open, sources })).toEqual([
    { stream: 1025, offset: 0 },
    { stream: 1026, offset: 0, untold: { stream: 3, offset: 2 } },
    { stream: 1027, offset: 0, untold: { stream: 3, offset: 3 } },
  ]);
});
