// Several channels in one process: what one sends is given to the other, in order, and the rest is looked at.

import { Channel, type ChannelEffect, type ChannelEvent, type ChannelOptions } from '../../engine/protocol/channel.js';
import type { PeerMessage } from '../../engine/protocol/messages.js';
import { FIRST_OPENED_STREAM, type View } from '../../engine/protocol/vocabulary.js';

export const HEARTBEAT_MS = 10;
export const SUSPICION_MS = 50;
export const START_MS = 100;

export type Effect = ChannelEffect<string>;
export type Event = ChannelEvent<string>;

/** Channels by name, fully connected, the bus serving whoever fences it; time stands still unless `pass` moves it. */
export class Channels {
  readonly all = new Map<string, Channel<string>>();
  /** All effects so far that are not messages, by name. */
  readonly effects: { readonly name: string; readonly effect: Effect }[] = [];
  readonly sent: { readonly from: string; readonly to: string; readonly message: PeerMessage<string> }[] = [];
  /** Names whose messages, to and from, are lost. */
  readonly cut = new Set<string>();
  nowMs = 0;
  readonly #suspicionMs: number;
  #claims = 0;

  constructor(suspicionMs = SUSPICION_MS) {
    this.#suspicionMs = suspicionMs;
  }

  add(name: string, view: View | undefined, more: Partial<ChannelOptions> = {}): Channel<string> {
    const channel = new Channel<string>({
      incarnation: name,
      machine: 'm',
      view,
      operationIds: true,
      heartbeatMs: HEARTBEAT_MS,
      tickMs: HEARTBEAT_MS,
      suspicionMs: this.#suspicionMs,
      startMs: START_MS,
      nowMs: this.nowMs,
      newClaim: () => `${name}${++this.#claims}`,
      ...more,
    });
    const before = [...this.all.keys()];
    this.all.set(name, channel);
    for (const other of before) {
      this.step(name, { type: 'peerOpened', peer: other, nowMs: this.nowMs });
      this.step(other, { type: 'peerOpened', peer: name, nowMs: this.nowMs });
    }
    this.step(name, { type: 'busOpened', nowMs: this.nowMs });
    return channel;
  }

  get(name: string): Channel<string> {
    return this.all.get(name)!;
  }

  step(name: string, event: Event): Effect[] {
    const effects = this.all.get(name)?.step(event) ?? [];
    for (const effect of effects) this.#carryOut(name, effect);
    return effects;
  }

  log(name: string, part: string, length = 1): Effect[] {
    return this.step(name, { type: 'logged', part, length });
  }

  output(name: string, position: number, offset: number): Effect[] {
    const output = { type: 'stream', stream: 1, offset, bytes: Uint8Array.of(1, 2, 3) } as const;
    return this.step(name, { type: 'output', position, output });
  }

  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += HEARTBEAT_MS;
      for (const name of [...this.all.keys()]) {
        this.step(name, { type: 'bus', message: { type: 'heartbeat', taken: this.left(name) }, nowMs: this.nowMs });
        this.step(name, { type: 'tick', nowMs: this.nowMs, crowding: 1 });
      }
    }
  }

  /** Its process is gone: all hear of it. */
  kill(name: string): void {
    this.all.delete(name);
    for (const other of [...this.all.keys()]) {
      this.step(other, { type: 'peerClosed', peer: name, reason: 'gone', nowMs: this.nowMs });
    }
  }

  /** The claim of `name` that was made last. */
  claimOf(name: string): View {
    const view = this.effects.flatMap(entry =>
      entry.name === name && entry.effect.type === 'claim' ? [entry.effect.view] : [],
    );
    const last = view.at(-1);
    if (last === undefined) throw new Error(`${name} has claimed nothing`);
    return last;
  }

  win(name: string): View {
    const view = this.claimOf(name);
    this.step(name, { type: 'claimed', view, answer: { result: 'won' }, nowMs: this.nowMs });
    return view;
  }

  lose(name: string, owner: View): Effect[] {
    const view = this.claimOf(name);
    return this.step(name, { type: 'claimed', view, answer: { result: 'lost', owner }, nowMs: this.nowMs });
  }

  /** Shapes of the effects of `name` so far, messages left out. */
  did(name: string): string[] {
    return this.effects.filter(entry => entry.name === name).map(({ effect }) => `${effect.rule} ${effect.type}`);
  }

  /** Outputs of `name` that have left, as how often. */
  left(name: string): number {
    return this.effects.filter(
      ({ name: who, effect }) => who === name && effect.type === 'sendBus' && effect.message.type === 'output',
    ).length;
  }

  #carryOut(name: string, effect: Effect): void {
    if (effect.type !== 'sendPeer') {
      this.effects.push({ name, effect });
      if (effect.type === 'sendBus' && effect.message.type === 'fence') {
        const fenced = { type: 'fenced', view: effect.message.view, streams: [], next: FIRST_OPENED_STREAM } as const;
        this.step(name, { type: 'bus', message: fenced, nowMs: this.nowMs });
      }
      return;
    }
    const { peer: to, message } = effect;
    this.sent.push({ from: name, to, message });
    if (this.cut.has(name) || this.cut.has(to)) return;
    this.step(to, { type: 'peer', peer: name, message, nowMs: this.nowMs });
  }
}

/** Effects of `name` of one type. */
export function effectsOf<T extends Effect['type']>(channels: Channels, name: string, type: T) {
  return channels.effects.flatMap(entry =>
    entry.name === name && entry.effect.type === type ? [entry.effect as Effect & { type: T }] : [],
  );
}
