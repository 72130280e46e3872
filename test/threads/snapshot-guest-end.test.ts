// The guest thread's side of a snapshot, alone: when it is due, where it goes, and what becomes of a guest nobody can copy.

import { describe, expect, test } from 'vitest';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import {
  SharedBlock,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  SNAPSHOT_TO_KEEP,
  WORD_ALONE,
  WORD_SNAPSHOT,
} from '../../engine/threads/shared.js';
import { type Area, SnapshotGuestEnd } from '../../engine/threads/snapshot-guest-end.js';
import { RECORD_NOT_SNAPSHOTABLE, RECORD_SNAPSHOT, RECORD_SNAPSHOT_SIZE } from '../../engine/wire/records.js';

const READY = { ready: true, prepare: () => undefined };
const STATE = { position: 17 } as GuestState;

function newGuestEnd() {
  const shared = new SharedBlock(SharedBlock.allocate());
  const sent: unknown[] = [];
  const posted: unknown[] = [];
  const port = { post: (message: unknown) => void posted.push(message), take: () => sent.shift() };
  const snapshots = new SnapshotGuestEnd(shared, new GuestEnd(shared), port);
  const records: (readonly [type: number, value: number | string])[] = [];
  const told = () => {
    const one = () =>
      shared.toIo.read((type, bytes, at, length) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
        const text = new TextDecoder().decode(bytes.slice(at, at + length));
        records.push([type, type === RECORD_NOT_SNAPSHOTABLE ? text : view.getFloat64(0, true)]);
      });
    while (one());
    return records.splice(0);
  };
  const ask = (what: number, bytes = 64) => {
    sent.push(new SharedArrayBuffer(bytes));
    Atomics.store(shared.words, WORD_SNAPSHOT, what);
  };
  return { shared, snapshots, told, ask, received: () => posted.shift() };
}

function cannot(): never {
  throw new EpochvisorError('NOT_SNAPSHOTABLE', 'the guest holds an externref');
}

const never = () => expect.unreachable();

describe('a snapshot', () => {
  test('that nobody asked for is not due', () => {
    const { snapshots } = newGuestEnd();
    expect(snapshots.seemsDue(3)).toBe(false);
    expect(snapshots.isDue(3, true, READY, never)).toBe(false);
  });

  test('is not due when only its size is asked for, which is told once', () => {
    const { shared, snapshots, told } = newGuestEnd();
    Atomics.store(shared.words, WORD_SNAPSHOT, SNAPSHOT_SIZE);
    expect(snapshots.seemsDue(3)).toBe(true);
    expect(snapshots.isDue(3, true, READY, () => 12345)).toBe(false);
    expect(snapshots.seemsDue(4)).toBe(false);
    expect(told()).toEqual([[RECORD_SNAPSHOT_SIZE, 12345]]);
  });

  test('for who joins waits for a primary: one that has taken over may not have executed all that is before it', () => {
    const { snapshots, ask } = newGuestEnd();
    ask(SNAPSHOT_TO_JOIN);
    expect(snapshots.isDue(3, false, READY, never)).toBe(false);
    expect(snapshots.seemsDue(4)).toBe(true);
    expect(snapshots.isDue(4, true, READY, never)).toBe(true);
  });

  test('that is kept a backup takes, too', () => {
    const { snapshots, ask } = newGuestEnd();
    ask(SNAPSHOT_TO_KEEP);
    expect(snapshots.isDue(3, false, READY, never)).toBe(true);
  });

  test('waits until the guest could go on at once', () => {
    const { snapshots, ask } = newGuestEnd();
    ask(SNAPSHOT_TO_KEEP);
    expect(snapshots.isDue(3, true, { ...READY, ready: false }, never)).toBe(false);
    expect(snapshots.seemsDue(4)).toBe(true);
    expect(snapshots.isDue(4, true, READY, never)).toBe(true);
  });

  test('is waited for by who has it get ready: it may have gone to rest after it was asked for', () => {
    const { shared, snapshots, ask } = newGuestEnd();
    // With a snapshot's clones there is a thread that makes them; with the last of those it ends, if it is not wanted again.
    const stack = {
      ready: false,
      prepare() {
        this.ready = true;
      },
    };
    Atomics.store(shared.words, WORD_SNAPSHOT, SNAPSHOT_SIZE);
    expect(snapshots.isDue(3, true, stack, () => 1)).toBe(false);
    stack.ready = false;
    ask(SNAPSHOT_TO_JOIN);
    expect(snapshots.isDue(4, true, stack, never)).toBe(true);
  });

  test.each([
    [SNAPSHOT_TO_JOIN, 0],
    [SNAPSHOT_TO_KEEP, 1],
  ])('of kind %i is handed over before it is told of; whether the log is taken then: alone %i', (kind, alone) => {
    const { shared, snapshots, told, ask, received } = newGuestEnd();
    shared.words[WORD_ALONE] = 1;
    ask(kind);
    expect(snapshots.isDue(3, true, READY, never)).toBe(true);
    snapshots.take(
      3,
      () => 'part',
      part => ({ ...STATE, devices: part }),
    );
    expect(received()).toEqual({ position: 17, devices: 'part' });
    expect(told()).toEqual([[RECORD_SNAPSHOT, 17]]);
    expect(shared.words[WORD_ALONE]).toBe(alone);
    expect(snapshots.seemsDue(4)).toBe(false);
  });

  test('goes into the memory that was sent, and elsewhere when that is full', () => {
    const { snapshots, ask, received } = newGuestEnd();
    ask(SNAPSHOT_TO_JOIN, 24);
    snapshots.isDue(0, true, READY, never);
    const capture = (area: Area) => {
      const bytes = Uint8Array.of(1, 2, 3);
      const copies = [area.put(bytes), area.put(bytes), area.put(new Uint8Array(9).fill(9)), area.put(bytes)];
      bytes.fill(0);
      expect(area.take(100)).toHaveLength(0);
      return copies;
    };
    snapshots.take(0, capture, devices => ({ ...STATE, devices }));
    const { devices } = received() as { devices: Uint8Array[] };
    expect(devices.map(copy => [...copy])).toEqual([[1, 2, 3], [1, 2, 3], Array(9).fill(9), [1, 2, 3]]);
    const places = devices.map(copy => (copy.buffer instanceof SharedArrayBuffer ? copy.byteOffset : 'elsewhere'));
    expect(places).toEqual([0, 8, 'elsewhere', 16]);
  });
});

describe('a guest that holds what no snapshot can have', () => {
  test('is tried again 1, 2, 4, ... epochs later, and gets its snapshot when it can be copied', () => {
    const { snapshots, told, ask } = newGuestEnd();
    ask(SNAPSHOT_TO_JOIN);
    const tried: number[] = [];
    for (let epoch = 10; epoch < 200; epoch++) {
      if (!snapshots.seemsDue(epoch) || !snapshots.isDue(epoch, true, READY, never)) continue;
      tried.push(epoch - 10);
      snapshots.take(epoch, epoch < 70 ? cannot : () => 'part', () => STATE);
    }
    expect(tried).toEqual([0, 1, 3, 7, 15, 31, 63]);
    expect(told()).toEqual([[RECORD_SNAPSHOT, 17]]);
  });

  test('is given up in the end, with the reason, and nothing of it stays', () => {
    const { shared, snapshots, told, ask, received } = newGuestEnd();
    shared.words[WORD_ALONE] = 1;
    ask(SNAPSHOT_TO_JOIN);
    let attempts = 0;
    for (let epoch = 0; epoch < 2 ** 18; epoch++) {
      if (!snapshots.seemsDue(epoch) || !snapshots.isDue(epoch, true, READY, never)) continue;
      attempts += 1;
      snapshots.take(epoch, cannot, never);
    }
    expect(attempts).toBe(17);
    expect(told()).toEqual([[RECORD_NOT_SNAPSHOTABLE, 'the guest holds an externref']]);
    expect(received()).toBeUndefined();
    expect(shared.words[WORD_ALONE]).toBe(1);
  });

  test('is not confused with a fault of this host', () => {
    const { snapshots, ask } = newGuestEnd();
    ask(SNAPSHOT_TO_KEEP);
    snapshots.isDue(0, true, READY, never);
    const fault = () => {
      throw new RangeError('out of memory');
    };
    expect(() => snapshots.take(0, fault, never)).toThrow('out of memory');
  });
});
