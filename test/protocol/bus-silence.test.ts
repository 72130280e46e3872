// When a primary gives up a bus from which it hears nothing.

import { describe, expect, it } from 'vitest';
import { Channel } from '../../engine/protocol/channel.js';
import { FIRST_OPENED_STREAM } from '../../engine/protocol/vocabulary.js';

function primary() {
  const view = { number: 1, machine: 'm', primary: 'a', backups: ['b'], claim: 'first' };
  const timing = { heartbeatMs: 100, suspicionMs: 1000, startMs: 1000, nowMs: 0 };
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
  for (let nowMs = fromMs + 50; nowMs < untilMs; nowMs += 50) channel.step({ type: 'tick', nowMs });
  return channel.step({ type: 'tick', nowMs: untilMs });
}

const typesOf = (effects: readonly { readonly type: string }[]) => effects.map(effect => effect.type);

describe('a bus that is silent', () => {
  it('is given up after the suspicion time, once', () => {
    const channel = primary();
    expect(typesOf(ticks(channel, 0, 950))).not.toContain('dropBus');
    heartbeat(channel, 950, true);
    expect(typesOf(channel.step({ type: 'tick', nowMs: 999 }))).not.toContain('dropBus');
    expect(typesOf(channel.step({ type: 'tick', nowMs: 1000 }))).toContain('dropBus');
    expect(typesOf(channel.step({ type: 'tick', nowMs: 1100 }))).not.toContain('dropBus');
  });

  it('is not silent while it sends heartbeats', () => {
    const channel = primary();
    ticks(channel, 0, 900);
    channel.step({ type: 'bus', message: { type: 'heartbeat', taken: 0 }, nowMs: 900 });
    heartbeat(channel, 950, true);
    expect(typesOf(ticks(channel, 900, 1850))).not.toContain('dropBus');
  });

  it('that the backup still hears is the end of this primary; one that nobody hears is waited for', () => {
    for (const bus of [true, false]) {
      const channel = primary();
      ticks(channel, 0, 950);
      heartbeat(channel, 950, bus);
      ticks(channel, 950, 1900);
      heartbeat(channel, 1900, bus);
      const effects = ticks(channel, 1900, 2000);
      expect(effects.find(effect => effect.type === 'halt')).toEqual(
        bus ? expect.objectContaining({ code: 'BUS_LOST' }) : undefined,
      );
    }
  });
});
