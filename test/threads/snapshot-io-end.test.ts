// The I/O thread's end of the conversation about snapshots, alone: one after another, each for whom it was asked for.

import { expect, test } from 'vitest';
import {
  SharedBlock,
  SNAPSHOT_NOTHING,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  SNAPSHOT_TO_KEEP,
  WORD_SNAPSHOT,
} from '../../engine/threads/shared.js';
import { SnapshotIoEnd } from '../../engine/threads/snapshot-io-end.js';

/** The guest thread is played by the test. */
class Conversation {
  readonly shared = new SharedBlock(SharedBlock.allocate());
  /** What was asked for is answered when the test says so. */
  readonly allocations: ((memory: SharedArrayBuffer | undefined) => void)[] = [];
  readonly allocatedBytes: number[] = [];
  /** What the guest thread was sent, and what it has posted. */
  readonly sent: unknown[] = [];
  readonly posted: unknown[] = [];
  readonly heard: unknown[] = [];
  readonly end = new SnapshotIoEnd<string>(
    this.shared,
    { post: message => void this.sent.push(message), take: () => this.posted.shift() },
    (bytes, then) => {
      this.allocatedBytes.push(bytes);
      this.allocations.push(then);
    },
  );

  request(who: string, join = false): void {
    this.end.request({
      join,
      taken: (position, state) => void this.heard.push({ who, position, state }),
      failed: error => void this.heard.push({ who, code: error.code, message: error.message }),
    });
  }

  /** What the guest thread is asked for; it takes note. */
  get asked(): number {
    return Atomics.exchange(this.shared.words, WORD_SNAPSHOT, SNAPSHOT_NOTHING);
  }

  allocated(memory: SharedArrayBuffer | undefined): void {
    this.allocations.shift()!(memory);
  }

  /** The guest thread answers one request from the first question on. */
  take(position: number, state: string): void {
    this.end.sized(100);
    this.allocated(new SharedArrayBuffer(8));
    this.posted.push(state);
    this.end.taken(position);
  }
}

test.each([
  ['to join', true, SNAPSHOT_TO_JOIN],
  ['to be kept', false, SNAPSHOT_TO_KEEP],
])('a snapshot %s is asked for once memory for it is with the guest thread', (_, join, kind) => {
  const conversation = new Conversation();
  conversation.request('a', join);
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  conversation.end.sized(8_000);
  expect(conversation.allocatedBytes).toEqual([8_000 + 1_000 + (4 << 20)]);
  expect(conversation.asked).toBe(SNAPSHOT_NOTHING);
  const memory = new SharedArrayBuffer(8);
  conversation.allocated(memory);
  expect(conversation.sent).toEqual([memory]);
  expect(conversation.asked).toBe(kind);
});

test('each request is answered with its own snapshot, in the order in which they were made', () => {
  const conversation = new Conversation();
  for (const who of ['first', 'second', 'third']) conversation.request(who);
  conversation.take(3, 'early');
  conversation.take(5, 'later');
  conversation.take(8, 'last');
  expect(conversation.heard).toEqual([
    { who: 'first', position: 3, state: 'early' },
    { who: 'second', position: 5, state: 'later' },
    { who: 'third', position: 8, state: 'last' },
  ]);
});

test('one is under way at a time: the next is asked for when it is answered, however that is', () => {
  const conversation = new Conversation();
  for (const who of ['a', 'b', 'c', 'd']) conversation.request(who);
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  conversation.end.refused('the guest holds an externref');
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  conversation.end.sized(100);
  expect(conversation.asked).toBe(SNAPSHOT_NOTHING);
  conversation.allocated(undefined);
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  conversation.take(5, 'state');
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  expect(conversation.heard).toEqual([
    { who: 'a', code: 'NOT_SNAPSHOTABLE', message: 'the guest holds an externref' },
    { who: 'b', code: 'NOT_SNAPSHOTABLE', message: 'this host has no memory for a copy of 100 bytes' },
    { who: 'c', position: 5, state: 'state' },
  ]);
});

test('a guest that ends answers all that is asked for, and whatever is asked for later', () => {
  const conversation = new Conversation();
  conversation.request('a');
  conversation.request('b');
  conversation.end.guestEnded();
  conversation.request('c');
  const failed = conversation.heard.map(heard => heard as { who: string; code: string });
  expect(failed.map(({ who, code }) => `${who} ${code}`)).toEqual(['a', 'b', 'c'].map(who => `${who} SNAPSHOT_FAILED`));
});

test('a guest that ends while memory is made ready is asked for nothing more', () => {
  const conversation = new Conversation();
  conversation.request('a');
  conversation.end.sized(100);
  expect(conversation.asked).toBe(SNAPSHOT_SIZE);
  conversation.end.guestEnded();
  conversation.allocated(new SharedArrayBuffer(8));
  conversation.end.request({ join: false, taken: () => expect.unreachable(), failed: () => undefined });
  expect(conversation.asked).toBe(SNAPSHOT_NOTHING);
  expect(conversation.sent).toEqual([]);
});

test('an answer that nobody asked for is a fault', () => {
  const conversation = new Conversation();
  conversation.posted.push('state');
  expect(() => conversation.end.taken(1)).toThrow('what is answered was asked for');
  expect(() => conversation.end.sized(1)).toThrow('the size was asked for');
});
