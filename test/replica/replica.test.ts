// The I/O thread of a replica, with a guest thread and links that only note what they are told.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DIRECTORY_CHANGE } from '../../devices/directory/directory-commands.js';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import type { Member } from '../../engine/arbiter/members.js';
import type { Link, LinkHandlers } from '../../engine/channel/link.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { GuestState, MachineSnapshot } from '../../engine/guest/guest-state.js';
import type { FromBus, ToBus } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type Operation, type View } from '../../engine/protocol/vocabulary.js';
import { Replica } from '../../engine/replica/replica.js';
import {
  DEFAULT_TIMING,
  type FromReplica,
  type ReplicaConfiguration,
} from '../../engine/replica/replica-configuration.js';
import type { ThreadHost } from '../../engine/replica/thread-host.js';
import type { GuestListener } from '../../engine/threads/io-end.js';
import type { SnapshotRequest } from '../../engine/threads/snapshot-io-end.js';
import { encodePeer } from '../../engine/wire/packets.js';

const PAIR: View = { number: 1, machine: 'm', primary: 'A', backups: ['B'], claim: 'first' };
const ALONE: View = { ...PAIR, backups: [] };
const ORIGIN = { guest: '/g.wasm', devices: [] };

const BUS: Member = { incarnation: 'bus', kind: 'bus', address: 'ws://127.0.0.1:1', number: 1 };

/** Answers nothing. */
class Thread {
  readonly positions = new Float64Array(16);
  readonly told: string[] = [];
  readonly requests: SnapshotRequest<GuestState>[] = [];
  listener: GuestListener | undefined;
  listen(listener: GuestListener): void {
    this.listener = listener;
  }
  begin = () => void this.told.push('begin');
  restore = () => void this.told.push('restore');
  setAcknowledged = () => undefined;
  setThrottle = () => undefined;
  sendLog = () => undefined;
  sendInterrupt = () => undefined;
  requestSnapshot = (request: SnapshotRequest<GuestState>) => void this.requests.push(request);
  drain = () => undefined;
}

class Wire {
  readonly bufferedBytes = 0;
  handlers: LinkHandlers | undefined;
  listen(handlers: LinkHandlers): void {
    this.handlers = handlers;
  }
  send = () => true;
  terminate = vi.fn();
  end(): void {
    this.handlers!.closed(new EpochvisorError('LINK_CLOSED', 'gone'), 1000, '');
  }
}

interface BusListening {
  readonly message: (message: FromBus) => void;
  readonly closed: () => void;
}

class Bus {
  readonly bufferedBytes = 0;
  readonly sent: ToBus[] = [];
  handlers: BusListening | undefined;
  listen(handlers: BusListening): void {
    this.handlers = handlers;
  }
  send = (message: ToBus) => void this.sent.push(message);
  terminate = () => undefined;
  hear(message: FromBus): void {
    this.handlers!.message(message);
  }
}

let bus: Bus;
/** Where it was called. */
let called: string[];
vi.mock('../../engine/bus/client.js', () => ({
  BusClient: {
    connect: async ({ address }: { readonly address: string }) => {
      called.push(address);
      return bus;
    },
  },
}));

const write = vi.hoisted(() =>
  vi.fn(async (_file: string, _temporary: string, _snapshot: MachineSnapshot): Promise<void> => undefined),
);
vi.mock('../../engine/replica/snapshot-file.js', () => ({ writeSnapshotFile: write }));

function replica(incarnation: string, view: View | undefined, options: object = {}, signal?: AbortSignal) {
  const thread = new Thread();
  const told: FromReplica[] = [];
  const end = vi.fn();
  const claim = vi.fn(async () => ({ result: 'unreachable', reason: 'nobody is there' }));
  const configuration = {
    machine: 'm',
    incarnation,
    ...(view === undefined ? {} : { view }),
    options: { operationIds: true, ...options },
    timing: DEFAULT_TIMING,
    backupsWanted: 1,
  } as ReplicaConfiguration;
  const members = vi.fn(async (): Promise<Member[]> => [BUS]);
  const it = new Replica({
    configuration,
    thread: thread as unknown as ThreadHost,
    arbiter: { claim, latest: async () => undefined, members } as unknown as Arbiter,
    tell: message => told.push(message),
    end,
    ...(signal === undefined ? {} : { signal }),
  });
  const add = (peer: string, again?: () => void) => {
    const wire = new Wire();
    it.addPeer(peer, wire as unknown as Link, again);
    return wire;
  };
  return { it, thread, told, claim, end, add, members };
}

beforeEach(() => {
  vi.useFakeTimers();
  bus = new Bus();
  called = [];
  write.mockClear();
});
afterEach(() => void vi.useRealTimers());

describe('a replica that is no process', () => {
  it.each(['before its start', 'within its start', 'after its start'])('that dies %s leaves no timer', when => {
    const abort = new AbortController();
    const { it, add, members } = replica('A', PAIR, {}, abort.signal);
    add('B');
    // What asks the arbiter may find that its guest has died.
    members.mockImplementation(async () => {
      if (when === 'within its start') abort.abort();
      return [BUS];
    });
    if (when === 'before its start') abort.abort();
    it.start();
    if (when === 'after its start') abort.abort();
    vi.advanceTimersByTime(1_000);
    expect(it.isOver).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a replica that joins', () => {
  it('does not let its guest begin when another connects, before it has a state', () => {
    const { thread, add } = replica('J', undefined);
    add('A').handlers!.message(encodePeer({ type: 'welcome', view: ALONE, position: 7 }));
    add('K');
    expect(thread.told).toEqual([]);
  });

  it('connects again to whom it lost before it was welcomed, and not afterwards', () => {
    const { add } = replica('J', undefined);
    const again = vi.fn();
    add('A', again).end();
    expect(again).toHaveBeenCalledTimes(1);
    const wire = add('A', again);
    wire.handlers!.message(encodePeer({ type: 'welcome', view: ALONE, position: 7 }));
    wire.end();
    expect(again).toHaveBeenCalledTimes(1);
  });
});

describe('a connection that is replaced', () => {
  it('has ended: what was sent on it may not have arrived', () => {
    const { claim, add } = replica('A', PAIR);
    const first = add('B');
    add('B');
    expect(first.terminate).toHaveBeenCalledTimes(1);
    expect(claim).toHaveBeenCalledTimes(1);
  });

  it('does not end the one that stands', () => {
    const { add } = replica('J', undefined);
    const again = vi.fn();
    const first = add('A', again);
    const second = add('A', again);
    first.end();
    expect(again).not.toHaveBeenCalled();
    second.end();
    expect(again).toHaveBeenCalledTimes(1);
  });
});

describe('the bus', () => {
  const unreachable = async () => {
    throw new EpochvisorError('ARBITER_UNREACHABLE', 'nobody is there');
  };

  it('is called where it was announced last', async () => {
    const { it: primary, members } = replica('A', ALONE);
    primary.start();
    await vi.waitFor(() => expect(bus.handlers).toBeDefined());
    members.mockResolvedValue([BUS, { ...BUS, incarnation: 'bus-2', address: 'ws://127.0.0.1:2', number: 2 }]);
    bus.handlers!.closed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(called).toEqual(['ws://127.0.0.1:1', 'ws://127.0.0.1:2']);
  });

  it.each([
    ['the arbiter is out of reach', unreachable],
    ['its record has lapsed', async () => []],
  ])('is called where it was, if %s', async (_, answer) => {
    const { it: primary, members } = replica('A', ALONE);
    members.mockImplementationOnce(answer);
    primary.start();
    await vi.advanceTimersByTimeAsync(50);
    expect(called, 'it was nowhere yet').toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(called).toEqual([BUS.address]);
    members.mockImplementation(answer);
    bus.handlers!.closed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(called).toEqual([BUS.address, BUS.address]);
  });
});

describe('a snapshot to a file', () => {
  const SAVE = { type: 'save', request: 1, file: '/f', temporary: '/f.tmp', origin: ORIGIN } as const;
  const change = (id: bigint): Operation => {
    return { id, device: 0x200, command: DIRECTORY_CHANGE, argument: 0n, length: 0, data: new Uint8Array() };
  };
  /** What a WASI program holds that has asked for changes of folders, and has no answer. */
  const stateWith = (...ids: bigint[]) =>
    ({
      devices: {
        version: 1,
        operations: { started: ids.map(id => ({ owner: { volume: 0, inode: 0 }, operation: change(id) })) },
      },
    }) as unknown as GuestState;

  it('that cannot be taken is told of with the reason', () => {
    const { it: primary, thread, told } = replica('A', ALONE);
    primary.save(SAVE);
    thread.requests[0]!.failed(new EpochvisorError('NOT_SNAPSHOTABLE', 'words', 'a hint'));
    const error = { code: 'NOT_SNAPSHOTABLE', message: 'words', hint: 'a hint' };
    expect(told).toEqual([{ type: 'saved', request: 1, error }]);
    expect(write).not.toHaveBeenCalled();
  });

  it('of a program is written when its changes of folders are answered, and holds how they ended', async () => {
    const { it: primary, thread, told } = replica('A', ALONE, { wasi: {} });
    primary.start();
    await vi.waitFor(() => expect(bus.handlers).toBeDefined());
    bus.hear({ type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM });
    thread.listener!.output(5, { type: 'operation', operation: change(7n) });
    thread.listener!.drained(5);
    primary.save(SAVE);
    thread.requests[0]!.taken(5, stateWith(7n));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(write).not.toHaveBeenCalled();
    bus.hear({
      type: 'interrupt',
      interrupt: { kind: 'completion', operation: 7n, status: -28, data: new Uint8Array() },
    });
    await vi.waitFor(() => expect(told).toContainEqual({ type: 'saved', request: 1 }));
    expect(write.mock.calls).toMatchObject([['/f', '/f.tmp', { origin: { ...ORIGIN, statuses: [[7n, -28]] } }]]);
  });

  it('of a guest that is no program awaits no folders', async () => {
    const { it: primary, thread, told } = replica('A', ALONE);
    primary.save(SAVE);
    thread.requests[0]!.taken(5, { devices: 'of another kind' } as GuestState);
    await vi.waitFor(() => expect(told).toEqual([{ type: 'saved', request: 1 }]));
    expect(write.mock.calls).toMatchObject([['/f', '/f.tmp', { origin: { statuses: [] } }]]);
  });

  it('that cannot be written is told of', async () => {
    const { it: primary, thread, told } = replica('A', ALONE);
    write.mockRejectedValueOnce(new EpochvisorError('SNAPSHOT_FILE', 'words', 'a hint'));
    primary.save(SAVE);
    thread.requests[0]!.taken(5, {} as GuestState);
    await vi.waitFor(() => expect(told).toMatchObject([{ type: 'saved', error: { code: 'SNAPSHOT_FILE' } }]));
  });

  it('is written before a replica whose machine is over ends', async () => {
    const { it: primary, thread, told, end } = replica('A', ALONE);
    primary.start();
    await vi.waitFor(() => expect(bus.handlers).toBeDefined());
    let written: () => void = () => undefined;
    write.mockImplementationOnce(() => new Promise(resolve => (written = resolve)));
    primary.save(SAVE);
    thread.requests[0]!.taken(5, {} as GuestState);
    await vi.waitFor(() => expect(write).toHaveBeenCalled());
    bus.hear({ type: 'finished', outcome: { kind: 'exit', status: 0 } });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(end).not.toHaveBeenCalled();
    written();
    await vi.waitFor(() => expect(end).toHaveBeenCalledWith(false));
    expect(told).toContainEqual({ type: 'saved', request: 1 });
  });
});
