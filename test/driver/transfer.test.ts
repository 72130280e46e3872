// A snapshot on its way: never more under way than the connection may hold, and others get their turn.

import { expect, test } from 'vitest';
import type { PeerLink } from '../../engine/driver/ports.js';
import { transfer } from '../../engine/driver/transfer.js';
import { Schedule } from '../threads/schedule.js';

const MAX_BYTES = 10;

function started(pieces: number) {
  const schedule = new Schedule();
  const state = { buffered: 0, stands: true, sent: [] as number[] };
  const link = {
    get bufferedBytes() {
      return state.buffered;
    },
    sendPiece: (piece: Uint8Array) => {
      state.sent.push(piece[0]!);
      state.buffered += 6;
    },
  } as unknown as PeerLink;
  const all = Array.from({ length: pieces }, (_, at) => Uint8Array.of(at));
  transfer(all[Symbol.iterator](), link, MAX_BYTES, schedule, () => state.stands);
  return { schedule, state };
}

test('it waits while the link is full, and goes on when that has emptied, though nobody says so', () => {
  const { schedule, state } = started(5);
  schedule.pass();
  expect(state.sent).toEqual([0, 1]);
  schedule.pass(50);
  expect(state.sent).toEqual([0, 1]);
  state.buffered = MAX_BYTES;
  schedule.pass(1);
  expect(state.sent).toEqual([0, 1, 2]);
  for (let turns = 0; turns < 5; turns++) {
    state.buffered = 0;
    schedule.pass(1);
  }
  expect(state.sent).toEqual([0, 1, 2, 3, 4]);
});

test('others get their turn between two pieces', () => {
  const { schedule, state } = started(2);
  const seen: number[] = [];
  schedule.soon(() => seen.push(state.sent.length));
  schedule.pass();
  expect(state.sent).toHaveLength(2);
  expect(started(2).state.sent).toHaveLength(1);
  expect(seen).toEqual([2]);
});

test('it ends with its connection', () => {
  const { schedule, state } = started(5);
  state.stands = false;
  state.buffered = 0;
  schedule.pass(10);
  expect(state.sent).toEqual([0]);
});
