// What the I/O thread hears of its guest thread and tells it: in order, all of it, whatever is full or congested meanwhile.

import { describe, expect, it, vi } from 'vitest';
import { BOUNDS, type Bounds } from '../../engine/protocol/bounds.js';
import { SOURCE_MONOTONIC } from '../../engine/protocol/clock.js';
import type { Interrupt, LogEntry, Output } from '../../engine/protocol/vocabulary.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { type GuestListener, IoEnd } from '../../engine/threads/io-end.js';
import {
  SharedBlock,
  WORD_ACKNOWLEDGED,
  WORD_ALONE,
  WORD_BEGUN,
  WORD_EXECUTED,
  WORD_IO_POLLING,
  WORD_OVER,
  WORD_THROTTLE,
  WORD_TO_GUEST_BELL,
  WORD_TO_IO_BELL,
} from '../../engine/threads/shared.js';
import { EntryDecoder } from '../../engine/wire/log-entries.js';
import { RECORD_DIVERGED, RECORD_ENDED } from '../../engine/wire/records.js';
import { Schedule } from './schedule.js';

const value = (number: number): LogEntry => ({ type: 'value', source: SOURCE_MONOTONIC, value: BigInt(number) });
const text = (offset: number, length = 3): Output => ({
  type: 'stream',
  stream: 1,
  offset,
  bytes: new Uint8Array(length).fill(offset),
});

const input = (offset: number, length: number): Interrupt => ({
  kind: 'stream',
  stream: 0,
  offset,
  bytes: new Uint8Array(length).fill(offset),
  end: false,
});

/** Both ends in one thread; `heard` is what the listener heard, log entries by their values. */
class Ends {
  readonly schedule = new Schedule();
  readonly shared: SharedBlock;
  readonly guest: GuestEnd;
  readonly io: IoEnd<unknown>;
  heard: unknown[] = [];
  congested = false;
  /** Called each time all is handed over that is to be. */
  onDrained: () => void = () => undefined;
  onOutput: () => void = () => undefined;
  #rung: { readonly bell: number; readonly act: () => void } | undefined;

  constructor(
    bounds: Partial<Bounds> = {},
    ringBytes = 4096,
    restores = false,
    memory = SharedBlock.allocate(ringBytes),
  ) {
    this.shared = new SharedBlock(memory);
    const all = { ...BOUNDS, ...bounds };
    this.guest = new GuestEnd(this.shared, undefined, all);
    const parts = {
      shared: this.shared,
      port: { post: () => undefined, take: () => undefined },
      allocate: () => undefined,
      timers: this.schedule,
      whenRung: (bell: number, act: () => void) => {
        this.#rung = { bell, act };
      },
      bounds: all,
    };
    this.io = new IoEnd(parts, restores);
    this.io.listen(this.#listener());
    this.heard = [];
  }

  #listener(): GuestListener {
    const decoder = new EntryDecoder();
    const note = (what: unknown) => void this.heard.push(what);
    return {
      logged: (part, entries) => {
        const values = decoder.decode(part).map(entry => (entry.type === 'value' ? Number(entry.value) : entry.type));
        expect(values).toHaveLength(entries);
        note(values);
      },
      output: (position, output) => {
        note({ position, output });
        this.onOutput();
      },
      drained: said => {
        note({ said });
        this.onDrained();
      },
      loaded: () => note('loaded'),
      running: () => note('running'),
      live: (epoch, uncertain) => note({ epoch, uncertain }),
      diverged: message => note({ diverged: message }),
      failed: message => note({ failed: message }),
      congested: () => this.congested,
    };
  }

  /** The bell wakes the I/O thread, if it was rung since that looked last. */
  wake(): void {
    const rung = this.#rung;
    if (rung === undefined || rung.bell === this.shared.words[WORD_TO_IO_BELL]) return;
    this.#rung = undefined;
    rung.act();
  }

  /** Outputs that were heard. */
  get outputs(): Output[] {
    return this.heard.flatMap(one => (isOutput(one) ? [one.output] : []));
  }

  /** What was said to be handed over, each time. */
  get said(): (number | undefined)[] {
    return this.heard.flatMap(one => (isDrained(one) ? [one.said] : []));
  }
}

const isOutput = (one: unknown): one is { readonly output: Output } =>
  typeof one === 'object' && one !== null && 'output' in one;
const isDrained = (one: unknown): one is { readonly said: number | undefined } =>
  typeof one === 'object' && one !== null && 'said' in one;

describe('what the guest says', () => {
  it('is heard in its order: what is logged before an output precedes it', () => {
    const ends = new Ends();
    ends.io.requestSnapshot({
      join: false,
      taken: () => expect.unreachable(),
      failed: ({ code }) => void ends.heard.push(code),
    });
    ends.guest.log(value(1));
    ends.guest.output(1, text(0));
    ends.guest.log(value(2));
    ends.guest.tell(RECORD_DIVERGED, 'words');
    ends.guest.tellLive(7, 2);
    ends.guest.tell(RECORD_ENDED, '');
    ends.wake();
    expect(ends.heard).toEqual([
      [1],
      { position: 1, output: text(0) },
      [2],
      { diverged: 'words' },
      { epoch: 7, uncertain: 2 },
      'SNAPSHOT_FAILED',
      { said: 0 },
    ]);
  });

  it('joins what is logged in a row to one part, up to a bound', () => {
    const ends = new Ends({ gatheredBytes: 32, partBytes: 24 });
    for (let number = 1; number <= 30; number++) ends.guest.log(value(number * 1_000));
    ends.guest.output(30, text(0));
    ends.guest.log(value(31));
    ends.wake();
    const parts = ends.heard.filter(one => Array.isArray(one)) as number[][];
    expect(parts.flat()).toEqual([...Array.from({ length: 30 }, (_, at) => (at + 1) * 1_000), 31]);
    expect(parts.length).toBeLessThan(10);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.at(-1)).toEqual([31]);
  });

  it('is handed over so much at a time, and the rest in the next turn, in which others have had theirs', () => {
    const ends = new Ends({ drainRecords: 3 });
    for (let at = 0; at < 8; at++) ends.guest.output(0, text(3 * at));
    ends.wake();
    expect(ends.outputs).toHaveLength(3);
    ends.schedule.pass();
    expect(ends.outputs).toEqual(Array.from({ length: 8 }, (_, at) => text(3 * at)));
    expect(ends.schedule.nowMs()).toBe(0);
  });
});

describe('a ring that is left alone because what leaves is congested', () => {
  it('is looked at again by itself when that ends, though nobody says so and the guest rings no more', () => {
    const ends = new Ends();
    ends.congested = true;
    ends.guest.output(0, text(0));
    ends.guest.output(0, text(3));
    ends.wake();
    ends.schedule.pass(20);
    expect(ends.outputs).toEqual([]);
    ends.congested = false;
    ends.schedule.pass(1);
    expect(ends.outputs).toEqual([text(0), text(3)]);
  });

  it('is looked at again by itself where what was just handed over made the congestion', () => {
    const ends = new Ends();
    ends.onOutput = () => {
      ends.congested = true;
    };
    for (let at = 0; at < 3; at++) ends.guest.output(0, text(3 * at));
    ends.wake();
    for (let count = 1; count < 3; count++) {
      expect(ends.outputs).toHaveLength(count);
      ends.congested = false;
      ends.schedule.pass(1);
    }
    expect(ends.outputs).toHaveLength(3);
  });

  it('is looked at once each time, however often it was rung for', () => {
    const ends = new Ends();
    ends.congested = true;
    for (let at = 0; at < 10; at++) {
      ends.guest.output(0, text(3 * at));
      ends.wake();
    }
    ends.heard = [];
    ends.schedule.pass(5);
    expect(ends.said).toHaveLength(5);
  });

  it('lets the guest that waits for room go on', () => {
    const ends = new Ends({}, 1024);
    ends.congested = true;
    let at = 0;
    for (; !ends.guest.full && at < 100; at++) ends.guest.output(0, text(at, 100));
    ends.wake();
    ends.schedule.pass(3);
    expect(ends.guest.makeRoom()).toBe(false);
    ends.congested = false;
    ends.schedule.pass(1);
    expect(ends.guest.makeRoom()).toBe(true);
    ends.schedule.pass(1);
    ends.wake();
    expect(ends.outputs).toHaveLength(at);
  });
});

describe('all that the guest has put out', () => {
  it('is said to be handed over only where nothing was left', () => {
    const ends = new Ends({ drainRecords: 2 });
    ends.shared.positions[WORD_EXECUTED] = 9;
    for (let at = 0; at < 3; at++) ends.guest.output(9, text(3 * at));
    ends.wake();
    ends.schedule.pass();
    expect(ends.said).toEqual([undefined, 9]);
    ends.heard = [];
    ends.congested = true;
    ends.guest.output(9, text(9));
    ends.wake();
    expect(ends.said).toEqual([undefined]);
    // Nor is it known of an empty ring that is not looked at.
    ends.congested = false;
    ends.schedule.pass(1);
    ends.congested = true;
    ends.heard = [];
    ends.io.drain();
    expect(ends.said).toEqual([undefined]);
  });

  it('is said as of before the ring was looked at: the guest goes on meanwhile', () => {
    const ends = new Ends();
    ends.shared.positions[WORD_EXECUTED] = 4;
    ends.onOutput = () => {
      ends.shared.positions[WORD_EXECUTED] = 5;
    };
    ends.guest.output(4, text(0));
    ends.wake();
    expect(ends.said).toEqual([4]);
  });

  it('is nothing where the guest is not restored yet', () => {
    const ends = new Ends({}, 4096, true);
    ends.io.drain();
    expect(ends.said).toEqual([-1]);
  });
});

describe('FL: while log entries come', () => {
  it('the ring is looked at each millisecond, without a bell, and no more when they cease', () => {
    const ends = new Ends();
    ends.guest.log(value(1));
    ends.wake();
    expect(ends.shared.words[WORD_IO_POLLING]).toBe(1);
    const bell = ends.shared.words[WORD_TO_IO_BELL];
    for (let number = 2; number < 20; number++) {
      ends.guest.log(value(number));
      ends.guest.ship();
      ends.schedule.pass(1);
    }
    expect(ends.shared.words[WORD_TO_IO_BELL]).toBe(bell);
    expect(ends.heard.filter(one => Array.isArray(one)).flat()).toEqual(Array.from({ length: 19 }, (_, at) => at + 1));
    ends.schedule.pass(50);
    expect(ends.shared.words[WORD_IO_POLLING]).toBe(0);
    ends.heard = [];
    ends.schedule.pass(50);
    expect(ends.heard).toEqual([]);
  });

  it('what comes at any moment of that is heard, also just before nobody looks any more', () => {
    for (let look = 1; look <= 9; look++) {
      const ends = new Ends();
      ends.guest.log(value(1));
      ends.wake();
      let looks = 0;
      ends.onDrained = () => {
        looks += 1;
        if (looks !== look) return;
        ends.guest.log(value(2));
        ends.guest.ship();
      };
      ends.schedule.pass(50);
      ends.wake();
      const entries = ends.heard.filter(one => Array.isArray(one)).flat();
      expect(entries, `look ${look}`).toEqual(looks < look ? [1] : [1, 2]);
    }
  });
});

describe('what the guest is told', () => {
  it('waits where its ring is full, is tried again by itself, and arrives in order', () => {
    const ends = new Ends({}, 1024);
    const all: Interrupt[] = Array.from({ length: 20 }, (_, at) => input(at, 1 + ((at * 37) % 300)));
    for (const interrupt of all) ends.io.sendInterrupt(interrupt);
    ends.io.sendLog(Uint8Array.of(7, 8));
    ends.io.sendPromotion();
    const taken: unknown[] = [];
    for (let ms = 0; ms < 100; ms++) {
      const bell = ends.shared.words[WORD_TO_GUEST_BELL];
      for (let one = ends.guest.take(); one !== undefined; one = ends.guest.take()) taken.push(one);
      ends.schedule.pass(1);
      // What was written is rung for.
      if (ends.guest.hasIncoming) expect(ends.shared.words[WORD_TO_GUEST_BELL]).not.toBe(bell);
    }
    expect(taken).toEqual([
      ...all.map(interrupt => ({ type: 'interrupt', interrupt })),
      { type: 'log', bytes: Uint8Array.of(7, 8) },
      { type: 'promote' },
    ]);
  });

  it('does not overtake what waits, though there is room again', () => {
    const ends = new Ends({}, 1024);
    for (let at = 0; at < 3; at++) ends.io.sendInterrupt(input(at, 400));
    ends.guest.take();
    ends.guest.take();
    ends.io.sendPromotion();
    ends.schedule.pass(1);
    expect([ends.guest.take()?.type, ends.guest.take()?.type, ends.guest.take()]).toEqual([
      'interrupt',
      'promote',
      undefined,
    ]);
  });

  it('is acknowledged wakes it only where it stands still for that', () => {
    const { io, guest, shared, schedule } = new Ends();
    const ring = vi.spyOn(shared, 'ring');
    const tell = () => {
      io.setAcknowledged(7, false);
      schedule.pass();
    };
    tell();
    expect(ring).not.toHaveBeenCalled();
    guest.awaitsAcknowledgement = true;
    tell();
    expect(ring).toHaveBeenCalledTimes(1);
    guest.awaitsAcknowledgement = false;
    tell();
    expect(ring).toHaveBeenCalledTimes(1);
  });

  it('comes together is rung for once', () => {
    const { io, shared, schedule } = new Ends();
    const ring = vi.spyOn(shared, 'ring');
    for (let at = 0; at < 3; at++) io.sendLog(Uint8Array.of(1, 2, 3));
    schedule.pass();
    expect(ring).toHaveBeenCalledTimes(1);
  });

  it('by a word is seen: what is acknowledged, and whether to wait', () => {
    const { io, shared } = new Ends();
    const bells: (number | undefined)[] = [];
    for (const tell of [
      () => io.setAcknowledged(7, false),
      () => io.setThrottle(true),
      () => io.setThrottle(false),
      () => io.setAcknowledged(Infinity, true),
    ]) {
      tell();
      bells.push(shared.words[WORD_TO_GUEST_BELL]);
    }
    expect(bells).toEqual([1, 2, 3, 4]);
    expect(shared.positions[WORD_ACKNOWLEDGED]).toBe(Infinity);
    expect([shared.words[WORD_ALONE], shared.words[WORD_THROTTLE]]).toEqual([1, 0]);
  });
});

describe('the memory of a replica that is over', () => {
  it('is not touched any more by what its end still does, and serves another once it is cleared', () => {
    const memory = SharedBlock.allocate(4096);
    const ends = () => new Ends({}, 4096, false, memory);
    const first = ends();
    first.io.sendLog(Uint8Array.of(1, 2, 3));
    first.guest.output(0, text(0));
    first.io.leave();
    const { words } = new SharedBlock(memory);
    expect([words[WORD_OVER], words[WORD_BEGUN], words[WORD_THROTTLE]]).toEqual([1, 1, 1]);
    SharedBlock.clear(memory);
    const second = ends();
    const before = Uint8Array.from(new Uint8Array(memory));
    first.io.sendLog(Uint8Array.of(4));
    first.io.sendInterrupt(input(0, 2_000));
    first.io.sendPromotion();
    first.io.setAcknowledged(7, true);
    first.io.setThrottle(true);
    first.io.requestSnapshot({ join: true, taken: () => undefined, failed: () => undefined });
    first.schedule.pass(10);
    first.io.drain();
    expect([first.outputs, second.guest.take()]).toEqual([[], undefined]);
    expect(new Uint8Array(memory)).toEqual(before);
    second.io.sendPromotion();
    second.guest.output(0, text(5));
    second.io.drain();
    expect([second.guest.take()?.type, second.outputs]).toEqual(['promote', [text(5)]]);
  });
});
