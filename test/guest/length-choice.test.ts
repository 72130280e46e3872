// Which epoch length suits a guest, from made-up measurements.

import { describe, expect, it } from 'vitest';
import { EPOCH_LENGTHS, LengthChoice } from '../../engine/guest/length-choice.js';

const MS = 1e6;

/** Where a guest settles whose instructions take `paceNs` and whose boundaries take `boundaryNs`, and in how many changes. */
function settled(choice: LengthChoice, from: number, paceNs: () => number, boundaryNs: () => number) {
  let [length, changes] = [from, 0];
  for (let window = 0; window < 200; window += 1) {
    choice.addPace(paceNs());
    choice.addBoundary(boundaryNs());
    const chosen = choice.choose(length);
    if (chosen !== length) changes += 1;
    length = chosen;
  }
  return { length, changes };
}

/** Where it settles from 100,000, with a bound of `boundMs`. */
function chosen(paceNs: number, boundaryNs: number, boundMs = 1): number {
  return settled(
    new LengthChoice(boundMs * MS),
    100_000,
    () => paceNs,
    () => boundaryNs,
  ).length;
}

describe('the epoch length of a guest', () => {
  it('is one of a series', () => {
    expect(EPOCH_LENGTHS.slice(0, 4)).toEqual([1_000, 2_000, 5_000, 10_000]);
    expect(EPOCH_LENGTHS.at(-1)).toBe(50_000_000);
  });

  it.each([
    ['a fast guest', 0.06, 400, 1_000_000],
    ['a slow one', 2, 400, 50_000],
    ['one that waits for memory', 20, 400, 5_000],
    ['a boundary that suits as it is', 0.4, 300, 100_000],
  ])('is the shortest at which boundaries take less than 1 %%: %s', (_, paceNs, boundaryNs, expected) => {
    const length = chosen(paceNs, boundaryNs);
    expect(length).toBe(expected);
    expect(boundaryNs / (boundaryNs + length * paceNs)).toBeLessThan(0.01);
  });

  it('takes no longer than the bound, whatever boundaries take', () => {
    // A round trip of 235 us, as under `original`.
    expect(chosen(0.06, 235_000)).toBe(5_000_000);
    expect(chosen(0.06, 235_000, 2)).toBe(10_000_000);
    expect(chosen(0.06, 235_000, 10)).toBe(50_000_000);
    expect(chosen(20, 235_000)).toBe(20_000);
    // Nothing is short enough: the shortest.
    expect(chosen(1e5, 400)).toBe(1_000);
  });

  it('is at once one that fits, and then stays', () => {
    const choice = new LengthChoice(1 * MS);
    let noise = 1;
    const noisy = (ns: number) => () => {
      noise = (noise * 48_271) % 0x7fffffff;
      return ns * (0.85 + (0.3 * noise) / 0x7fffffff);
    };
    for (const [paceNs, most] of [
      [0.06, 2],
      [2, 2],
      [0.3, 2],
      [0.06, 2],
    ] as const) {
      const { changes } = settled(choice, 100_000, noisy(paceNs), noisy(400));
      expect(changes).toBeLessThanOrEqual(most);
    }
  });

  it('follows a guest that goes on at another pace', () => {
    const choice = new LengthChoice(1 * MS);
    const fast = settled(
      choice,
      100_000,
      () => 0.06,
      () => 400,
    );
    const slow = settled(
      choice,
      fast.length,
      () => 5,
      () => 400,
    );
    const again = settled(
      choice,
      slow.length,
      () => 0.06,
      () => 400,
    );
    expect([fast.length, slow.length, again.length]).toEqual([1_000_000, 10_000, 1_000_000]);
  });

  it('minds no guest that shares its processor, and no boundary that was interrupted', () => {
    const choice = new LengthChoice(1 * MS);
    let turn = 0;
    const { length } = settled(
      choice,
      100_000,
      () => (turn++ % 2 === 0 ? 0.06 : 0.18),
      () => (turn % 3 === 0 ? 4e6 : 400),
    );
    expect(length).toBe(1_000_000);
  });

  it('stays where too little is known', () => {
    const choice = new LengthChoice(1 * MS);
    for (let window = 0; window < 50; window += 1) choice.addPace(0.001);
    expect(choice.choose(100_000)).toBe(100_000);
    for (let boundary = 0; boundary < 4; boundary += 1) choice.addBoundary(400);
    expect(choice.choose(100_000)).toBe(100_000);
    choice.addBoundary(400);
    // Wanted, and not yet for a while.
    expect(choice.choose(100_000)).toBe(100_000);
    for (let window = 0; window < 8; window += 1) choice.choose(100_000);
    expect(choice.choose(100_000)).toBeGreaterThan(100_000);
  });
});
