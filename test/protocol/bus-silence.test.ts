// When a primary gives up a bus from which it hears nothing.

import { describe, expect, it } from 'vitest';
import { Channel, type ChannelEffect } from '../../engine/protocol/channel.js';
import { FIRST_OPENED_STREAM } from '../../engine/protocol/vocabulary.js';

function primary(backups = ['b']) {
  const view = { number: 1, machine: 'm', primary: 'a', backups, claim: 'first' };
  const timing = { heartbeatMs: 100, tickMs: 50, suspicionMs: 1000, startMs: 1000, nowMs: 0 };
  const channel = new Channel<string>({
    incarnation: 'a',
    machine: 'm',
    view,
    operationIds: true,
    ...timing,
    newClaim: () => 'c',
  });
  channel.step({ type: 'peerOpened', peer: 'b', nowMs: 0 });
  channel.step({ type: 'busOpened', nowMs: 0 });
  channel.step({ type: 'bus', message: { type: 'fenced', view: 1, streams: [], next: FIRST_OPENED_STREAM }, nowMs: 0 });
  return channel;
}

/** The backup is alive, and says whether it has the bus. */
function heartbeat(channel: Channel<string>, nowMs: number, bus: boolean) {
  const progress = { executed: 0, backlogBytes: 0 };
  const message = { type: 'heartbeat', view: 1, bus, progress, left: 0, confirmed: [], settled: 0 } as const;
  return channel.step({ type: 'peer', peer: 'b', message, nowMs });
}

/** Time goes on as it does where nothing keeps this replica from its turn; what the last tick led to. */
function ticks(channel: Channel<string>, fromMs: number, untilMs: number) {
  for (let nowMs = fromMs + 50; nowMs < untilMs; nowMs += 50) channel.step({ type: 'tick', nowMs, crowding: 1 });
  return channel.step({ type: 'tick', nowMs: untilMs, crowding: 1 });
}

/** Time goes on, with the words of the bus and of a backup that says whether it hears it, where they come. */
function live(
  channel: Channel<string>,
  fromMs: number,
  untilMs: number,
  heard: { bus: boolean; backup?: boolean | undefined },
) {
  const effects: ChannelEffect<string>[] = [];
  for (let nowMs = fromMs + 50; nowMs <= untilMs; nowMs += 50) {
    if (heard.bus) effects.push(...channel.step({ type: 'bus', message: { type: 'heartbeat', taken: 0 }, nowMs }));
    if (heard.backup !== undefined) effects.push(...heartbeat(channel, nowMs, heard.backup));
    effects.push(...channel.step({ type: 'tick', nowMs, crowding: 1 }));
  }
  return effects;
}

const typesOf = (effects: readonly { readonly type: string }[]) => effects.map(effect => effect.type);

describe('a bus that is silent', () => {
  it('is given up after the suspicion time, once', () => {
    const channel = primary();
    expect(typesOf(ticks(channel, 0, 950))).not.toContain('dropBus');
    heartbeat(channel, 950, true);
    expect(typesOf(channel.step({ type: 'tick', nowMs: 999, crowding: 1 }))).not.toContain('dropBus');
    expect(typesOf(channel.step({ type: 'tick', nowMs: 1000, crowding: 1 }))).toContain('dropBus');
    expect(typesOf(channel.step({ type: 'tick', nowMs: 1100, crowding: 1 }))).not.toContain('dropBus');
  });

  it('is not silent while it sends heartbeats', () => {
    const channel = primary();
    ticks(channel, 0, 900);
    channel.step({ type: 'bus', message: { type: 'heartbeat', taken: 0 }, nowMs: 900 });
    heartbeat(channel, 950, true);
    expect(typesOf(ticks(channel, 900, 1850))).not.toContain('dropBus');
  });

  it('that the backup has found since is waited for, as long as a suspicion takes; then it is the end of this primary', () => {
    const channel = primary();
    live(channel, 0, 2000, { bus: false, backup: false });
    expect(typesOf(live(channel, 2000, 2950, { bus: false, backup: true }))).not.toContain('halt');
    expect(live(channel, 2950, 3150, { bus: false, backup: true })).toContainEqual(
      expect.objectContaining({ type: 'halt', code: 'BUS_LOST' }),
    );
  });

  it('that nobody hears is waited for', () => {
    expect(typesOf(live(primary(), 0, 20_000, { bus: false, backup: false }))).not.toContain('halt');
  });
});

describe('a path to the bus that is cut, after seconds in which all was heard', () => {
  const known = () => {
    const channel = primary();
    expect(typesOf(live(channel, 0, 5000, { bus: true, backup: true }))).not.toContain('dropBus');
    return channel;
  };

  it('is given up after some heartbeats', () => {
    const channel = known();
    expect(typesOf(live(channel, 5000, 5450, { bus: false, backup: false }))).not.toContain('dropBus');
    expect(typesOf(live(channel, 5450, 5550, { bus: false, backup: false }))).toContain('dropBus');
  });

  it('is the end of this primary as soon, where the backup has heard the bus all the time', () => {
    const effects = live(known(), 5000, 5600, { bus: false, backup: true });
    expect(effects).toContainEqual(expect.objectContaining({ type: 'halt', code: 'BUS_LOST' }));
  });

  it('is not, where the backup has missed the bus, too, meanwhile', () => {
    const channel = known();
    live(channel, 5000, 5300, { bus: false, backup: true });
    live(channel, 5300, 5400, { bus: false, backup: false });
    expect(typesOf(live(channel, 5400, 6350, { bus: false, backup: true }))).not.toContain('halt');
  });

  it('is not, where the backup has said nothing since', () => {
    const channel = known();
    channel.step({ type: 'peerClosed', peer: 'b', reason: 'gone', nowMs: 5000 });
    expect(typesOf(live(channel, 5000, 7000, { bus: false, backup: undefined }))).not.toContain('halt');
  });

  it('is not for what the backup had said before: it may be the path of both that is cut', () => {
    const effects = live(known(), 5000, 5600, { bus: false, backup: undefined });
    expect(typesOf(effects)).toContain('dropBus');
    expect(typesOf(effects)).not.toContain('halt');
  });

  it('is not, while a claim of its own is out: the answer decides', () => {
    const channel = primary(['b', 'c']);
    channel.step({ type: 'peerOpened', peer: 'c', nowMs: 0 });
    live(channel, 0, 5000, { bus: true, backup: true });
    channel.step({ type: 'peerClosed', peer: 'c', reason: 'gone', nowMs: 5000 });
    expect(typesOf(live(channel, 5000, 8000, { bus: false, backup: true }))).not.toContain('halt');
  });

  it('is not, where its connection has ended: the bus may have been started again', () => {
    const channel = known();
    channel.step({ type: 'busClosed', nowMs: 5000 });
    expect(typesOf(live(channel, 5000, 5950, { bus: false, backup: true }))).not.toContain('halt');
    expect(typesOf(live(channel, 5950, 6150, { bus: false, backup: true }))).toContain('halt');
  });

  it('is not, where the next connection had an end again', () => {
    const channel = known();
    live(channel, 5000, 5600, { bus: false, backup: false });
    channel.step({ type: 'busOpened', nowMs: 5600 });
    live(channel, 5600, 10_000, { bus: true, backup: true });
    channel.step({ type: 'busClosed', nowMs: 10_000 });
    expect(typesOf(live(channel, 10_000, 10_950, { bus: false, backup: true }))).not.toContain('halt');
  });

  it('is looked for with more patience the next time', () => {
    const channel = known();
    live(channel, 5000, 5600, { bus: false, backup: false });
    channel.step({ type: 'busOpened', nowMs: 5600 });
    expect(typesOf(live(channel, 5600, 6550, { bus: false, backup: false }))).not.toContain('dropBus');
    expect(typesOf(live(channel, 6550, 6650, { bus: false, backup: false }))).toContain('dropBus');
  });
});

describe('a bus that falls silent while a new primary collects', () => {
  it('is no end of it: who has offered what it has is waited for first', () => {
    const view = { number: 1, machine: 'm', primary: 'a', backups: ['b', 'c'], claim: 'first' };
    const channel = new Channel<string>({
      ...{ incarnation: 'b', machine: 'm', view, operationIds: true, newClaim: () => 'c' },
      ...{ heartbeatMs: 100, tickMs: 50, suspicionMs: 1000, startMs: 1000, nowMs: 0 },
    });
    const progress = { executed: 0, backlogBytes: 0 };
    const word = { type: 'heartbeat', bus: true, progress, left: 0, confirmed: [], settled: 0 } as const;
    const passes = (fromMs: number, untilMs: number, number: number, hears: (nowMs: number) => boolean) => {
      const effects: ChannelEffect<string>[] = [];
      for (let nowMs = fromMs + 50; nowMs <= untilMs; nowMs += 50) {
        for (const peer of number === 1 ? ['a', 'c'] : ['c'])
          effects.push(...channel.step({ type: 'peer', peer, message: { ...word, view: number }, nowMs }));
        if (hears(nowMs))
          effects.push(...channel.step({ type: 'bus', message: { type: 'heartbeat', taken: 0 }, nowMs }));
        effects.push(...channel.step({ type: 'tick', nowMs, crowding: 1 }));
      }
      return effects;
    };
    for (const peer of ['a', 'c']) channel.step({ type: 'peerOpened', peer, nowMs: 0 });
    channel.step({ type: 'busOpened', nowMs: 0 });
    passes(0, 5000, 1, () => true);
    const claims = channel.step({ type: 'peerClosed', peer: 'a', reason: 'gone', nowMs: 5000 });
    const won = claims.flatMap(effect => (effect.type === 'claim' ? [effect.view] : []));
    channel.step({ type: 'claimed', view: won[0]!, answer: { result: 'won' }, nowMs: 5000 });
    const effects = passes(5000, 5950, 2, nowMs => nowMs <= 5100);
    expect(typesOf(effects)).toContain('dropBus');
    expect(typesOf(effects)).not.toContain('halt');
    expect(typesOf(passes(5950, 7000, 2, () => false))).toContain('promote');
  });
});

describe('a heartbeat', () => {
  it('says that its sender hears the bus only while it does', () => {
    const channel = primary();
    const told = (fromMs: number, untilMs: number, bus: boolean) =>
      live(channel, fromMs, untilMs, { bus, backup: true }).flatMap(effect =>
        effect.type === 'sendPeer' && effect.message.type === 'heartbeat' ? [effect.message.bus] : [],
      );
    expect(told(0, 1000, true)).not.toContain(false);
    expect(told(1000, 1200, false)).not.toContain(false);
    expect(told(1300, 1450, false)).not.toContain(true);
    expect(told(1450, 1600, true).at(-1)).toBe(true);
  });
});
