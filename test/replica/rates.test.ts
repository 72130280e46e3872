// Rates over the last second.

import { expect, test } from 'vitest';
import { Rate } from '../../engine/replica/rates.js';

function rateOf(...seen: [atMs: number, value: number][]): number {
  const rate = new Rate();
  for (const [atMs, value] of seen) rate.note(atMs, value);
  return rate.perSecond;
}

test('a rate is that of the last second, and 0 before there are two values', () => {
  expect(rateOf()).toBe(0);
  expect(rateOf([0, 5])).toBe(0);
  expect(rateOf([0, 0], [500, 100])).toBe(200);
  expect(rateOf([0, 0], [1_000, 1_000], [1_500, 1_000], [2_000, 1_500])).toBe(500);
});

test('what stands for a second has a rate of 0', () => {
  expect(rateOf([0, 0], [100, 900], [1_100, 900])).toBe(0);
});

test('where the value begins anew the rate does, too', () => {
  expect(rateOf([0, 1_000], [500, 10], [1_000, 20])).toBe(20);
});
