// Who goes on from a log puts out nothing that has left, and nothing that contradicts it.

import { expect, test } from 'vitest';
import type { PeerHandlers, ReplicaPorts } from '../../engine/driver/ports.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { LogPeer, OutsideAccount, portsOfRecovered } from '../../engine/log/recovering.js';
import type { LoggedState, Records } from '../../engine/log/stored-checkpoints.js';
import type { StreamOffset } from '../../engine/protocol/messages.js';
import type { Operation, Output } from '../../engine/protocol/vocabulary.js';
import type { GuestListener } from '../../engine/threads/io-end.js';
import type { Timers } from '../../engine/threads/thread-ports.js';

const END = 7;
const bytes = (offset: number, length: number): Output => {
  return { type: 'stream', stream: 1, offset, bytes: new Uint8Array(length) };
};
const operation: Output = { type: 'operation', operation: { id: 5n } as Operation };

/** A guest that goes on from the beginning, with so much of stream 1 outside; and what its driver is told. */
function guestWith(outside: number, closed: readonly StreamOffset[] = []) {
  const told: string[] = [];
  let guest: GuestListener | undefined;
  const plain = {
    guest: { listen: (given: GuestListener) => (guest = given) },
  } as unknown as ReplicaPorts<LoggedState>;
  const place = { folders: [], log: '', from: 0, end: END, checkpoint: undefined, closed };
  const failed = (error: unknown) => told.push(error instanceof EpochvisorError ? error.code : String(error));
  const whole = { ...place, outside: [{ stream: 1, offset: outside }] };
  const account = new OutsideAccount(whole, undefined, failed);
  const ports = portsOfRecovered(plain, whole, undefined, account);
  ports.guest.listen({
    output: (position: number, { type }: Output) => told.push(`${type} at ${position}`),
    live: () => told.push('live'),
    running: () => told.push('running'),
  } as unknown as GuestListener);
  return { told, guest: guest!, account };
}

test('what is outside is held back, and operations of the log, which have ended or end uncertain', () => {
  const { told, guest } = guestWith(10);
  guest.output(3, bytes(0, 10));
  guest.output(4, operation);
  guest.output(5, bytes(10, 2));
  guest.live(9, 1);
  expect(told).toEqual(['stream at 5', 'live']);
});

test('a close that had not left before the checkpoint is put out again, first of all', () => {
  const { told, guest } = guestWith(0, [{ stream: 1025, offset: 4 }]);
  guest.running();
  expect(told).toEqual(['close at 0', 'running']);
});

test('an operation of a guest that ends in its failover epoch leaves, though it is at the position where the log ends', () => {
  const { told, guest } = guestWith(0);
  guest.output(END, operation);
  guest.live(9, 1);
  guest.output(END, operation);
  expect(told).toEqual(['live', `operation at ${END}`]);
});

test.each([
  ['before anybody joins', (guest: GuestListener) => guest.live(9, 0)],
  ['at the first output past the log', (guest: GuestListener) => guest.output(END + 1, operation)],
])('a log that accounts for less than has left is refused %s', (_, goOn) => {
  const { told, guest } = guestWith(10);
  guest.output(3, bytes(0, 9));
  goOn(guest);
  expect(told).toEqual(['RECOVER_BEHIND']);
});

/** The end of an empty log, for a guest with so much of stream 1 outside. Time goes on by `pass`. */
function endOfLog(outside: number) {
  const { told, guest, account } = guestWith(outside);
  const soon: (() => void)[] = [];
  const state = { awaitsMore: false, isCongested: false };
  const timers = { soon: (act: () => void) => soon.push(act), after: (_: number, act: () => void) => soon.push(act) };
  const peer = new LogPeer({
    log: { records: () => [][Symbol.iterator]() } as unknown as Records,
    ...{ place: { from: 0 }, view: 1, timers: timers as unknown as Timers, account },
    isBusy: () => false,
    awaitsMore: () => state.awaitsMore,
    isCongested: () => state.isCongested,
    whenSynced: (_, then) => then(),
    failed: error => told.push(String(error)),
  });
  peer.listen({ message: () => undefined, closed: () => told.push('closed') } as unknown as PeerHandlers);
  const pass = () => {
    for (const act of soon.splice(0)) act();
    return told;
  };
  return { pass, guest, state };
}

test('a log ends, and a claim is made, when what has left is accounted for', () => {
  const { pass, guest } = endOfLog(10);
  expect(pass()).toEqual([]);
  guest.output(3, bytes(0, 9));
  expect(pass()).toEqual([]);
  guest.output(END, bytes(9, 1));
  expect(pass()).toEqual(['closed']);
});

test('a log ends where its guest comes no further without a claim', () => {
  const { pass, state } = endOfLog(10);
  expect(pass()).toEqual([]);
  state.isCongested = true;
  expect(pass()).toEqual(['closed']);
});

test.each([
  ['has executed all of it', ({ state }: ReturnType<typeof endOfLog>) => (state.awaitsMore = true)],
  ['has come to its end', ({ guest }: ReturnType<typeof endOfLog>) => guest.ended?.()],
])('a log that is behind is refused when its guest %s, and there is no claim', (_, act) => {
  const end = endOfLog(10);
  end.guest.output(3, bytes(0, 9));
  expect(end.pass()).toEqual([]);
  act(end);
  expect(end.pass()).toEqual(['RECOVER_BEHIND']);
  expect(end.pass()).toEqual(['RECOVER_BEHIND']);
});
