// The guest thread's driver over a real execution and a real ring, in one thread: when the guest stands still, and until when.

import { describe, expect, it, vi } from 'vitest';
import {
  type ExecutionClock,
  ExecutionDriver,
  type ExecutionGuest,
  ReplicaHalt,
} from '../../engine/driver/execution-driver.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import { SOURCE_MONOTONIC } from '../../engine/protocol/clock.js';
import { Execution } from '../../engine/protocol/execution.js';
import type { Interrupt, LogEntry, Operation, Outcome, Variant } from '../../engine/protocol/vocabulary.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { IoEnd } from '../../engine/threads/io-end.js';
import {
  SharedBlock,
  SNAPSHOT_SIZE,
  SNAPSHOT_TO_JOIN,
  WORD_IO_POLLING,
  WORD_SNAPSHOT,
  WORD_TO_IO_BELL,
} from '../../engine/threads/shared.js';
import { EntryDecoder, EntryEncoder, maxSize } from '../../engine/wire/log-entries.js';
import { Schedule } from '../threads/schedule.js';

const EXIT: Outcome = { kind: 'exit', status: 3 };
const OWN = 42n;
/** More than any of these rings has room for. */
const MANY = 1_000;
const value = (number: number): LogEntry => ({ type: 'value', source: SOURCE_MONOTONIC, value: BigInt(number) });
const empty = (epochs: number, count: number, consumed = 0): LogEntry => {
  return { type: 'empty', epochs, digest: { count, submitted: 0, consumed } };
};
const READ = { type: 'environment', source: SOURCE_MONOTONIC } as const;
const write = (bytes: number) => ({ type: 'write', stream: 1, bytes: new Uint8Array(bytes) }) as const;
const operation = (id: bigint): Operation => {
  return { id, device: 0x200, command: 1, argument: 0n, length: 0, data: new Uint8Array(0) };
};
const completion = (id: bigint): Interrupt => ({
  kind: 'completion',
  operation: id,
  status: 0,
  data: new Uint8Array(0),
});

class Driven {
  readonly shared: SharedBlock;
  readonly execution: Execution;
  readonly driver: ExecutionDriver;
  /** The other end; nobody wakes it but `drain`. */
  readonly io: IoEnd<unknown>;
  readonly heard: unknown[] = [];
  readonly delivered: Interrupt[] = [];
  readonly adopt = vi.fn();
  readonly standsStill = vi.fn();
  nowNs = 0;
  isReadyForSnapshot = false;
  isSnapshotDue = false;
  difference: string | undefined;
  readonly #encoder = new EntryEncoder();

  constructor(role: 'primary' | 'backup', variant: Variant = 'deferred', ringBytes = 8192) {
    this.shared = new SharedBlock(SharedBlock.allocate(ringBytes));
    this.shared.words[WORD_IO_POLLING] = 1;
    const bounds = { ...BOUNDS, gatheredBytes: 128, streamPieceBytes: 256 };
    const link = new GuestEnd(this.shared, undefined, bounds);
    this.execution = new Execution({ role, variant, epochLength: 10, operationIds: true });
    this.driver = new ExecutionDriver(this.#guest(), this.execution, link, this.#clock());
    const port = { post: () => undefined, take: () => undefined };
    const parts = {
      shared: this.shared,
      port,
      allocate: () => undefined,
      timers: new Schedule(),
      whenRung: () => undefined,
    };
    this.io = new IoEnd(parts, false);
    const decoder = new EntryDecoder();
    const note = (what: unknown) => void this.heard.push(what);
    const nothing = () => undefined;
    this.io.listen({
      logged: part => note(decoder.decode(part)),
      output: (position, { type }) => note({ position, type }),
      live: epoch => note({ live: epoch }),
      diverged: message => note({ diverged: message }),
      congested: () => false,
      drained: nothing,
      loaded: nothing,
      running: nothing,
      failed: nothing,
    });
  }

  #guest(): ExecutionGuest {
    const driven = this;
    return {
      deliver: interrupt => void driven.delivered.push(interrupt),
      difference: () => driven.difference,
      reviewDueNs: Infinity,
      review: () => undefined,
      standsStill: driven.standsStill,
      get isReadyForSnapshot() {
        return driven.isReadyForSnapshot;
      },
      get isSnapshotDue() {
        return driven.isSnapshotDue;
      },
    };
  }

  #clock(): ExecutionClock {
    return {
      read: () => OWN,
      monotonicNs: () => this.nowNs,
      observeMonotonicNs: () => undefined,
      adopt: this.adopt,
    };
  }

  log(...entries: LogEntry[]): void {
    const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + maxSize(entry), 0));
    let length = 0;
    for (const entry of entries) length += this.#encoder.encode(entry, bytes, length);
    this.io.sendLog(bytes.slice(0, length));
  }

  /** What the I/O thread hears now. */
  drain(): unknown[] {
    this.heard.splice(0);
    this.io.drain();
    return this.heard;
  }

  get bell(): number {
    return this.shared.words[WORD_TO_IO_BELL]!;
  }
}

describe('a guest that stands still for an acknowledgement', () => {
  it.each(['revised', 'original'] as const)('goes on when all that it logged is acknowledged (%s)', variant => {
    const { driver, io, standsStill, drain } = bound(new Driven('primary', variant));
    expect(driver.step(READ)).toBe(true);
    expect(driver.result).toBe(OWN);
    expect(variant === 'revised' ? driver.step(write(3)) : driver.epochEnd(10, false)).toBe(false);
    expect(standsStill).toHaveBeenCalledTimes(1);
    expect(driver.timeoutMs).toBe(Infinity);
    // What it waits for must have left this thread.
    expect(drain()[0]).toContainEqual({ type: 'value', source: SOURCE_MONOTONIC, value: OWN });
    const logged = variant === 'revised' ? 1 : 2;
    io.setAcknowledged(logged - 1, false);
    expect(driver.goOn()).toBe(false);
    io.setAcknowledged(logged, false);
    expect(driver.goOn()).toBe(true);
    expect(driver.goOn()).toBe(true);
  });
});

describe('a backup’s guest that stands still for the log', () => {
  it('goes on with the value that it asked for, and no sooner', () => {
    const { driver, log } = bound(new Driven('backup'));
    expect(driver.step(READ)).toBe(false);
    expect(driver.timeoutMs).toBe(Infinity);
    expect(driver.goOn()).toBe(false);
    log(value(7));
    expect(driver.goOn()).toBe(true);
    expect(driver.result).toBe(7n);
  });

  it('takes one part of the log at a time: what it has not executed stays in the ring, as bytes', () => {
    const { driver, execution, shared, log } = bound(new Driven('backup'));
    log(value(1), empty(1, 10, 1));
    log(empty(1, 20, 1));
    expect(driver.step(READ)).toBe(true);
    expect(driver.epochEnd(10, false)).toBe(true);
    expect(shared.toGuest.isEmpty).toBe(false);
    expect(driver.epochEnd(20, false)).toBe(true);
    expect(shared.toGuest.isEmpty).toBe(true);
    expect([execution.epoch, execution.taken]).toEqual([2, 3]);
  });

  it('goes on by itself when it is promoted: with an own value, of a clock that goes on from the log', () => {
    const { driver, execution, io, adopt, log } = bound(new Driven('backup'));
    log(value(1));
    expect(driver.step(READ)).toBe(true);
    expect(driver.step(READ)).toBe(false);
    io.sendPromotion();
    expect(driver.goOn()).toBe(true);
    expect([driver.result, execution.role]).toEqual([OWN, 'survivor']);
    expect(adopt).toHaveBeenCalledTimes(1);
  });

  it('ends this replica where the log says otherwise, and says so', () => {
    const { driver, log, drain } = bound(new Driven('backup'));
    log(empty(1, 11));
    expect(() => driver.epochEnd(10, false)).toThrow(ReplicaHalt);
    expect(drain()).toEqual([{ diverged: expect.stringContaining('instruction 11') }]);
  });
});

describe('a backup whose guest has ended, and that is promoted', () => {
  it.each([
    ['before the end', ['promote', 'outcome']],
    ['after it', ['final', 'outcome', 'promote']],
    ['while it stands there', ['outcome', 'promote']],
  ])('puts out its outcome where its log ended, and at no earlier position (promoted %s)', (_, acts) => {
    const { driver, execution, io, adopt, log, drain } = bound(new Driven('backup'));
    log(value(1), value(2));
    for (let reads = 0; reads < 2; reads++) expect(driver.step(READ)).toBe(true);
    let position = 2;
    for (const act of acts) {
      if (act === 'outcome') driver.step({ type: 'outcome', count: 15, outcome: EXIT });
      else if (act === 'promote') io.sendPromotion();
      else {
        log({ type: 'final', epoch: 0, outcome: EXIT });
        position = 3;
      }
      // What a guest does that runs, and that has ended.
      if (driver.goOn()) driver.pump();
    }
    expect(execution.role).toBe('primary');
    expect(adopt).toHaveBeenCalledTimes(1);
    expect(drain()).toEqual([{ live: 0 }, { position, type: 'outcome' }]);
  });
});

describe('a guest that waits for an interrupt', () => {
  it('goes on when one comes', () => {
    const { driver, io, delivered } = bound(new Driven('primary'));
    driver.step({ type: 'start', operation: operation(1n) });
    expect(driver.epochEnd(10, true)).toBe(false);
    expect(driver.timeoutMs).toBe(Infinity);
    expect(driver.goOn()).toBe(false);
    io.sendInterrupt(completion(1n));
    expect(driver.goOn()).toBe(true);
    expect(delivered).toEqual([completion(1n)]);
  });

  it('stands still again after what is no interrupt to it', () => {
    const { driver, execution, io, delivered } = bound(new Driven('primary'));
    driver.epochEnd(10, true);
    io.sendInterrupt(completion(9n));
    expect(driver.goOn()).toBe(false);
    expect(driver.goOn()).toBe(false);
    expect(delivered).toEqual([]);
    expect(execution.epoch).toBe(0);
  });

  it('says how long until its timer is due, and goes on then though nobody rings', () => {
    const driven = new Driven('primary');
    const { driver, delivered } = driven;
    driver.step({ type: 'timer', deadlineNs: 5_000_000 });
    expect(driver.epochEnd(10, true)).toBe(false);
    expect(driver.timeoutMs).toBe(5);
    driven.nowNs = 3_500_000;
    expect(driver.timeoutMs).toBe(1.5);
    expect(driver.goOn()).toBe(false);
    driven.nowNs = 6_000_000;
    expect(driver.timeoutMs).toBe(0);
    expect(driver.goOn()).toBe(true);
    expect(delivered).toEqual([{ kind: 'timer', timeNs: 6_000_000 }]);
  });

  it('goes on for a snapshot, once one can be taken: its wait ends with nothing delivered', () => {
    const driven = new Driven('primary');
    const { driver, shared, delivered, execution } = driven;
    driver.epochEnd(10, true);
    shared.words[WORD_SNAPSHOT] = SNAPSHOT_TO_JOIN;
    expect(driver.goOn()).toBe(false);
    driven.isReadyForSnapshot = true;
    driven.isSnapshotDue = true;
    expect(driver.goOn()).toBe(true);
    expect(delivered).toEqual([]);
    expect(execution.epoch).toBe(1);
    // The size is told of any guest.
    const other = new Driven('primary');
    other.driver.epochEnd(10, true);
    other.shared.words[WORD_SNAPSHOT] = SNAPSHOT_SIZE;
    other.isSnapshotDue = true;
    expect(other.driver.goOn()).toBe(true);
  });
});

describe('a guest whose ring is full', () => {
  it('stands still until there is room, looks for that by itself, and nothing is lost', () => {
    const { driver, drain } = bound(new Driven('primary', 'deferred', 1024));
    let writes = 0;
    for (let goesOn = true; goesOn && writes < MANY; writes++) goesOn = driver.step(write(200));
    expect(driver.timeoutMs).toBeGreaterThan(0);
    expect(driver.timeoutMs).toBeLessThan(10);
    expect(driver.goOn()).toBe(false);
    const before = drain().length;
    expect(driver.goOn()).toBe(true);
    expect(before + drain().length).toBe(writes);
  });

  it('is held at what it is at: also where it stands still for something else, and at the end of an epoch', () => {
    const { driver, io, execution, drain } = bound(new Driven('primary', 'revised', 1024));
    driver.step(READ);
    // Cut into pieces, of which not all find room; and its acknowledgement is awaited.
    expect(driver.step(write(2_000))).toBe(false);
    io.setAcknowledged(Infinity, false);
    let outputs = 0;
    for (let turns = 0; !driver.goOn(); turns++) {
      expect(turns).toBeLessThan(20);
      outputs += drain().filter(one => !Array.isArray(one)).length;
    }
    outputs += drain().filter(one => !Array.isArray(one)).length;
    expect(outputs).toBe(8);
    let epochs = 0;
    for (let goesOn = true; goesOn && epochs < MANY; ) {
      expect(driver.step(READ)).toBe(true);
      epochs += 1;
      goesOn = driver.epochEnd(10 * epochs, false);
    }
    expect(driver.goOn()).toBe(false);
    expect(execution.epoch).toBe(epochs);
    drain();
    expect(driver.goOn()).toBe(true);
    expect(execution.epoch).toBe(epochs);
  });
});

describe('LG: a guest whose backup lags', () => {
  it('stands still at the end of its epoch, with all logged on its way, and goes on when that is over', () => {
    const driven = new Driven('primary');
    const { driver, io, execution } = driven;
    driver.step(READ);
    io.setThrottle(true);
    // Not before: what it is about to do is bounded by the epoch.
    expect(driver.step(write(3))).toBe(true);
    driver.step(READ);
    driven.drain();
    const { bell } = driven;
    expect(driver.epochEnd(10, false)).toBe(false);
    expect(driver.timeoutMs).toBe(Infinity);
    expect(driven.bell).not.toBe(bell);
    for (let turns = 0; turns < 3; turns++) expect(driver.goOn()).toBe(false);
    expect(execution.epoch).toBe(1);
    expect(driven.drain()).toEqual([[{ type: 'value', source: SOURCE_MONOTONIC, value: OWN }]]);
    io.setThrottle(false);
    expect(driver.goOn()).toBe(true);
    expect(execution.epoch).toBe(1);
  });

  it('ends an epoch once, though it stands still at its end for one thing after another', () => {
    const { driver, io, execution } = bound(new Driven('primary', 'original'));
    driver.step(READ);
    io.setThrottle(true);
    expect(driver.epochEnd(10, false)).toBe(false);
    io.setAcknowledged(2, false);
    expect(driver.goOn()).toBe(false);
    io.setThrottle(false);
    expect(driver.goOn()).toBe(true);
    expect(execution.epoch).toBe(1);
    expect(driver.step(READ)).toBe(true);
  });
});

/** Its methods can be taken apart. */
function bound(driven: Driven) {
  const { driver, execution, io, shared, adopt, standsStill, delivered } = driven;
  const log = (...entries: LogEntry[]) => driven.log(...entries);
  return { driver, execution, io, shared, adopt, standsStill, delivered, log, drain: () => driven.drain() };
}
