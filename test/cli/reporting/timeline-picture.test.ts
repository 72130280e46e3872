// Timelines as pictures: lanes, arrows between them, where a life ends and another is in charge.

import { expect, test } from 'vitest';
import { layOut } from '../../../engine/cli/reporting/timeline-layout.js';
import { timelinePicture } from '../../../engine/cli/reporting/timeline-picture.js';
import { FAILED, NOTED, PASSED } from './sample-records.js';
import { descendants, parseXml } from './strict-xml.js';

const picture = () => descendants(parseXml(timelinePicture(FAILED, 'x')!.source), 'svg')[0]!;
const paths = (name: string) =>
  descendants(picture(), 'path').filter(({ attributes }) => attributes.class!.split(' ').includes(name));
const numberOfArrows = (name: string) => (paths(name)[0]?.attributes.d?.match(/M/g)?.length ?? 0) / 2;

test('rows are in the order of time, from the strike, and know their other ends', () => {
  const { lanes, rows } = layOut(FAILED);
  expect(lanes.map(({ title }) => title)).toEqual(['bus', 'primary', 'backup']);
  expect(rows.map(({ what }) => what)).toEqual([
    ...['hear fenced', 'send log', 'receive log', 'send acknowledgement', 'receive acknowledgement', 'release stream'],
    ...['send log', 'killed: after send log', 'suspicion', 'claim', 'fence', 'death', 'release stream'],
  ]);
  expect(rows.map(({ other }) => other)).toEqual([
    ...[undefined, 2, 1, 4, 3, undefined],
    ...Array.from({ length: 7 }, () => undefined),
  ]);
  expect(rows[7]!.atNs).toBe(0);
});

test('messages that were heard are arrows, and one that was not is drawn as lost', () => {
  expect(numberOfArrows('message')).toBe(2);
  expect(numberOfArrows('lost')).toBe(1);
  expect(numberOfArrows('output')).toBe(2);
  expect(numberOfArrows('bus')).toBe(1);
});

test('the lane of who was killed ends there, and another is in charge from its claim on', () => {
  expect(paths('cross')).toHaveLength(1);
  expect(paths('dead')).toHaveLength(1);
  const [before, after] = paths('in-charge').map(({ attributes }) => attributes.d!.match(/[\d.]+/g)!.map(Number));
  const [, , killed] = before!;
  expect(after![1]).toBeGreaterThan(killed!);
  expect(paths('step')).toHaveLength(3);
  expect(paths('view')).toHaveLength(1);
});

test.each([
  ['pause', 'stopped'],
  ['cut', 'cut off'],
] as const)('of a %s nobody dies', (fault, word) => {
  const { source } = timelinePicture({ ...FAILED, fault }, 'x')!;
  expect(source).toContain(`${word}: after send log`);
  expect(source).not.toContain('lane dead');
});

test('of several backups the one was killed that its proof names', () => {
  const replica = { owner: 'backup', incarnation: 'bbbb' } as const;
  const second = { ...FAILED.kill!, replica, atNs: 7.5e6, what: 'after fence' };
  const third = { ...NOTED[7]!, name: 'cccc', atNs: 9e6 };
  const record = {
    ...FAILED,
    second: 'takeover:fence:after',
    secondKill: second,
    timeline: [...FAILED.timeline!, third],
  };
  const last = { ...NOTED[10]!, atNs: 7.4e6 };
  const { lanes, rows } = layOut({ ...record, timeline: [...record.timeline.slice(0, -3), last, third] });
  expect(lanes.map(({ title }) => title)).toEqual(['bus', 'primary', 'backup bbbb', 'backup cccc']);
  expect(rows.find(({ what }) => what === 'killed: after fence')!.lane).toBe('backup bbbb');
});

test('of a long one what is left out is said, and ends that are not shown are no losses', () => {
  const many = Array.from({ length: 300 }, (_, index) => {
    const [log, , received] = [NOTED[1]!, undefined, NOTED[3]!];
    const atNs = 1e6 + index * 10_000;
    const link = index + 1;
    return [
      { ...log, number: link, atNs, link },
      { ...received, number: link, atNs: atNs + 5_000, link },
    ];
  }).flat();
  const record = { ...FAILED, timeline: many };
  const { rows, leftOut } = layOut(record, 50);
  expect(rows).toHaveLength(50);
  expect(leftOut).toBe(551);
  expect(rows.filter(row => row.leftOut > 0).map(row => row.leftOut)).toEqual([551]);
  const { source } = timelinePicture(record, 'x')!;
  expect(source).toContain('events left out');
  expect(source).not.toContain('arrow lost');
});

test('without a timeline there is no picture', () => {
  expect(timelinePicture(PASSED, 'x')).toBeUndefined();
  expect(timelinePicture({ ...PASSED, timeline: [] }, 'x')).toBeUndefined();
});
