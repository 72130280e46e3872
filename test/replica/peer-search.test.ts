// Whom a replica calls, by the records at the arbiter, and when it stops to look.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryArbiter } from '../../engine/arbiter/memory-arbiter.js';
import type { Link } from '../../engine/channel/link.js';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { View } from '../../engine/protocol/vocabulary.js';
import { PeerSearch } from '../../engine/replica/peer-search.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const viewOf = (primary: string, ...backups: string[]): View => {
  return { number: 1, machine: 'm', primary, backups, claim: 'c' };
};

/** Ports, by address: who answers there. */
class Host {
  readonly arbiter = new MemoryArbiter();
  readonly reads = vi.spyOn(this.arbiter, 'members');
  readonly ports = new Map<string, Searcher>();
  readonly calls: string[] = [];
}

class Searcher {
  readonly met: string[] = [];
  readonly ended: string[] = [];
  readonly failed = vi.fn();
  again: (() => void) | undefined;
  readonly search: PeerSearch;

  readonly host: Host;
  readonly name: string;
  readonly address: string;
  view: View | undefined;

  constructor(host: Host, name: string, view: View | undefined, address = `ws://h:${name}`) {
    this.host = host;
    this.name = name;
    this.view = view;
    this.address = address;
    const { arbiter } = host;
    this.search = new PeerSearch({
      machine: 'm',
      incarnation: name,
      arbiter,
      timers: { after: (delayMs, act) => void setTimeout(act, delayMs) },
      view: () => this.view,
      call: async to => {
        host.calls.push(`${name} calls ${to}`);
        const other = host.ports.get(to);
        if (other === undefined) throw new EpochvisorError('PEER_UNREACHABLE', `nobody is at ${to}`);
        other.search.called(this.#link(name));
        return this.#link(other.name);
      },
      found: (peer, _, again) => {
        this.met.push(peer);
        this.again = again;
      },
      failed: this.failed,
    });
  }

  #link(incarnation: string): Link {
    const close = async () => void this.ended.push(incarnation);
    return { peer: { incarnation }, close } as unknown as Link;
  }

  start(): this {
    this.host.ports.set(this.address, this);
    this.search.start(this.address);
    return this;
  }
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

describe('replicas of one view', () => {
  test('find each other: the later calls the earlier, once, and nobody reads on', async () => {
    const host = new Host();
    const view = viewOf('a', 'b');
    const a = new Searcher(host, 'a', view).start();
    await settle(500);
    const b = new Searcher(host, 'b', view).start();
    await settle(2_000);
    expect(host.calls).toEqual(['b calls ws://h:a']);
    expect([a.met, b.met]).toEqual([['b'], ['a']]);
    host.reads.mockClear();
    await settle(60_000);
    expect(host.reads).not.toHaveBeenCalled();
  });

  test('find each other where all are announced at once, by one call each', async () => {
    const host = new Host();
    const view = viewOf('a', 'b', 'c');
    const all = ['b', 'c', 'a'].map(name => new Searcher(host, name, view).start());
    await settle(5_000);
    expect(host.calls).toHaveLength(3);
    for (const one of all) expect(one.met).toHaveLength(2);
  });

  test('who look for one of them do not call the others again', async () => {
    const host = new Host();
    const view = viewOf('a', 'b', 'c');
    new Searcher(host, 'a', view).start();
    await settle();
    const c = new Searcher(host, 'c', view).start();
    await settle(3_000);
    expect(host.calls).toEqual(['c calls ws://h:a']);
    new Searcher(host, 'b', view).start();
    await settle(2_000);
    expect(host.calls).toHaveLength(3);
    expect(c.met).toEqual(['a', 'b']);
  });

  test('look again later each time, at least once a second, for one that does not come', async () => {
    const host = new Host();
    new Searcher(host, 'a', viewOf('a', 'b')).start();
    await settle(640);
    // At once, and after 10, 50 and 210 ms.
    expect(host.reads).toHaveBeenCalledTimes(4);
    await settle(10_000);
    expect(host.reads.mock.calls.length).toBeGreaterThanOrEqual(4 + 9);
    expect(host.reads.mock.calls.length).toBeLessThanOrEqual(4 + 11);
  });

  test('do not search again for one whose link has ended: it is suspected', async () => {
    const host = new Host();
    const view = viewOf('a', 'b');
    new Searcher(host, 'a', view).start();
    await settle();
    new Searcher(host, 'b', view).start();
    await settle(2_000);
    host.reads.mockClear();
    host.ports.delete('ws://h:b');
    await settle(10_000);
    expect(host.reads).not.toHaveBeenCalled();
  });

  test('look for one that a new view names', async () => {
    const host = new Host();
    const a = new Searcher(host, 'a', viewOf('a')).start();
    await settle(5_000);
    await host.arbiter.announce('m', { incarnation: 'early', kind: 'replica', address: 'ws://h:early' });
    const b = new Searcher(host, 'b', viewOf('b'), 'ws://h:b').start();
    await settle(5_000);
    expect(b.met).toEqual([]);
    b.view = viewOf('a', 'b');
    b.search.look();
    await settle();
    expect([a.met, b.met]).toEqual([['b'], ['a']]);
  });

  test('where there is nobody else, reads nothing but to be announced', async () => {
    const host = new Host();
    new Searcher(host, 'a', viewOf('a')).start();
    await settle(60_000);
    expect(host.reads.mock.calls.length).toBeLessThanOrEqual(1);
    expect(await host.arbiter.members('m')).toMatchObject([{ incarnation: 'a', address: 'ws://h:a' }]);
  });
});

describe('a replica that joins', () => {
  async function running(host: Host): Promise<Searcher> {
    await host.arbiter.claim(viewOf('a'));
    const a = new Searcher(host, 'a', viewOf('a')).start();
    await settle();
    return a;
  }

  test('calls everyone, others who join too, and the dead no more than once', async () => {
    const host = new Host();
    await host.arbiter.announce('m', { incarnation: 'dead', kind: 'replica', address: 'ws://h:dead' });
    await host.arbiter.announce('m', { incarnation: 'bus-1', kind: 'bus', address: 'ws://h:bus' });
    await running(host);
    const j = new Searcher(host, 'j', undefined).start();
    await settle();
    const k = new Searcher(host, 'k', undefined).start();
    await settle(10_000);
    expect(j.met).toEqual(['a', 'k']);
    expect(new Set(k.met)).toEqual(new Set(['a', 'j']));
    expect(host.calls.filter(call => call.endsWith('dead'))).toHaveLength(2);
    expect(host.calls.filter(call => call.endsWith('bus'))).toEqual([]);
  });

  test('goes on to look while the one that it is to join does not answer', async () => {
    const host = new Host();
    await running(host);
    const a = host.ports.get('ws://h:a')!;
    host.ports.clear();
    const j = new Searcher(host, 'j', undefined).start();
    await settle(3_000);
    expect(j.met).toEqual([]);
    expect(host.calls.length).toBeGreaterThan(3);
    host.ports.set('ws://h:a', a);
    await settle(1_000);
    expect(j.met).toEqual(['a']);
  });

  test('calls again whom it lost before it was welcomed', async () => {
    const host = new Host();
    await running(host);
    const j = new Searcher(host, 'j', undefined).start();
    await settle();
    j.again!();
    await settle();
    expect(j.met).toEqual(['a', 'a']);
  });

  test('does not take another for the dead whose port that one has', async () => {
    const host = new Host();
    await host.arbiter.announce('m', { incarnation: 'dead', kind: 'replica', address: 'ws://h:1' });
    await host.arbiter.claim(viewOf('dead', 'a'));
    // Not announced yet: nothing but its hello says who has the port.
    const a = new Searcher(host, 'a', viewOf('a'), 'ws://h:1');
    host.ports.set('ws://h:1', a);
    const j = new Searcher(host, 'j', undefined).start();
    await settle();
    expect(host.calls).toEqual(['j calls ws://h:1']);
    expect([j.met, j.ended]).toEqual([[], ['a']]);
    // Announced, it is known to have the port.
    await host.arbiter.announce('m', { incarnation: 'z', kind: 'replica', address: 'ws://h:1' });
    await settle(5_000);
    expect(host.calls).toHaveLength(1);
  });

  test('does not take itself for the dead whose port it has', async () => {
    const host = new Host();
    const j = new Searcher(host, 'j', undefined).start();
    j.search.called({ peer: { incarnation: 'j' }, close: async () => void j.ended.push('j') } as unknown as Link);
    expect([j.met, j.ended]).toEqual([[], ['j']]);
  });
});

describe('a spare', () => {
  async function withSpare(): Promise<{ host: Host; spare: Searcher; late: Searcher }> {
    const host = new Host();
    await host.arbiter.claim(viewOf('a'));
    new Searcher(host, 'a', viewOf('a')).start();
    await settle();
    const spare = new Searcher(host, 'spare', undefined).start();
    await settle();
    const late = new Searcher(host, 'z-late', undefined).start();
    await settle(5_000);
    return { host, spare, late };
  }

  test('calls those whom the view has come to name, though they were announced after it', async () => {
    const { host, spare, late } = await withSpare();
    expect(spare.met).toEqual(['a', 'z-late']);
    late.view = { ...viewOf('a', 'z-late'), number: 2 };
    await host.arbiter.claim(late.view);
    host.calls.length = 0;
    // The link that the other had made has ended, and the other calls nobody any more who is not of its view.
    spare.again!();
    await settle(5_000);
    expect(host.calls).toEqual(['spare calls ws://h:z-late']);
    expect(spare.search.isAlone).toBe(false);
  });

  test('does not call one that is to call it', async () => {
    const { host, spare } = await withSpare();
    host.calls.length = 0;
    spare.again!();
    await settle(5_000);
    expect(host.calls).toEqual([]);
  });

  test('is alone while nobody of the view answers, however many other spares do', async () => {
    const { host, spare } = await withSpare();
    expect(spare.search.isAlone).toBe(false);
    await host.arbiter.claim({ ...viewOf('gone', 'gone too'), number: 2 });
    spare.search.look();
    await settle(1_000);
    expect(spare.search.isAlone).toBe(true);
  });

  test('calls everybody, and is not alone, while the machine has no view', async () => {
    const host = new Host();
    await host.arbiter.claim({ ...viewOf(''), number: 0 });
    new Searcher(host, 'a', undefined).start();
    await settle();
    const b = new Searcher(host, 'b', undefined).start();
    await settle(3_000);
    expect(host.calls).toEqual(['b calls ws://h:a']);
    expect(b.search.isAlone).toBe(false);
  });
});

test('records that are corrupt are the end of the search, which says so', async () => {
  const host = new Host();
  const corrupt = new EpochvisorError('MEMBER_CORRUPT', 'a.json is not a member record');
  host.reads.mockRejectedValue(corrupt);
  const a = new Searcher(host, 'a', viewOf('a', 'b')).start();
  await settle(5_000);
  expect(a.failed.mock.calls).toEqual([[corrupt]]);
});

test('an arbiter out of reach is asked again, and the replica announced when it is back', async () => {
  const host = new Host();
  const unreachable = async () => {
    throw new EpochvisorError('ARBITER_UNREACHABLE', 'away');
  };
  const announce = vi.spyOn(host.arbiter, 'announce').mockImplementation(unreachable);
  const view = viewOf('a', 'b');
  const a = new Searcher(host, 'a', view).start();
  const b = new Searcher(host, 'b', view).start();
  await settle(1_000);
  expect(a.met).toEqual([]);
  announce.mockRestore();
  await settle(2_000);
  expect([a.met, b.met]).toEqual([['b'], ['a']]);
});
