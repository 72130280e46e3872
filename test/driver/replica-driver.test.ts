// The I/O thread's driver with ports of the test, over a real ring: what it does with the world, and how it ends.

import { describe, expect, it, vi } from 'vitest';
import type { BusHandlers, PeerHandlers, PeerLink, ReplicaNews } from '../../engine/driver/ports.js';
import { ReplicaDriver } from '../../engine/driver/replica-driver.js';
import { BOUNDS } from '../../engine/protocol/bounds.js';
import type { FromBus, PeerMessage, ToBus } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Output, type View } from '../../engine/protocol/vocabulary.js';
import { GuestEnd } from '../../engine/threads/guest-end.js';
import { IoEnd } from '../../engine/threads/io-end.js';
import { SharedBlock, WORD_TO_IO_BELL } from '../../engine/threads/shared.js';
import { RECORD_SNAPSHOT, RECORD_SNAPSHOT_SIZE } from '../../engine/wire/records.js';
import { Schedule } from '../threads/schedule.js';

const PAIR: View = { number: 1, machine: 'm', primary: 'A', backups: ['B'], claim: 'first' };
const ALONE: View = { ...PAIR, backups: [] };
const HEARTBEAT_MS = 10;
/** Longer than anything that a driver waits for. */
const LONG_MS = 10_000;
const heartbeat: PeerMessage<Uint8Array> & { readonly type: 'heartbeat' } = {
  type: 'heartbeat',
  view: 1,
  bus: true,
  progress: { executed: 0, backlogBytes: 0 },
  left: 0,
  confirmed: [],
  settled: 0,
};
const FINISHED: FromBus = { type: 'finished', outcome: { kind: 'exit', status: 0 } };

interface State {
  readonly position: number;
}

const text = (offset: number, length = 3): Output => {
  return { type: 'stream', stream: 1, offset, bytes: new Uint8Array(length).fill(7) };
};

const allocate = (bytes: number, then: (memory: SharedArrayBuffer) => void) => then(new SharedArrayBuffer(bytes));

class Peer implements PeerLink {
  bufferedBytes = 0;
  arrivedBytes = 0;
  readonly sent: PeerMessage<Uint8Array>[] = [];
  readonly whenTaken = vi.fn();
  readonly sendPiece = vi.fn();
  readonly close = vi.fn();
  readonly terminate = vi.fn();
  handlers: PeerHandlers | undefined;
  listen(handlers: PeerHandlers): void {
    this.handlers = handlers;
  }
  send(message: PeerMessage<Uint8Array>): void {
    this.sent.push(message);
  }
}

class Running {
  readonly schedule = new Schedule();
  readonly guest: GuestEnd;
  readonly driver: ReplicaDriver<State>;
  readonly told: ReplicaNews[] = [];
  readonly end = vi.fn();
  readonly claim = vi.fn();
  /** Of its host: threads that want to run, per processor. */
  crowding = 1;
  readonly bus = {
    bufferedBytes: 0,
    arrivedBytes: 0,
    sent: [] as ToBus[],
    send: (message: ToBus) => void this.bus.sent.push(message),
    terminate: vi.fn(),
  };
  readonly shared = new SharedBlock(SharedBlock.allocate(8192));
  /** What the guest thread has posted. */
  readonly states: State[] = [];
  /** One for each time that the bus was called. */
  readonly calls: BusHandlers[] = [];
  #rung: { readonly bell: number; readonly act: () => void } | undefined;

  constructor(incarnation: string, view: View | undefined, bounds = BOUNDS, suspicionMs = 1e9) {
    this.guest = new GuestEnd(this.shared, undefined, { ...bounds, gatheredBytes: 128 });
    const whenRung = (bell: number, act: () => void) => {
      this.#rung = { bell, act };
    };
    const port = { post: () => undefined, take: () => this.states.shift() };
    const parts = { shared: this.shared, port, allocate, timers: this.schedule, whenRung, bounds };
    this.driver = new ReplicaDriver<State>({
      channel: {
        incarnation,
        machine: 'm',
        view,
        operationIds: true,
        heartbeatMs: HEARTBEAT_MS,
        tickMs: HEARTBEAT_MS / 2,
        suspicionMs,
        startMs: 1e9,
        bounds,
      },
      ports: {
        timers: this.schedule,
        crowding: () => this.crowding,
        guest: new IoEnd<State>(parts, view === undefined),
        arbiter: { claim: this.claim, latest: () => undefined },
        connectBus: handlers => void this.calls.push(handlers),
        pieces: () => undefined,
        reader: () => ({ push: () => undefined, complete: false, finish: () => ({ position: 0 }) }),
        tell: news => void this.told.push(news),
        end: this.end,
        newClaim: () => 'claim',
      },
    });
    this.driver.start();
  }

  /** The bus answers the latest call, and serves this replica where it fences. */
  attach(): void {
    this.calls.at(-1)!.opened(this.bus);
    const fence = this.bus.sent.at(-1);
    if (fence?.type === 'fence')
      this.hear({ type: 'fenced', view: fence.view, streams: [], next: FIRST_OPENED_STREAM });
  }

  hear(message: FromBus): void {
    this.calls.at(-1)!.message(message);
  }

  add(peer: string): Peer {
    const link = new Peer();
    this.driver.addPeer(peer, link);
    return link;
  }

  /** The bell wakes the I/O thread, if it was rung. */
  wake(): void {
    const rung = this.#rung;
    if (rung === undefined || rung.bell === this.shared.words[WORD_TO_IO_BELL]) return;
    this.#rung = undefined;
    rung.act();
  }

  /** The guest puts out as much as it can: until it has to wait, and what makes it wait lasts. */
  flood(): void {
    let count = 0;
    for (let rounds = 0; rounds < 5; rounds++) {
      for (this.guest.makeRoom(); !this.guest.full && count < 1_000; count++)
        this.guest.output(0, text(100 * count, 100));
      this.wake();
    }
  }

  /** As its thread does it: each millisecond, for so long or until this replica ends. */
  guestTries(ms: number): void {
    for (let turns = 0; turns < ms && this.end.mock.calls.length === 0; turns++) {
      this.guest.makeRoom();
      this.wake();
      this.schedule.pass(1);
    }
  }

  /** The guest thread takes the snapshot that it is asked for. */
  takes(state: State): void {
    this.guest.tellNumber(RECORD_SNAPSHOT_SIZE, 8);
    this.states.push(state);
    this.guest.tellNumber(RECORD_SNAPSHOT, state.position);
    this.wake();
  }

  get outputs(): number {
    return this.bus.sent.filter(({ type }) => type === 'output').length;
  }
}

describe('what leaves is congested', () => {
  it('for a bus that takes nothing: the guest waits, and goes on when its buffer has emptied, without a word', () => {
    const running = new Running('A', ALONE);
    running.attach();
    running.bus.bufferedBytes = BOUNDS.unsentBytes + 1;
    running.flood();
    running.guestTries(20);
    expect(running.guest.full).toBe(true);
    expect(running.outputs).toBe(0);
    running.bus.bufferedBytes = 0;
    running.guestTries(5);
    expect(running.guest.full).toBe(false);
    expect(running.outputs).toBeGreaterThan(0);
  });

  it('for a backup that reads nothing: the guest waits', () => {
    const running = new Running('A', PAIR);
    const backup = running.add('B');
    running.attach();
    backup.bufferedBytes = BOUNDS.unsentBytes + 1;
    running.flood();
    running.guestTries(20);
    expect(running.guest.full).toBe(true);
    backup.bufferedBytes = 0;
    running.guestTries(5);
    expect(running.guest.full).toBe(false);
  });

  it('where a backup holds as much output as it may, until its primary says that it has left', () => {
    const running = new Running('B', PAIR, { ...BOUNDS, heldBytes: 1_000 });
    const primary = running.add('A');
    running.attach();
    running.flood();
    running.guestTries(20);
    expect(running.guest.full).toBe(true);
    expect(running.driver.channel.heldBytes).toBeLessThan(3_000);
    const confirmed = [{ stream: 1, offset: 1e6 }];
    const progress = { executed: 0, backlogBytes: 0 };
    for (let turns = 0; turns < 20; turns++) {
      primary.handlers!.message({ type: 'heartbeat', view: 1, bus: true, progress, left: 0, confirmed, settled: 0 });
      running.guestTries(1);
    }
    expect(running.guest.full).toBe(false);
  });
});

describe('the end', () => {
  it.each(['primary', 'backup'] as const)(
    'is reached by a %s at once, though all is congested and its guest has not come to its own',
    role => {
      const running =
        role === 'primary' ? new Running('A', ALONE) : new Running('B', PAIR, { ...BOUNDS, heldBytes: 500 });
      if (role === 'primary') running.bus.bufferedBytes = BOUNDS.unsentBytes + 1;
      else running.add('A');
      running.attach();
      running.flood();
      expect(running.guest.full).toBe(true);
      expect(running.end).not.toHaveBeenCalled();
      running.hear(FINISHED);
      expect(running.end.mock.calls).toEqual([[false]]);
      running.schedule.pass(LONG_MS);
      expect(running.end).toHaveBeenCalledTimes(1);
    },
  );

  it('of a replica that halts is said once, with its reason, and nothing that comes later changes it', () => {
    const running = new Running('A', ALONE);
    running.attach();
    running.hear({ type: 'stale', view: 1, current: 2 });
    running.hear(FINISHED);
    running.schedule.pass(LONG_MS);
    expect(running.told.map(({ type }) => type)).toEqual(['halted']);
    expect(running.end.mock.calls).toEqual([[true]]);
  });
});

describe('a snapshot that is kept', () => {
  const operation = (id: bigint): Output => {
    return {
      type: 'operation',
      operation: { id, device: 0, command: 0, argument: 0n, length: 0, data: new Uint8Array() },
    };
  };
  const answer = (id: bigint, status: number): FromBus => {
    return { type: 'interrupt', interrupt: { kind: 'completion', operation: id, status, data: new Uint8Array() } };
  };
  const confirmed = (offset: number): FromBus => ({ type: 'confirmed', stream: 1, offset });

  function keeping(awaited: readonly bigint[] = []) {
    const running = new Running('A', ALONE);
    running.attach();
    const kept: unknown[] = [];
    running.driver.takeToKeep({
      awaited: () => awaited,
      committed: ({ position }, statuses) => void kept.push({ position, statuses }),
      failed: ({ code }) => void kept.push(code),
    });
    return { running, kept };
  }

  it('is given out by the very event after which all that precedes it has left', () => {
    const { running, kept } = keeping();
    running.guest.output(5, text(0));
    running.guest.output(5, text(3));
    running.takes({ position: 5 });
    running.hear(confirmed(3));
    expect(kept).toEqual([]);
    running.hear(confirmed(6));
    expect(kept).toEqual([{ position: 5, statuses: [] }]);
  });

  it('is given out at once where nothing precedes it', () => {
    const { running, kept } = keeping();
    running.takes({ position: 5 });
    expect(kept).toEqual([{ position: 5, statuses: [] }]);
  });

  it('waits for the answers to what is outstanding in it, though nothing else is to leave', () => {
    const { running, kept } = keeping([1n, 2n]);
    running.guest.output(5, operation(1n));
    running.guest.output(5, operation(2n));
    running.wake();
    running.hear(answer(1n, 0));
    running.takes({ position: 5 });
    running.schedule.pass(10 * HEARTBEAT_MS);
    expect(running.driver.channel.left).toBe(Infinity);
    expect(kept).toEqual([]);
    running.hear(answer(2n, -28));
    const statuses = [
      [1n, 0],
      [2n, -28],
    ];
    expect(kept).toEqual([{ position: 5, statuses }]);
  });

  it('is given out before the end where the machine is over: nothing is answered any more', () => {
    const { running, kept } = keeping([1n]);
    running.guest.output(5, operation(1n));
    running.guest.output(5, { type: 'releaseInput', stream: 0, offset: 3 });
    running.takes({ position: 5 });
    expect(running.driver.channel.left).toBe(5);
    running.end.mockImplementation(() => kept.push('end'));
    running.hear(FINISHED);
    expect(kept).toEqual([{ position: 5, statuses: [] }, 'end']);
  });

  it('is not given out at the end of a machine that has gone on without what precedes it', () => {
    const { running, kept } = keeping();
    running.guest.output(5, text(0));
    running.takes({ position: 5 });
    running.hear(FINISHED);
    running.schedule.pass(LONG_MS);
    expect(running.end.mock.calls).toEqual([[false]]);
    expect(kept).toEqual([]);
  });

  it.each([
    ['because it was replaced', (running: Running) => running.hear({ type: 'stale', view: 1, current: 2 })],
    ['because of its guest thread', (running: Running) => running.driver.halt('GUEST_THREAD', 'words')],
  ])('is not given out by a replica that halts meanwhile, %s', (_, halts) => {
    const { running, kept } = keeping();
    running.guest.output(5, text(0));
    running.takes({ position: 5 });
    halts(running);
    running.hear(confirmed(3));
    running.hear(FINISHED);
    running.schedule.pass(LONG_MS);
    expect(running.end.mock.calls).toEqual([[true]]);
    expect(kept).toEqual([]);
  });
});

describe('a replica that joins', () => {
  const welcome: PeerMessage<Uint8Array> = { type: 'welcome', view: ALONE, position: 7 };
  const names = (number: number, backups: string[]): PeerMessage<Uint8Array> => {
    return { type: 'view', view: { ...ALONE, number, backups }, position: 7 };
  };

  it('tells that it is named when it hears of a view that names it, and not before', () => {
    const running = new Running('J', undefined);
    const primary = running.add('A');
    primary.handlers!.message(welcome);
    primary.handlers!.message(names(2, ['B']));
    expect(running.told).toEqual([]);
    expect(running.driver.isNamed).toBe(false);
    primary.handlers!.message(names(3, ['B', 'J']));
    expect(running.told).toEqual([{ type: 'named' }]);
    expect(running.driver.isNamed).toBe(true);
  });

  it('that was there from the beginning has nothing to tell: it never joined', () => {
    const running = new Running('B', PAIR);
    const view = { ...PAIR, number: 2 };
    running.add('A').handlers!.message({ type: 'view', view, position: 0 });
    expect(running.told).toEqual([]);
  });
});

describe('the bus', () => {
  it('is called again whenever a connection to it has ended, and fenced anew', () => {
    const running = new Running('A', ALONE);
    for (let calls = 1; calls <= 3; calls++) {
      expect(running.calls).toHaveLength(calls);
      running.attach();
      expect(running.bus.sent.filter(({ type }) => type === 'fence')).toHaveLength(calls);
      running.calls.at(-1)!.closed();
    }
  });

  it('that was lost is sent nothing', () => {
    const running = new Running('A', ALONE);
    running.attach();
    running.calls.at(-1)!.closed();
    running.guest.output(0, text(0));
    running.wake();
    expect(running.outputs).toBe(0);
    running.attach();
    expect(running.outputs).toBe(1);
  });

  it('is called no more once this replica is over', () => {
    const running = new Running('A', ALONE);
    running.attach();
    running.driver.halt('CODE', 'words');
    running.calls.at(-1)!.closed();
    expect(running.calls).toHaveLength(1);
  });
});

describe('time', () => {
  it('is judged after the sockets had their turn: what lies there was said', () => {
    for (const says of [true, false]) {
      const running = new Running('B', PAIR, BOUNDS, 50);
      const primary = running.add('A');
      running.attach();
      running.schedule.pass(46);
      running.schedule.stall(100);
      // After a while in which nobody had a turn the timer is the first, the socket the next.
      if (says) running.schedule.soon(() => primary.handlers!.message(heartbeat));
      running.schedule.pass(10);
      expect(running.claim, `says something: ${says}`).toHaveBeenCalledTimes(says ? 0 : 1);
    }
  });

  it('hears of what is long on its way, a message or a snapshot: it is no silence', () => {
    for (const arrives of [true, false]) {
      const running = new Running('B', PAIR, BOUNDS, 50);
      const primary = running.add('A');
      running.attach();
      for (let turn = 0; turn < 8; turn++) {
        if (arrives) primary.arrivedBytes += 1;
        running.schedule.pass(10);
      }
      expect(running.claim, `arrives: ${arrives}`).toHaveBeenCalledTimes(arrives ? 0 : 1);
    }
  });

  it('takes whole messages for no sign beside what they say', () => {
    const running = new Running('B', PAIR, BOUNDS, 50);
    const primary = running.add('A');
    running.attach();
    for (let turn = 0; turn < 20; turn++) {
      primary.arrivedBytes += 1;
      // CL: of an older view.
      primary.handlers!.message({ ...heartbeat, view: 0 });
      running.schedule.pass(5);
    }
    expect(running.claim).toHaveBeenCalledTimes(1);
  });

  it('gives up a bus that is silent, and none from which something comes', () => {
    for (const arrives of [true, false]) {
      const running = new Running('A', PAIR, BOUNDS, 50);
      const backup = running.add('B');
      running.attach();
      for (let turn = 0; turn < 20; turn++) {
        backup.handlers!.message(heartbeat);
        if (arrives) running.bus.arrivedBytes += 1;
        running.schedule.pass(10);
      }
      expect(running.bus.terminate, `arrives: ${arrives}`).toHaveBeenCalledTimes(arrives ? 0 : 1);
    }
  });

  it('is patient where its host is crowded, as that is at the time', () => {
    for (const [crowding, suspects] of [
      [1, true],
      [3, false],
    ] as const) {
      const running = new Running('B', PAIR, BOUNDS, 1_000);
      const primary = running.add('A');
      running.attach();
      for (let turn = 0; turn < 300; turn++) {
        primary.handlers!.message(heartbeat);
        running.hear({ type: 'heartbeat', taken: 0 });
        running.schedule.pass(HEARTBEAT_MS);
      }
      running.crowding = crowding;
      running.schedule.pass(300);
      expect(running.claim).toHaveBeenCalledTimes(suspects ? 1 : 0);
      running.schedule.pass(300);
      expect(running.claim).toHaveBeenCalledTimes(1);
    }
  });

  it('goes on twice a heartbeat from when the bus or another replica was there first, until the end', () => {
    const running = new Running('A', PAIR);
    const backup = running.add('B');
    const beats = () => backup.sent.filter(({ type }) => type === 'heartbeat').length;
    const before = beats();
    // A bus that is late, or is being started again, is no reason to suspect anybody (RB).
    running.schedule.pass(10 * HEARTBEAT_MS);
    expect(beats() - before).toBeGreaterThanOrEqual(9);
    running.attach();
    running.schedule.pass(10 * HEARTBEAT_MS);
    expect(beats() - before).toBeLessThanOrEqual(21);
    running.driver.stop();
    const after = beats();
    running.schedule.pass(10 * HEARTBEAT_MS);
    expect(beats()).toBe(after);
  });
});
