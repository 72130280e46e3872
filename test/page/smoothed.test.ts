// What a page shows between two frames lies between them, and is never made up.

import { describe, expect, test } from 'vitest';
import { between, Smoothed } from '../../engine/page/smoothed.js';
import { counted, grouped, lasted, scaled, sized } from '../../engine/page/words.js';

describe('a page between frames', () => {
  test('shows nothing before the first, and the first until there is another', () => {
    const frames = new Smoothed<string>();
    expect(frames.at(0)).toBeUndefined();
    frames.add('a', 1_000, 50);
    expect(frames.at(50)).toEqual({ from: 'a', to: 'a', part: 1 });
    expect(frames.at(9_000)).toEqual({ from: 'a', to: 'a', part: 1 });
  });

  test('passes evenly from one to the next, a little late', () => {
    const frames = new Smoothed<string>();
    for (const [at, name] of ['a', 'b', 'c', 'd', 'e'].entries()) frames.add(name, 1_000 + 50 * at, 50 * at);
    expect(frames.at(150)).toEqual({ from: 'a', to: 'b', part: 0 });
    expect(frames.at(175)).toEqual({ from: 'a', to: 'b', part: 0.5 });
    expect(frames.at(225)).toEqual({ from: 'b', to: 'c', part: 0.5 });
    expect(frames.at(1_000)).toEqual({ from: 'e', to: 'e', part: 1 });
  });

  test('does not stumble over a frame that came late', () => {
    const frames = new Smoothed<string>();
    frames.add('a', 1_000, 0);
    frames.add('b', 1_050, 140);
    frames.add('c', 1_100, 141);
    expect(frames.at(175)).toEqual({ from: 'a', to: 'b', part: 0.5 });
  });

  test('forgets what is old, and a sender whose clock began anew', () => {
    const frames = new Smoothed<number>();
    for (let at = 0; at < 100; at++) frames.add(at, at, at);
    expect(frames.at(150)).toEqual({ from: 68, to: 68, part: 1 });
    frames.add(7, 3, 200);
    expect(frames.at(200)).toEqual({ from: 7, to: 7, part: 1 });
  });
});

test('a figure that went back is another one', () => {
  expect(between(10, 20, 0.5)).toBe(15);
  expect(between(20, 10, 0.5)).toBe(10);
  expect(between(undefined, 10, 0.5)).toBe(10);
});

test('figures have three digits and a unit', () => {
  expect([0, 999, 12_345, 4.5e9].map(scaled)).toEqual(['0', '999', '12.3 k', '4.50 G']);
  expect([0, 17, 1_536, 2 ** 30].map(sized)).toEqual(['0 bytes', '17 bytes', '1.50 KiB', '1.00 GiB']);
  expect([0, 0.123, 7, 312.4, 1_234].map(lasted)).toEqual(['0 ms', '0.12 ms', '7 ms', '312 ms', '1.2 s']);
  expect([grouped(1_234_567.9), counted(1, 'entry', 'entries'), counted(2_000, 'replica')]).toEqual([
    '1,234,567',
    '1 entry',
    '2,000 replicas',
  ]);
});
