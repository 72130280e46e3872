// Channel: acknowledgement, output commit, heartbeat, suspicion, claim and fence, as seen by the I/O thread. A state
// machine that knows no sockets: its driver feeds it what arrives and carries out the effects in order.
//
//   backup:   normal --suspicion--> claiming --won--> normal (as primary: fence the bus, promote the execution)
//   primary:  normal --suspicion--> claiming --won--> normal (simplex, fence the bus at the new view)
//                                            --lost-> halted
//
// While a claim is out nothing leaves: an output would have to satisfy the old view, whose other replica is gone, and
// the new one, which is not ours yet.

import { assert } from '../errors/errors.js';
import type { ChannelEffect, ChannelEvent, ChannelOptions, ClaimAnswer } from './channel-events.js';
import { Lag } from './lag.js';
import type { Output, View } from './machine.js';
import type { FromBus, PeerMessage, Progress } from './messages.js';
import { Outbox } from './outbox.js';
import type { Rule } from './rules.js';

export type { ChannelEffect, ChannelEvent, ChannelOptions, ClaimAnswer } from './channel-events.js';

/** An arbiter out of reach is asked again after this time (VW). */
export const CLAIM_RETRY_MS = 100;

interface Peer {
  open: boolean;
  /** Suspicion counts from here. */
  heardMs: number;
  /** Everything below is in the peer's memory. */
  acknowledged: number;
  /** Whether the peer is connected to the bus, as of its last heartbeat. */
  bus: boolean;
  readonly lag: Lag;
}

type Phase = 'normal' | 'claiming' | 'halted' | 'finished';

export class Channel<P> {
  readonly #options: ChannelOptions;
  #view: View;
  #phase: Phase = 'normal';
  /** The claim that is out, or waits to be repeated at `#retryAtMs`. */
  #claim: View | undefined;
  #claimReason = '';
  #retryAtMs = Infinity;
  readonly #peers = new Map<string, Peer>();
  readonly #outbox = new Outbox();
  /** End of the log: written (primary) or received (backup). */
  #logEnd = 0;
  #progress: Progress = { executed: 0, backlogBytes: 0 };
  #throttled = false;
  #heartbeatAtMs: number;
  /** `open`: connected; `ours`: fenced at our view, as its primary. */
  #bus: 'closed' | 'open' | 'ours' = 'closed';
  /** This connection was fenced before: nothing that was sent on it is lost. */
  #busAttached = false;
  #busLostMs: number;
  /** Silence of the bus counts from here: a path can be cut without a word. */
  #busHeardMs = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    assert(options.view !== undefined, 'a replica begins in a view');
    this.#view = options.view;
    this.#logEnd = options.position ?? 0;
    this.#heartbeatAtMs = options.nowMs;
    this.#busLostMs = options.nowMs + options.startMs;
    for (const peer of this.#others()) {
      this.#peers.set(peer, this.#newPeer(options.nowMs + options.startMs - options.suspicionMs));
    }
  }

  get view(): View {
    return this.#view;
  }

  get role(): 'primary' | 'backup' {
    return this.#view.primary === this.#options.incarnation ? 'primary' : 'backup';
  }

  /** Bytes of output that wait to leave; past a bound the driver takes no more from execution. */
  get heldBytes(): number {
    return this.#outbox.heldBytes;
  }

  /** The position before which all outputs have left. */
  get left(): number {
    return this.#outbox.left;
  }

  /** Whether every backup of the view is connected and has all of the log up to what is on its way. */
  get protection(): { readonly protected: boolean; readonly reason: string } {
    if (this.#phase === 'claiming') return { protected: false, reason: 'changing view' };
    if (this.#view.backups.length === 0) return { protected: false, reason: 'need secondary' };
    const open = [...this.#peers.values()].every(peer => peer.open);
    return open ? { protected: true, reason: '' } : { protected: false, reason: 'starting' };
  }

  lagMs(nowMs: number): number {
    return Math.max(0, ...[...this.#peers.values()].map(peer => peer.lag.lagMs(nowMs)));
  }

  step(event: ChannelEvent<P>): ChannelEffect<P>[] {
    if (this.#phase === 'halted' || this.#phase === 'finished') return [];
    switch (event.type) {
      case 'logged':
        return this.#logged(event.part, event.length);
      case 'output':
        this.#outbox.hold(event.position, event.output);
        return event.more === true ? [] : this.#release();
      case 'drained':
        return this.#release();
      case 'progress':
        this.#progress = event.progress;
        return [];
      case 'peerOpened':
        return this.#peerOpened(event.peer, event.nowMs);
      case 'peer':
        return this.#peer(event.peer, event.message, event.nowMs);
      case 'peerClosed':
        return this.#peerClosed(event.peer, event.reason);
      case 'busOpened':
        this.#bus = 'open';
        this.#busAttached = false;
        this.#busHeardMs = event.nowMs;
        return this.role === 'primary' && this.#phase === 'normal' ? [this.#fence()] : [];
      case 'busClosed':
        this.#busClosed(event.nowMs);
        return [];
      case 'bus':
        this.#busHeardMs = event.nowMs;
        return this.#fromBus(event.message);
      case 'claimed':
        return this.#claimed(event.view, event.answer, event.nowMs);
      case 'tick':
        return this.#tick(event.nowMs);
      case 'snapshotTaken':
      case 'snapshotFailed':
      case 'latest':
        return [];
    }
  }

  // ---- the log (P0 to P4, OR)

  #logged(part: P, length: number): ChannelEffect<P>[] {
    if (this.role === 'backup') return [];
    const position = this.#logEnd;
    this.#logEnd += length;
    const view = this.#view.number;
    return this.#view.backups.map(peer => ({
      rule: 'P0',
      type: 'sendPeer',
      peer,
      message: { type: 'log', view, position, length, settled: this.#logEnd, part },
    }));
  }

  /** What every backup of the view has acknowledged; all there is where there is none. */
  #acknowledged(): number {
    let least = Infinity;
    for (const backup of this.#view.backups) least = Math.min(least, this.#peers.get(backup)?.acknowledged ?? 0);
    return least;
  }

  #release(): ChannelEffect<P>[] {
    if (this.role === 'backup' || this.#phase !== 'normal' || this.#bus !== 'ours') return [];
    return this.#outbox.release(this.#acknowledged()).map(output => this.#send(output, 'OR'));
  }

  #send(output: Output, rule: Rule): ChannelEffect<P> {
    return { rule, type: 'sendBus', message: { type: 'output', view: this.#view.number, output } };
  }

  // ---- peers

  #peerOpened(name: string, nowMs: number): ChannelEffect<P>[] {
    const peer = this.#peers.get(name);
    if (peer === undefined) return [];
    peer.open = true;
    peer.heardMs = nowMs;
    return this.#heartbeats();
  }

  #peer(name: string, message: PeerMessage<P>, nowMs: number): ChannelEffect<P>[] {
    const peer = this.#peers.get(name);
    // CL: nothing of an older view is accepted, and nothing at all of the old view while a claim is out.
    if (peer === undefined || message.type === 'join' || message.type === 'welcome' || message.type === 'view')
      return [];
    if (message.view !== this.#view.number || this.#phase !== 'normal') return [];
    peer.heardMs = nowMs;
    switch (message.type) {
      case 'log':
        return this.#receive(name, message);
      case 'acknowledgement':
        peer.acknowledged = Math.max(peer.acknowledged, message.position);
        peer.lag.shipped(message.position, nowMs);
        peer.lag.progressed(message.progress);
        return [
          { rule: 'OR', type: 'acknowledged', position: this.#acknowledged(), alone: false },
          ...this.#release(),
          ...this.#throttle(nowMs),
        ];
      case 'heartbeat':
        peer.bus = message.bus;
        peer.lag.progressed(message.progress);
        if (this.role === 'backup') this.#outbox.dropLeft(message.left, message.confirmed);
        return this.#throttle(nowMs);
      case 'offer':
      case 'follow':
        return [];
    }
  }

  /** P4: in order into memory, then acknowledged. */
  #receive(name: string, message: PeerMessage<P> & { type: 'log' }): ChannelEffect<P>[] {
    if (this.role !== 'backup' || name !== this.#view.primary) return [];
    if (message.position !== this.#logEnd) {
      return this.#halt('P4', 'LOG_GAP', `the log goes on at ${message.position} where ${this.#logEnd} was due`);
    }
    this.#logEnd += message.length;
    return [
      { rule: 'P4', type: 'log', part: message.part },
      {
        rule: 'P4',
        type: 'sendPeer',
        peer: name,
        message: {
          type: 'acknowledgement',
          view: this.#view.number,
          position: this.#logEnd,
          progress: this.#progress,
        },
      },
    ];
  }

  /** The socket's end is a suspicion at once; a launcher's word would be no more. */
  #peerClosed(name: string, reason: string): ChannelEffect<P>[] {
    const peer = this.#peers.get(name);
    if (peer === undefined || this.#phase !== 'normal') return [];
    peer.open = false;
    return this.#suspect(name, reason);
  }

  #throttle(nowMs: number): ChannelEffect<P>[] {
    const over = this.role === 'primary' && [...this.#peers.values()].some(peer => peer.lag.over(nowMs));
    if (over === this.#throttled) return [];
    this.#throttled = over;
    return [{ rule: 'LG', type: 'throttle', on: over }];
  }

  // ---- suspicion, claim, view (CL, VW, SX)

  #suspect(name: string, reason: string): ChannelEffect<P>[] {
    const backups = this.#view.backups.filter(backup => backup !== name && backup !== this.#options.incarnation);
    assert(backups.length === 0, 'a view names one backup at most');
    this.#phase = 'claiming';
    this.#claimReason = reason;
    this.#claim = {
      number: this.#view.number + 1,
      machine: this.#view.machine,
      primary: this.#options.incarnation,
      backups,
      claim: this.#options.newClaim(),
    };
    return [{ rule: this.role === 'backup' ? 'CL' : 'SX', type: 'claim', view: this.#claim }];
  }

  #claimed(view: View, answer: ClaimAnswer, nowMs: number): ChannelEffect<P>[] {
    if (this.#phase !== 'claiming' || view.claim !== this.#claim?.claim) return [];
    switch (answer.result) {
      case 'unreachable':
        this.#retryAtMs = nowMs + CLAIM_RETRY_MS;
        return [];
      case 'lost':
        return this.#halt(
          'LS',
          'VIEW_LOST',
          `view ${view.number} belongs to replica ${answer.owner.primary}: this replica is no part of the machine any more`,
        );
      case 'won':
        return this.#won(view, nowMs);
    }
  }

  #won(view: View, nowMs: number): ChannelEffect<P>[] {
    const wasBackup = this.role === 'backup';
    this.#view = view;
    this.#phase = 'normal';
    this.#claim = undefined;
    this.#busLostMs = nowMs;
    for (const name of this.#peers.keys()) if (!view.backups.includes(name)) this.#peers.delete(name);
    const effects: ChannelEffect<P>[] = [{ rule: 'VW', type: 'view', view, reason: this.#claimReason }];
    // FN: the first act.
    if (this.#bus !== 'closed') effects.push(this.#fence());
    if (wasBackup) effects.push({ rule: 'P7', type: 'promote' });
    const alone = view.backups.length === 0;
    effects.push({ rule: 'SX', type: 'acknowledged', position: this.#acknowledged(), alone }, ...this.#throttle(nowMs));
    return effects;
  }

  // ---- the bus (FN, RS, RL)

  #fence(): ChannelEffect<P> {
    this.#bus = 'open';
    return { rule: 'FN', type: 'sendBus', message: { type: 'fence', view: this.#view.number } };
  }

  #fromBus(message: FromBus): ChannelEffect<P>[] {
    switch (message.type) {
      case 'heartbeat':
        return [];
      case 'fenced':
        return this.#fenced(message);
      case 'stale':
        // An answer to what we sent before we won our own view says nothing about it.
        if (message.view < this.#view.number) return [];
        return this.#halt('LS', 'FENCED', `the bus serves view ${message.current}: this replica was replaced`);
      case 'finished':
        this.#phase = 'finished';
        return [{ rule: 'XT', type: 'finish', outcome: message.outcome }];
      case 'confirmed':
        this.#outbox.confirm(message.stream, message.offset);
        return this.#release();
      case 'input': {
        if (this.role === 'backup') return [];
        const { stream, offset, bytes, end } = message;
        return [{ rule: 'P1', type: 'interrupt', interrupt: { kind: 'stream', stream, offset, bytes, end } }];
      }
      case 'completion': {
        // In the paper's world an operation that was called uncertain may still complete: the guest hears one end.
        if (this.role === 'backup' || !this.#outbox.complete(message.operation)) return [];
        const { operation, status, data } = message;
        return [
          { rule: 'P1', type: 'interrupt', interrupt: { kind: 'completion', operation, status, data } },
          ...this.#release(),
        ];
      }
    }
  }

  #busClosed(nowMs: number): void {
    if (this.#bus === 'closed') return;
    this.#bus = 'closed';
    this.#busLostMs = nowMs;
  }

  /** The bus sends heartbeats: its silence is the end of this connection, and another is tried. */
  #suspectBus(nowMs: number): ChannelEffect<P>[] {
    if (this.#bus === 'closed' || nowMs - this.#busHeardMs < this.#options.suspicionMs) return [];
    this.#busClosed(nowMs);
    return [{ rule: 'RS', type: 'dropBus' }];
  }

  #fenced(message: FromBus & { type: 'fenced' }): ChannelEffect<P>[] {
    if (message.view !== this.#view.number || this.role === 'backup') return [];
    this.#bus = 'ours';
    // A new view on a connection that was ours already: everything sent on it is under way.
    if (this.#busAttached) return this.#release();
    this.#busAttached = true;
    const { again, uncertain } = this.#outbox.reattach(message.received, this.#options.operationIds);
    return [
      ...again.map(output => this.#send(output, 'RS')),
      ...uncertain.map(
        operation => ({ rule: 'RS', type: 'interrupt', interrupt: { kind: 'uncertain', operation } }) as const,
      ),
      ...this.#release(),
    ];
  }

  // ---- time

  #tick(nowMs: number): ChannelEffect<P>[] {
    const effects: ChannelEffect<P>[] = [];
    if (nowMs >= this.#heartbeatAtMs) {
      this.#heartbeatAtMs = nowMs + this.#options.heartbeatMs;
      effects.push(...this.#heartbeats());
    }
    effects.push(...this.#throttle(nowMs), ...this.#suspectBus(nowMs));
    if (this.#phase === 'claiming') {
      if (nowMs >= this.#retryAtMs && this.#claim !== undefined) {
        this.#retryAtMs = Infinity;
        effects.push({ rule: 'VW', type: 'claim', view: this.#claim });
      }
      return effects;
    }
    for (const [name, peer] of this.#peers) {
      const silentMs = nowMs - peer.heardMs;
      if (silentMs < this.#options.suspicionMs) continue;
      effects.push(
        ...this.#suspect(name, peer.open ? `no word from it for ${Math.round(silentMs)} ms` : 'it never came'),
      );
      return effects;
    }
    if (this.#bus === 'closed' && this.role === 'primary' && nowMs - this.#busLostMs >= this.#options.suspicionMs) {
      const backupHasBus = [...this.#peers.values()].some(peer => peer.open && peer.bus);
      if (backupHasBus)
        effects.push(...this.#halt('LS', 'BUS_LOST', 'the bus is out of reach here and in reach of the backup'));
    }
    return effects;
  }

  #heartbeats(): ChannelEffect<P>[] {
    const message: PeerMessage<P> = {
      type: 'heartbeat',
      view: this.#view.number,
      bus: this.#bus !== 'closed',
      progress: this.#progress,
      left: Math.min(this.#outbox.left, this.#logEnd),
      confirmed: this.#outbox.confirmed,
      settled: this.#logEnd,
    };
    const effects: ChannelEffect<P>[] = [];
    for (const [name, peer] of this.#peers) {
      if (peer.open) effects.push({ rule: 'LG', type: 'sendPeer', peer: name, message });
    }
    return effects;
  }

  #halt(rule: Rule, code: string, message: string): ChannelEffect<P>[] {
    this.#phase = 'halted';
    return [{ rule, type: 'halt', code, message }];
  }

  #others(): string[] {
    return [this.#view.primary, ...this.#view.backups].filter(name => name !== this.#options.incarnation);
  }

  #newPeer(heardMs: number): Peer {
    return { open: false, heardMs, acknowledged: 0, bus: false, lag: new Lag() };
  }
}
