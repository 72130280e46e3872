// When a snapshot may be kept, and what is kept with it of operations that were outstanding.

import { expect, test } from 'vitest';
import { type KeptSnapshot, SnapshotCommit, type Statuses } from '../../engine/driver/snapshot-commit.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';

/** A state is the list of operations that are outstanding in it. */
type State = readonly bigint[];

const KEPT: KeptSnapshot<State> = {
  awaited: state => state,
  committed: () => undefined,
  failed: () => undefined,
};

const statusesOf = (released: readonly { readonly statuses: Statuses }[]) => released.map(({ statuses }) => statuses);

test('a snapshot waits until all output before its position has left, and what was put out right there', () => {
  const commit = new SnapshotCommit<State>();
  commit.hold(10, [], KEPT);
  expect(commit.release(9, false)).toEqual([]);
  expect(commit.release(10, false)).toEqual([]);
  expect(commit.holds).toBe(true);
  expect(commit.release(11, false)).toEqual([{ kept: KEPT, state: [], statuses: [] }]);
  expect(commit.holds).toBe(false);
  expect(commit.release(12, false)).toEqual([]);
});

test('several wait each for its own, and are released in order', () => {
  const commit = new SnapshotCommit<State>();
  const [first, second, third] = [{ ...KEPT }, { ...KEPT }, { ...KEPT }];
  commit.hold(10, [], first);
  commit.hold(12, [], second);
  commit.hold(20, [], third);
  const released = commit.release(15, false);
  expect(released.map(({ kept }) => [first, second, third].indexOf(kept as typeof first))).toEqual([0, 1]);
  expect(commit.release(21, false)).toHaveLength(1);
});

test('it waits for the answer to each operation that is outstanding in it, though all output has left', () => {
  const commit = new SnapshotCommit<State>();
  commit.completed(1n, 0);
  commit.hold(10, [1n, 2n], KEPT);
  commit.completed(3n, 0);
  expect(commit.release(Number.POSITIVE_INFINITY, false)).toEqual([]);
  commit.completed(2n, -28);
  expect(commit.release(10, false)).toEqual([]);
  expect(statusesOf(commit.release(Number.POSITIVE_INFINITY, false))).toEqual([
    [
      [1n, 0],
      [2n, -28],
    ],
  ]);
});

test('answers that came before it are known, as many as can be outstanding; those that come later, however many', () => {
  const commit = new SnapshotCommit<State>({ ...BOUNDS, operations: 4 });
  for (const id of [1n, 2n, 3n, 4n]) commit.completed(id, Number(id));
  commit.hold(10, [1n, 4n, 5n], KEPT);
  for (let id = 5n; id < 100n; id++) commit.completed(id, Number(id));
  expect(statusesOf(commit.release(11, false))).toEqual([
    [
      [1n, 1],
      [4n, 4],
      [5n, 5],
    ],
  ]);
});

test('where the machine is over no answers are waited for: what has none is left out', () => {
  const commit = new SnapshotCommit<State>();
  commit.completed(1n, 7);
  commit.hold(10, [1n, 2n], KEPT);
  commit.hold(11, [], KEPT);
  expect(statusesOf(commit.release(12, true))).toEqual([[[1n, 7]], []]);
  expect(commit.holds).toBe(false);
});

test('where the machine is over, what is preceded by output that has not left is none of its states', () => {
  const commit = new SnapshotCommit<State>();
  commit.hold(10, [], KEPT);
  expect(commit.release(10, true)).toEqual([]);
});
