// When a machine is called protected, and why not.

import { describe, expect, test } from 'vitest';
import { statusOf } from '../../engine/launch/launch-status.js';
import type { ReplicaProgress } from '../../engine/replica/replica-report.js';

type Replica = Parameters<typeof statusOf>[1][number];

const PROGRESS = { protected: true, reason: '', epoch: 7, count: 700, lagMs: 1, outstanding: 2, logBytes: 3 };

function replica(name: string, pid: number, more: Partial<Replica> = {}): Replica {
  const progress = PROGRESS as unknown as ReplicaProgress;
  return { pid, incarnation: name, joins: false, hasEnded: false, running: true, progress, ...more };
}

function view(primary: string, ...backups: string[]) {
  return { number: 3, machine: 'm', primary, backups, claim: 'c' };
}

const [a, b, c] = [replica('a', 1), replica('b', 2), replica('c', 3)];

test('how thoroughly several backups were compared is said of the least compared one', () => {
  const compared = (name: string, covered: number, everyMs: number) => {
    const verification = { share: 0.02, spent: 0.5, comparisons: 3, lastMs: 5, covered, everyMs };
    return replica(name, 4, { progress: { ...(PROGRESS as unknown as ReplicaProgress), verification } });
  };
  const of = (...backups: Replica[]) => {
    const names = backups.map(({ incarnation }) => incarnation);
    const { covered, everyMs } = statusOf(view('a', ...names), [a, ...backups], 3).verification;
    return [covered, everyMs];
  };
  expect(of(compared('b', 1, 20), compared('c', 1, 30))).toEqual([1, 30]);
  expect(of(compared('b', 1, 30), compared('c', 1, 20))).toEqual([1, 30]);
  expect(of(compared('b', 0.5, 0), compared('c', 1, 20))).toEqual([0.5, null]);
  expect(of(compared('b', 1, 20), compared('c', 0.5, 0))).toEqual([0.5, null]);
  expect(of(compared('b', 1, 20), compared('c', 1, 0))).toEqual([1, null]);
  // Nobody has heard of it yet.
  expect(of(compared('b', 1, 20), replica('c', 5, { progress: undefined }))).toEqual([0, null]);
});

describe('a machine', () => {
  test('is protected where its view names as many as it should have, and its primary says so', () => {
    expect(statusOf(view('a', 'b'), [a, b], 2)).toMatchObject({ protected: true, reason: '' });
    const starting = { ...PROGRESS, protected: false, reason: 'changing view' } as unknown as ReplicaProgress;
    const told = [replica('a', 1, { progress: starting }), b];
    expect(statusOf(view('a', 'b'), told, 2)).toMatchObject({ protected: false, reason: 'changing view' });
  });

  test('is not protected before the guest runs on each replica', () => {
    const loads = replica('b', 2, { running: false });
    expect(statusOf(view('a', 'b'), [a, loads], 2)).toMatchObject({ protected: false, reason: 'starting' });
    expect(statusOf(view('a', 'b'), [a, b, replica('d', 4, { running: false })], 2)).toMatchObject({ protected: true });
  });

  test('is not protected on the word of a backup that has become the primary, which said so in the view before', () => {
    expect(statusOf(view('b', 'c'), [a, b, c], 3)).toMatchObject({ protected: false, reason: 'need secondary' });
    expect(statusOf(view('b'), [a, b], 2)).toMatchObject({ protected: false, reason: 'need secondary' });
  });

  test('says why no replica has joined, while it waits and while another one tries', () => {
    const joins = replica('d', 4, { joins: true });
    const because = '; the last replica that was to join halted: out of memory';
    const of = (replicas: Replica[]) => statusOf(view('b'), replicas, 2, 'halted: out of memory').reason;
    expect(of([b])).toBe(`need secondary${because}`);
    expect(of([b, joins])).toBe(`starting${because}`);
    expect(statusOf(view('a', 'b'), [a, b], 2, 'halted: out of memory').reason).toBe('');
  });

  test('is starting while another replica joins, and is disabled where none is wanted', () => {
    const joins = replica('d', 4, { joins: true });
    expect(statusOf(view('b', 'c'), [b, c, joins], 3)).toMatchObject({ protected: false, reason: 'starting' });
    expect(statusOf(view('a'), [a], 1)).toMatchObject({ protected: false, reason: 'disabled' });
  });
});
