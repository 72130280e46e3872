// What of a log is kept: what its last two whole checkpoints need, and not a segment less.

import { describe, expect, test } from 'vitest';
import type { SegmentPlace } from '../../engine/log/log-backlog.js';
import { firstNeeded, Retention } from '../../engine/log/retention.js';

/** Segments that begin at these positions, the first of them number 1. */
const at = (...positions: number[]): SegmentPlace[] =>
  positions.map((position, index) => ({ number: index + 1, position }));

describe('the first segment that a checkpoint needs', () => {
  test('is the one in which it begins, where its position is there, too', () => {
    expect(firstNeeded(at(0, 10, 20), { segment: 2, position: 10 })).toBe(2);
    expect(firstNeeded(at(0, 10, 20), { segment: 2, position: 15 })).toBe(2);
  });

  test('is an earlier one, where more was logged than it is of', () => {
    expect(firstNeeded(at(0, 10, 20), { segment: 3, position: 19 })).toBe(2);
    expect(firstNeeded(at(0, 10, 20), { segment: 3, position: 3 })).toBe(1);
  });

  test('is the last that begins at its position: those before it have nothing from there on', () => {
    expect(firstNeeded(at(0, 10, 10, 10), { segment: 4, position: 10 })).toBe(4);
  });

  test('is the first of all where nothing is known of what is there', () => {
    expect(firstNeeded([], { segment: 2, position: 7 })).toBe(0);
  });
});

test('what precedes the last but one checkpoint that was finished is dropped, and never more', () => {
  let segments: SegmentPlace[] = [];
  const dropped: (number | string)[] = [];
  const retention = new Retention({
    get segments() {
      return segments;
    },
    drop: (before, others = []) => dropped.push(before, ...others),
  });
  const begins = (position: number, ...gone: string[]) => {
    segments = [...segments, { number: segments.length + 1, position }];
    retention.begun(gone);
  };
  begins(0);
  retention.whole(0);
  begins(10);
  retention.whole(10);
  expect(dropped.splice(0)).toEqual([1]);
  // Never finished.
  begins(20, 'a');
  begins(30, 'a');
  retention.whole(30);
  expect(dropped.splice(0)).toEqual([2]);
  // Those who were gone when the older of the two began.
  begins(40, 'a', 'b');
  retention.whole(40);
  expect(dropped.splice(0)).toEqual([4, 'a']);
  // Of a backup that is behind.
  begins(50);
  retention.whole(39);
  begins(60);
  retention.whole(60);
  expect(dropped.splice(0)).toEqual([5, 'a', 'b', 4]);
});

test('a checkpoint counts once all that was put out before it has left', () => {
  const dropped: number[] = [];
  const retention = new Retention({ segments: at(0, 10, 20, 30), drop: before => dropped.push(before) });
  let left = 15;
  retention.asks(() => left);
  for (const position of [10, 15, 30]) {
    retention.begun();
    retention.whole(position);
  }
  expect(dropped).toEqual([]);
  left = 16;
  retention.whole(40);
  expect(dropped).toEqual([2]);
  left = Number.POSITIVE_INFINITY;
  retention.whole(50);
  expect(dropped).toEqual([2, 2, 4, 4]);
});
