// What is synced of a segment is said in it: damage before that is refused, and what comes after it is cut where it is not whole.

import { describe, expect, test } from 'vitest';
import { encodeSegmentRecord } from '../../engine/wire/segment-records.js';
import { RecordEncoder, readRecords, type SegmentSource } from '../../engine/wire/segments.js';
import { SYNC_MARK_BYTES, syncedBytesOf, syncMark } from '../../engine/wire/sync-marks.js';

const sourceOf = (bytes: Uint8Array): SegmentSource => ({
  path: 'the log',
  size: bytes.length,
  take: (at, length) => bytes.subarray(at, at + length),
});

/** Four records, the third of them a mark behind the first two, and where each ends. */
function marked(): { readonly bytes: Uint8Array; readonly ends: readonly number[] } {
  const encoder = new RecordEncoder(0);
  const ends: number[] = [];
  const pieces: Uint8Array[] = [];
  const add = (bytes: Uint8Array) => {
    pieces.push(bytes);
    ends.push((ends.at(-1) ?? 0) + bytes.length);
  };
  const piece = (text: string) => encoder.encode(encodeSegmentRecord({ type: 'piece', bytes: Buffer.from(text) }));
  add(piece('first'));
  add(piece('second'));
  add(encoder.encode(encodeSegmentRecord({ type: 'synced', mark: syncMark(ends[1]!) })));
  add(piece('third'));
  return { bytes: Buffer.concat(pieces), ends };
}

const count = (bytes: Uint8Array) =>
  [...readRecords(sourceOf(bytes), 0, 0, 'marked')].map(({ payload }) => payload).length;

test('a mark is its magic, how much is synced, and a checksum', () => {
  expect(Buffer.from(syncMark(0x0102)).toString('hex')).toBe('455056' + '53594e430a' + '02010000' + '01749462');
  expect(syncMark(7)).toHaveLength(SYNC_MARK_BYTES);
});

test('the last one is found, wherever it lies; one that is damaged, or says more than there is before it, is none', () => {
  const far = Buffer.concat([
    Buffer.alloc(100),
    syncMark(10),
    Buffer.alloc(200_000),
    syncMark(50),
    Buffer.alloc(70_000),
  ]);
  expect(syncedBytesOf(sourceOf(far))).toBe(50);
  far[200_120]! ^= 1;
  expect(syncedBytesOf(sourceOf(far))).toBe(10);
  expect(syncedBytesOf(sourceOf(Buffer.concat([Buffer.alloc(9), syncMark(10)])))).toBe(0);
  expect(syncedBytesOf(sourceOf(Buffer.alloc(3)))).toBe(0);
});

describe('a segment of which a loss of power has left something', () => {
  const { bytes, ends } = marked();

  test('is read as far as it is whole, cut at any byte, or with any of its unsynced bytes lost', () => {
    expect(count(bytes)).toBe(4);
    for (let length = bytes.length - 1; length >= ends[2]!; length--) expect(count(bytes.subarray(0, length))).toBe(3);
    for (let at = ends[2]!; at < bytes.length; at++) {
      const lost = Buffer.from(bytes);
      lost[at]! ^= 0xff;
      expect(count(lost), `byte ${at}`).toBe(3);
    }
  });

  test('is cut at what was never synced though others follow it: blocks reach the disk in any order', () => {
    const [first] = ends;
    const unmarked = bytes.subarray(0, ends[1]);
    expect(count(Buffer.from(unmarked).fill(0, 20, first))).toBe(0);
    expect(count(Buffer.from(unmarked).fill(0, 0, 16))).toBe(0);
  });

  test('is refused where something was synced, and is not whole', () => {
    for (const at of [4, 20, ends[0]! + 1, ends[0]! + 20]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(() => count(damaged), `byte ${at}`).toThrow(/can't be relied on: .*, at byte \d+/);
    }
  });
});
