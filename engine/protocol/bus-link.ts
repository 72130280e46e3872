// The connection to the bus, as the channel sees it (FN, RS, RL): fenced at our view, lost, found again.
//
//   closed --busOpened--> open --fence, fenced--> ours --a new view of our own--> open
//
// The bus sends heartbeats: its silence is the end of a connection, and another is tried.
//
// A primary that is without the bus, and whose backup is not, is to be replaced. Where the connection had an end, the bus may
// have been started again: both look for it, and the backup may only be the first to find it, so that a primary waits for the
// whole suspicion time, from when the backup has it. A path that was cut ends no connection: where the backup has heard the
// bus all the time, the silence that ends the connection is reason enough.

import type { ChannelEffect } from './channel-events.js';
import type { ChannelState } from './channel-state.js';
import { heartbeats, release } from './committing.js';
import type { FromBus, StreamOffset } from './messages.js';
import { Silence } from './silence.js';
import { FIRST_OPENED_STREAM } from './vocabulary.js';

/**
 * Output that the bus has confirmed and the backups have not been told of, as a share of what they may hold, at which they are
 * told before the next heartbeat: a backup holds its own copy until then, and takes nothing more from its guest once it is
 * full. By heartbeats alone a stream would be no faster than that much a heartbeat.
 */
export const UNTOLD_SHARE = 1 / 4;

export class BusLink<P> {
  readonly #state: ChannelState<P>;
  #stage: 'closed' | 'open' | 'ours' = 'closed';
  /** This connection was fenced before: nothing that was sent on it is lost. */
  #attached = false;
  #lostMs: number;
  /** Lost by silence: what was too long. */
  #silentMs: number | undefined;
  readonly silence: Silence;
  /** Of opened streams: how much the guest was told to be taken. */
  readonly #toldTaken = new Map<number, number>();

  constructor(state: ChannelState<P>) {
    this.#state = state;
    this.#lostMs = state.options.nowMs + state.options.startMs;
    this.silence = new Silence(state.options, state.options.nowMs);
  }

  get stage(): 'closed' | 'open' | 'ours' {
    return this.#stage;
  }

  /** Whether this replica could go on: not only is there a connection, its path has carried something just now. */
  get isHeard(): boolean {
    return this.#stage !== 'closed' && this.silence.lastsMs(this.#state.nowMs) < this.silence.leastMs / 2;
  }

  opened(): ChannelEffect<P>[] {
    this.#stage = 'open';
    this.#attached = false;
    this.silence.begins(this.#state.nowMs);
    // A primary that collects, or whose next view drops a backup, fences when it may act again.
    const { isPrimary, phase, suspected } = this.#state;
    return isPrimary && phase === 'normal' && suspected.size === 0 ? this.fence() : [];
  }

  closed(): void {
    if (this.#stage === 'closed') return;
    this.#stage = 'closed';
    this.#lostMs = this.#state.nowMs;
    this.#silentMs = undefined;
  }

  stirs(): void {
    this.silence.broken(this.#state.nowMs);
  }

  /** FN: the first act in a view. Where there is no connection now, it comes with the next one. */
  fence(): ChannelEffect<P>[] {
    this.#lostMs = this.#state.nowMs;
    if (this.#stage === 'closed') return [];
    this.#stage = 'open';
    return [{ rule: 'FN', type: 'sendBus', message: { type: 'fence', view: this.#state.view!.number } }];
  }

  release(): ChannelEffect<P>[] {
    return release(this.#state, this.#stage);
  }

  heard(message: FromBus): ChannelEffect<P>[] {
    const state = this.#state;
    this.silence.broken(state.nowMs);
    switch (message.type) {
      case 'heartbeat':
        state.outbox.arrived(message.taken);
        return this.release();
      case 'fenced':
        return this.#fenced(message);
      case 'stale':
        // An answer to what we sent before we won our own view says nothing about it.
        if (message.view < (state.view?.number ?? 0)) return [];
        return state.halt('LS', 'FENCED', `the bus serves view ${message.current}: this replica was replaced`);
      case 'finished':
        // The bus took what was sent before the outcome, also where its next heartbeat was to say so.
        state.outbox.arrived(Infinity);
        return state.finish(message.outcome);
      case 'confirmed':
        state.outbox.confirm(message.stream, message.offset);
        return [...this.#tellTaken(message), ...this.#tellConfirmed(), ...this.release()];
      case 'interrupt': {
        const { interrupt } = message;
        if (!state.isPrimary) return [];
        // In the paper's world an operation that was called uncertain may still complete: the guest hears one end.
        if (interrupt.kind === 'completion' && !state.outbox.complete(interrupt.operation)) return [];
        return [{ rule: 'P1', type: 'interrupt', interrupt }, ...this.release()];
      }
    }
  }

  /**
   * A guest that has filled a window, or its share of what there is for all streams, waits to hear of room; it hears of half a
   * window at a time, and of half a share once everything is taken, since then it may hear of nothing else.
   */
  #tellTaken({ stream, offset }: StreamOffset): ChannelEffect<P>[] {
    const { isPrimary, bounds, outbox } = this.#state;
    if (!isPrimary || stream < FIRST_OPENED_STREAM) return [];
    if (!outbox.knows(stream)) {
      // The guest has closed it: nobody waits.
      this.#toldTaken.delete(stream);
      return [];
    }
    const untold = offset - (this.#toldTaken.get(stream) ?? 0);
    const isDue =
      untold >= bounds.openedOutputBytes / 2 ||
      (untold >= bounds.openedOutputShareBytes / 2 && outbox.isDrained(stream));
    if (!isDue) return [];
    this.#toldTaken.set(stream, offset);
    return [{ rule: 'P1', type: 'interrupt', interrupt: { kind: 'taken', stream, offset } }];
  }

  #tellConfirmed(): ChannelEffect<P>[] {
    const { isPrimary, outbox, bounds } = this.#state;
    if (!isPrimary || outbox.untoldBytes < bounds.heldBytes * UNTOLD_SHARE) return [];
    return heartbeats(this.#state, this.isHeard);
  }

  #fenced(message: FromBus & { type: 'fenced' }): ChannelEffect<P>[] {
    const state = this.#state;
    if (message.view !== state.view?.number || !state.isPrimary || this.#stage === 'closed') return [];
    this.#stage = 'ours';
    // A new view on a connection that was ours already: everything sent on it is under way.
    if (this.#attached) return this.release();
    this.#attached = true;
    const view = state.view.number;
    const { streams, next } = message;
    const { again, uncertain } = state.outbox.reattach(streams, next, state.options.operationIds);
    // What the guest was told by others, and what it was told and lost, is not known here; nor what the backups were.
    this.#toldTaken.clear();
    for (const peer of state.peers.values()) peer.knowsConfirmed = false;
    return [
      ...streams.flatMap(({ stream, written: offset }) => this.#tellTaken({ stream, offset })),
      ...again.map(output => ({ rule: 'RS', type: 'sendBus', message: { type: 'output', view, output } }) as const),
      ...uncertain.map(
        operation => ({ rule: 'RS', type: 'interrupt', interrupt: { kind: 'uncertain', operation } }) as const,
      ),
      ...this.release(),
    ];
  }

  /** For so long this replica did not run: what it did not hear meanwhile says nothing of the bus. */
  postpone(ms: number): void {
    this.silence.postpone(ms, this.#state.nowMs);
    if (this.#lostMs < this.#state.nowMs) this.#lostMs = Math.min(this.#state.nowMs, this.#lostMs + ms);
  }

  /** Silence: dropped, and another connection is tried. Without it, and a backup with it: the backup is to go on. */
  tick(): ChannelEffect<P>[] {
    const state = this.#state;
    const effects: ChannelEffect<P>[] = [];
    if (this.#stage !== 'closed' && this.silence.isTooLong(state.nowMs, state.crowding)) {
      this.#stage = 'closed';
      this.#lostMs = this.silence.sinceMs;
      this.#silentMs = this.silence.limitMs(state.crowding);
      this.silence.endured(state.nowMs);
      effects.push({ rule: 'RS', type: 'dropBus' });
    }
    if (this.#stage !== 'closed' || !state.isPrimary || state.phase !== 'normal' || state.claim !== undefined) {
      return effects;
    }
    if (!state.backups.some(name => this.#isToGoOn(name))) return effects;
    effects.push(...state.halt('LS', 'BUS_LOST', 'the bus is out of reach here and in reach of the backup'));
    return effects;
  }

  #isToGoOn(backup: string): boolean {
    const { peers, options } = this.#state;
    const peer = peers.get(backup);
    if (peer?.link !== 'open' || peer.hearsBus === undefined) return false;
    const { sinceMs, toldMs } = peer.hearsBus;
    const hadItAllTheTime = sinceMs <= this.#lostMs;
    const enoughMs = hadItAllTheTime && this.#silentMs !== undefined ? this.#silentMs : options.suspicionMs;
    return toldMs - Math.max(this.#lostMs, sinceMs) >= enoughMs;
  }
}
