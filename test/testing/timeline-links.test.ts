// Timelines that are kept: in order, heard linked to said, and of long ones a part.

import { expect, test } from 'vitest';
import { keptTimeline, linked, shortened, TIMELINE_EVENTS_MAX } from '../../engine/testing/timeline-links.js';
import { NOTED } from '../cli/reporting/sample-records.js';

test('what one event caused within itself comes after it', () => {
  const order = linked(NOTED).map(({ owner, what }) => `${owner} ${what}`);
  expect(order.indexOf('backup receive log')).toBeLessThan(order.indexOf('backup send acknowledgement'));
  expect(order.indexOf('backup claim')).toBeLessThan(order.indexOf('backup fence'));
});

test('a message is linked to where it was heard, and none that was not', () => {
  const messages = linked(NOTED).filter(({ kind }) => kind === 'message');
  const said = messages.map(({ owner, number, link }) => [owner, number, link]);
  expect(said).toEqual([
    ['primary', 1, 1],
    ['backup', 1, 1],
    ['backup', 2, 2],
    ['primary', 2, 2],
    ['primary', 3, undefined],
  ]);
});

test('nobody hears what it has said itself', () => {
  const own = { ...NOTED[1]!, owner: 'backup' as const, name: 'bbbb', atNs: 0.5e6, number: 1 };
  const heard = { ...NOTED[3]!, number: 2 };
  const links = linked([own, NOTED[1]!, heard]).map(({ owner, what, link }) => [owner, what, link]);
  expect(links).toEqual([
    ['backup', 'send log', undefined],
    ['primary', 'send log', 1],
    ['backup', 'receive log', 1],
  ]);
});

test('a message is said no later than it is heard, though it is noted so', () => {
  const late = NOTED.map(event =>
    event.what === 'send log' && event.number === 1 ? { ...event, atNs: 2.6e6 } : event,
  );
  const [sent, received] = linked(late).filter(({ link }) => link === 1);
  expect(sent).toMatchObject({ what: 'send log', atNs: 2.4e6 - 1 });
  expect(received).toMatchObject({ what: 'receive log', atNs: 2.4e6 });
});

test('of what is too long the beginning stays, and what is around the strike', () => {
  const numbers = Array.from({ length: 1000 }, (_, index) => index);
  const { kept, gapAt, leftOut } = shortened(numbers, 500, 106);
  expect([kept.length, gapAt, leftOut]).toEqual([106, 6, 894]);
  expect([...kept.slice(0, 7), kept.at(-1)]).toEqual([0, 1, 2, 3, 4, 5, 465, 564]);
  expect(shortened(numbers, undefined, 106).kept.at(-1)).toBe(999);
  expect(shortened(numbers, 1, 106).kept.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(shortened(numbers.slice(0, 106), 50, 106)).toEqual({ kept: numbers.slice(0, 106), gapAt: 0, leftOut: 0 });
});

test('a timeline of any length keeps so many events', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({ ...NOTED[1]!, number: index + 1, atNs: index * 1000 }));
  const kept = keptTimeline(many, 2_500_000);
  expect(kept).toHaveLength(TIMELINE_EVENTS_MAX);
  expect(kept.some(({ atNs }) => atNs === 2_500_000)).toBe(true);
});
