// When replacements are started, and when not.

import { describe, expect, test } from 'vitest';
import { Repair, type ReplicaState } from '../../engine/launch/repair.js';

const view = (primary: string, ...backups: string[]) => ({ number: 1, machine: 'm', primary, backups, claim: 'c' });
const replica = (incarnation: string, joins = false, hasEnded = false): ReplicaState => {
  return { incarnation, joins, hasEnded };
};

describe('replacements', () => {
  test('none while nobody is missing', () => {
    expect(new Repair(2).missing(view('a', 'b'), [replica('a'), replica('b')])).toBe(0);
  });

  test('none while a view still names the dead: the others need the processor', () => {
    expect(new Repair(2).missing(view('a', 'b'), [replica('a', false, true), replica('b')])).toBe(0);
  });

  test('one when the view is without it', () => {
    expect(new Repair(2).missing(view('b'), [replica('a', false, true), replica('b')])).toBe(1);
  });

  test('none beside one that is joining', () => {
    expect(new Repair(2).missing(view('b'), [replica('b'), replica('c', true)])).toBe(0);
  });

  test('one when the joining one has died', () => {
    expect(new Repair(2).missing(view('b'), [replica('b'), replica('c', true, true)])).toBe(1);
  });

  test('none when nobody is left to join', () => {
    expect(new Repair(2).missing(view('b'), [replica('b', false, true), replica('c', true)])).toBe(0);
  });

  test('as many as are missing', () => {
    expect(new Repair(3).missing(view('c'), [replica('c')])).toBe(2);
    expect(new Repair(3).missing(view('c'), [replica('c'), replica('d', true)])).toBe(1);
  });

  test('a fenced replica that still lives is not counted', () => {
    expect(new Repair(2).missing(view('b'), [replica('a'), replica('b')])).toBe(1);
  });
});

describe('the wait before another try', () => {
  test('grows with each that fails, to a bound, and is forgotten when one has joined', () => {
    const repair = new Repair(2);
    const waits = Array.from({ length: 8 }, () => {
      const { delayMs } = repair;
      repair.failed('killed by SIGKILL', 'killed by SIGKILL');
      return delayMs;
    });
    expect(waits).toEqual([0, 200, 400, 800, 1600, 3200, 5000, 5000]);
    repair.joined();
    expect(repair.delayMs).toBe(0);
  });
});

describe('what keeps replacements from joining', () => {
  test('is news once for each kind, until one has joined', () => {
    const repair = new Repair(2);
    const told = [
      ['halted: no memory for 5 bytes', 'MEMORY'],
      ['halted: no memory for 6 bytes', 'MEMORY'],
      ['killed by SIGKILL', 'killed by SIGKILL'],
      ['halted: no memory for 7 bytes', 'MEMORY'],
    ] as const;
    expect(told.map(([why, kind]) => repair.failed(why, kind))).toEqual([true, false, true, false]);
    expect(repair).toMatchObject({ failures: 4, why: 'halted: no memory for 7 bytes' });
    repair.joined();
    expect(repair).toMatchObject({ failures: 0, why: '' });
    expect(repair.failed('killed by SIGKILL', 'killed by SIGKILL')).toBe(true);
  });
});
