// Points to kill at: as users write them, and spread over a run.

import { describe, expect, test } from 'vitest';
import { START_STEPS } from '../../engine/bus/bus-hook.js';
import {
  describePoint,
  isBusPoint,
  isReplicaPoint,
  parsePoint,
  parseSecondKill,
  parseSweep,
  pointsEvery,
  pointsListed,
  pointsSpread,
  sample,
} from '../../engine/testing/kill-points.js';

const counts = (points: ReturnType<typeof pointsEvery>) => points.map(describePoint).map(Number);

test('a kill point EPOCH:INSTRUCTION is read, and shown again', () => {
  expect(parsePoint('3:50_000')).toEqual({ at: 'epoch', epoch: 3, instruction: 50_000 });
  expect(describePoint(parsePoint('0:0'))).toBe('0:0');
});

test.each([
  ['io:3', { at: 'io', number: 3, when: 'before' }, 'io:3:before'],
  ['message:17:after', { at: 'place', kind: 'message', number: 17, when: 'after' }, 'message:17:after'],
  ['takeover:fence', { at: 'place', kind: 'takeover', number: 3, when: 'before' }, 'takeover:fence:before'],
  ['takeover:3:after', { at: 'place', kind: 'takeover', number: 3, when: 'after' }, 'takeover:fence:after'],
  ['join:snapshot', { at: 'place', kind: 'join', number: 3, when: 'before' }, 'join:snapshot:before'],
  ['memory:5:after', { at: 'place', kind: 'memory', number: 5, when: 'after' }, 'memory:5:after'],
  ['start:devices', { at: 'place', kind: 'start', number: 2, when: 'before' }, 'start:devices:before'],
])('the place %s is read, and shown again', (text, point, shown) => {
  expect(parsePoint(text)).toEqual(point);
  expect(describePoint(parsePoint(text))).toBe(shown);
});

test.each([
  'message',
  'message:0',
  'message:x',
  'takeover:ask',
  'start:fence',
  'output:1:during',
  'letter:1',
  'io:1:after:2',
])('%j is refused as a place', text => {
  expect(() => parsePoint(text)).toThrow(expect.objectContaining({ code: 'BAD_POINT' }));
});

test.each(['', '3', ':', '3:', ':5', '-1:5', '3:5:7', '3:x', '1e3:5', '3 : 5', `${'9'.repeat(16)}:0`])(
  '%j is refused as a kill point',
  text => {
    expect(() => parsePoint(text)).toThrow(expect.objectContaining({ code: 'BAD_POINT' }));
  },
);

test.each([
  ['every:1', 1],
  ['every:1_000', 1000],
  ['every:1e6', 1_000_000],
])('the sweep %s is read', (text, every) => expect(parseSweep(text)).toEqual({ of: 'every', every }));

test.each(['', '1000', 'every:', 'every:0', 'every:-5', 'every:x', 'every:1.5', 'every:1e400', 'each:5'])(
  '%j is refused as a sweep',
  text => {
    expect(() => parseSweep(text)).toThrow(expect.objectContaining({ code: 'BAD_POINT' }));
  },
);

describe('a sweep', () => {
  test('has a point every so many instructions, up to the last of the run', () => {
    expect(counts(pointsEvery(100, 350))).toEqual([100, 200, 300]);
    expect(counts(pointsEvery(100, 301))).toEqual([100, 200, 300]);
    expect(counts(pointsEvery(100, 300))).toEqual([100, 200]);
  });

  test('has one point even where the run is shorter than that: it will not be reached', () => {
    expect(counts(pointsEvery(1000, 10))).toEqual([1000]);
  });

  test('is refused where nobody would wait for its end', () => {
    expect(counts(pointsEvery(1, 100_001))).toHaveLength(100_000);
    expect(() => pointsEvery(1, 100_002)).toThrow(/makes 100001 points/);
  });

  test('of any run has as many as are wanted, spread', () => {
    expect(counts(pointsEvery(10, 101, 3))).toEqual([20, 60, 90]);
    expect(counts(pointsEvery(1, 1e12, 2))).toEqual([250_000_000_000, 750_000_000_000]);
    expect(counts(pointsEvery(100, 350, 9))).toEqual([100, 200, 300]);
  });
});

describe('points spread over a run', () => {
  test('are as far from each other as from both ends', () => {
    expect(counts(pointsSpread(3, 400))).toEqual([100, 200, 300]);
    expect(counts(pointsSpread(1, 7))).toEqual([4]);
  });

  test('are never before the first instruction', () => {
    expect(Math.min(...counts(pointsSpread(5, 1)))).toBe(1);
  });
});

describe('points of a reference run', () => {
  const at = { epoch: 2, count: 250, what: '' };
  const listing = [
    { ...at, kind: 'boundary', number: 1, when: 'before', instruction: 50 },
    { ...at, kind: 'io', number: 1, when: 'before', instruction: 40 },
    { ...at, kind: 'message', number: 1, when: 'after' },
    { ...at, kind: 'output', number: 1, when: 'before' },
    { ...at, kind: 'output', number: 1, when: 'before' },
    { ...at, kind: 'takeover', number: 1, when: 'before' },
  ] as const;

  test('are those of the wanted kinds, each once', () => {
    expect(pointsListed('all', listing).map(describePoint)).toEqual([
      '2:50',
      'io:1:before',
      'message:1:after',
      'output:1:before',
    ]);
    expect(pointsListed('boundaries', listing).map(describePoint)).toEqual(['2:50']);
    expect(pointsListed('outputs', listing).map(describePoint)).toEqual(['output:1:before']);
    expect(pointsListed('memory', listing)).toEqual([]);
  });
});

test('a place is of replicas, of the bus, or of both', () => {
  const points = ['3:50', 'io:1', 'bus:1', 'message:1', 'output:1', 'memory:1', 'operation:1', 'start:memory'];
  expect(points.filter(text => isReplicaPoint(parsePoint(text)))).toEqual(points.slice(0, 5));
  expect(points.filter(text => isBusPoint(parsePoint(text)))).toEqual(points.slice(3));
});

test('a second kill of a bus is at a step of its restart, before or after', () => {
  const steps = parseSecondKill('restart').map(describePoint);
  expect(steps).toHaveLength(2 * START_STEPS.length);
  expect(steps.slice(0, 3)).toEqual(['start:memory:before', 'start:memory:after', 'start:devices:before']);
  expect(parseSecondKill('start:fenced:after').map(describePoint)).toEqual(['start:fenced:after']);
});

test('a sample is spread, and all where there are no more', () => {
  expect(sample([1, 2, 3], 3)).toEqual([1, 2, 3]);
  expect(sample([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 2)).toEqual([2, 7]);
});
