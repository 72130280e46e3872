// The I/O thread of a replica, with a guest thread and links that only note what they are told.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Arbiter } from '../../engine/arbiter/arbiter.js';
import type { Link, LinkHandlers } from '../../engine/channel/link.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { GuestState } from '../../engine/guest/guest-state.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { Replica } from '../../engine/replica/replica.js';
import {
  DEFAULT_TIMING,
  type FromReplica,
  type ReplicaConfiguration,
} from '../../engine/replica/replica-configuration.js';
import type { ThreadHost } from '../../engine/replica/thread-host.js';
import type { GuestListener } from '../../engine/threads/io-end.js';
import { encodePeer } from '../../engine/wire/packets.js';

const PAIR: View = { number: 1, machine: 'm', primary: 'A', backups: ['B'], claim: 'first' };
const ALONE: View = { ...PAIR, backups: [] };
const ORIGIN = { guest: '/g.wasm', devices: [] };

/** Answers nothing. */
class Thread {
  readonly positions = new Float64Array(16);
  readonly told: string[] = [];
  listener: GuestListener<GuestState> | undefined;
  listen(listener: GuestListener<GuestState>): void {
    this.listener = listener;
  }
  begin = () => void this.told.push('begin');
  restore = () => void this.told.push('restore');
  setAcknowledged = () => undefined;
  setThrottle = () => undefined;
  sendLog = () => undefined;
  requestSnapshot = () => void this.told.push('requestSnapshot');
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

function replica(incarnation: string, view: View | undefined) {
  const thread = new Thread();
  const told: FromReplica[] = [];
  const claim = vi.fn(async () => ({ result: 'unreachable', reason: 'nobody is there' }));
  const configuration = {
    machine: 'm',
    incarnation,
    ...(view === undefined ? {} : { view }),
    options: { operationIds: true },
    timing: DEFAULT_TIMING,
    backupsWanted: 1,
  } as ReplicaConfiguration;
  const it = new Replica({
    configuration,
    thread: thread as unknown as ThreadHost,
    arbiter: { claim, latest: async () => undefined } as unknown as Arbiter,
    tell: message => told.push(message),
    end: () => undefined,
  });
  const add = (peer: string, again?: () => void) => {
    const wire = new Wire();
    it.addPeer(peer, wire as unknown as Link, again);
    return wire;
  };
  return { it, thread, told, claim, add };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

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

describe('a guest that has ended', () => {
  it('is not waited for: a snapshot that is asked for now is refused at once', () => {
    const { it: primary, thread, told } = replica('A', ALONE);
    thread.listener!.ended();
    primary.save({ type: 'save', request: 1, file: '/nowhere/s', temporary: '/nowhere/s.tmp', origin: ORIGIN });
    expect(told).toMatchObject([{ type: 'saved', request: 1, error: { code: 'SNAPSHOT_FAILED' } }]);
    expect(thread.told).not.toContain('requestSnapshot');
  });
});
