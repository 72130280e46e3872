// A snapshot on its way: never more under way than the connection may hold, and others get their turn.

import { expect, test } from 'vitest';
import type { PeerLink } from '../../engine/driver/ports.js';
import { transfer } from '../../engine/driver/transfer.js';
import { Schedule } from '../threads/schedule.js';

const MAX_BYTES = 10;

function started(pieces: number) {
  const schedule = new Schedule();
  const state = { buffered: 0, stands: true, sent: [] as number[], waiting: [] as (() => void)[] };
  const link = {
    get bufferedBytes() {
      return state.buffered;
    },
    whenTaken: (act: () => void) => void state.waiting.push(act),
    sendPiece: (piece: Uint8Array) => {
      state.sent.push(piece[0]!);
      state.buffered += 6;
    },
  } as unknown as PeerLink;
  const all = Array.from({ length: pieces }, (_, at) => Uint8Array.of(at));
  transfer(all[Symbol.iterator](), link, MAX_BYTES, schedule, () => state.stands);
  /** The socket takes something, and holds so much now. */
  const takes = (buffered: number) => {
    state.buffered = buffered;
    for (const act of state.waiting.splice(0)) act();
    schedule.pass();
  };
  return { schedule, state, takes };
}

test('a snapshot on its way waits while the link is full, and goes on when that has taken enough, without a look at it in between', () => {
  const { schedule, state, takes } = started(5);
  schedule.pass();
  expect(state.sent).toEqual([0, 1]);
  state.buffered = 0;
  schedule.pass(1_000);
  expect(state.sent).toEqual([0, 1]);
  takes(MAX_BYTES + 1);
  expect(state.sent).toEqual([0, 1]);
  takes(MAX_BYTES);
  expect(state.sent).toEqual([0, 1, 2]);
  takes(0);
  expect(state.sent).toEqual([0, 1, 2, 3, 4]);
  takes(0);
  expect(state.waiting).toEqual([]);
});

test('others get their turn between two pieces of a snapshot', () => {
  const { schedule, state } = started(2);
  const seen: number[] = [];
  schedule.soon(() => seen.push(state.sent.length));
  schedule.pass();
  expect(state.sent).toHaveLength(2);
  expect(started(2).state.sent).toHaveLength(1);
  expect(seen).toEqual([2]);
});

test('a snapshot on its way ends with its connection', () => {
  const { schedule, state, takes } = started(5);
  schedule.pass();
  state.stands = false;
  takes(0);
  expect(state.sent).toEqual([0, 1]);
  expect(state.waiting).toEqual([]);
});
