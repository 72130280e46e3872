// The I/O thread of a replica: carries out what Channel decides, over simulated connections.

import type { ChannelEffect, ChannelEvent, ClaimAnswer } from '../protocol/channel.js';
import type { Outcome, View } from '../protocol/machine.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { Actor } from './actor.js';
import type { SavedGuest, ToGuest, ToIo } from './guest-thread.js';
import type { ChannelPart, Part } from './parts.js';

export interface IoThreadOptions {
  readonly actor: Actor;
  readonly channel: ChannelPart;
  /** The host's clock as timeouts see it, ms. */
  readonly nowMs: () => number;
  readonly tickMs: number;
  /** For how long outputs are gathered; 0: each leaves by itself. */
  readonly batchNs: number;
  readonly sendPeer: (peer: string, message: PeerMessage<Part>) => void;
  readonly sendBus: (message: ToBus) => void;
  readonly dropBus: () => void;
  readonly claim: (view: View, answer: (answer: ClaimAnswer) => void) => void;
  readonly readLatest: (answer: (view: View | undefined) => void) => void;
  readonly takeSnapshot: () => void;
  readonly sendSnapshot: (peer: string, saved: SavedGuest) => void;
  /** A snapshot comes from `peer`. */
  readonly welcomed: (peer: string) => void;
  readonly dropPeer: (peer: string, reason: string) => void;
  readonly toGuest: (message: ToGuest) => void;
  readonly acknowledged: (position: number) => void;
  readonly throttle: (on: boolean) => void;
  /** The judge is told of parts as they come into memory, and of views. */
  readonly accepted: (part: Part) => void;
  readonly viewed: (view: View) => void;
  readonly adopted: (view: View) => void;
  readonly finished: (outcome: Outcome) => void;
  readonly halted: (code: string, message: string) => void;
}

export class IoThread {
  readonly #options: IoThreadOptions;
  #drains = false;
  /** The snapshot that was taken last. */
  #saved: SavedGuest | undefined;

  constructor(options: IoThreadOptions) {
    this.#options = options;
    this.#tick();
  }

  fromGuest(message: ToIo): void {
    switch (message.type) {
      case 'logged':
        this.#step({ type: 'logged', part: message.part, length: message.part.length });
        break;
      case 'output':
        this.#step(this.#options.batchNs === 0 ? message : { ...message, more: true });
        this.#drainSoon();
        break;
      case 'progress':
        this.#step({
          type: 'progress',
          progress: { executed: message.executed, backlogBytes: message.backlog },
        });
        break;
      case 'snapshot':
        this.#saved = message.saved;
        this.#step({ type: 'snapshotTaken', position: message.saved.position });
        break;
      case 'snapshotFailed':
        this.#step({ type: 'snapshotFailed', reason: 'not here' });
        break;
      case 'diverged':
        this.#options.halted('DIVERGED', message.message);
        break;
    }
  }

  /** Outputs that come close together leave together. */
  #drainSoon(): void {
    const { actor, batchNs } = this.#options;
    if (batchNs === 0 || this.#drains) return;
    this.#drains = true;
    actor.after(batchNs, () => {
      this.#drains = false;
      this.#step({ type: 'drained' });
    });
  }

  peerOpened(peer: string): void {
    this.#step({ type: 'peerOpened', peer, nowMs: this.#options.nowMs() });
  }

  peer(peer: string, message: PeerMessage<Part>): void {
    this.#step({ type: 'peer', peer, message, nowMs: this.#options.nowMs() });
  }

  peerClosed(peer: string, reason: string): void {
    this.#step({ type: 'peerClosed', peer, reason, nowMs: this.#options.nowMs() });
  }

  busOpened(): void {
    this.#step({ type: 'busOpened', nowMs: this.#options.nowMs() });
  }

  bus(message: FromBus): void {
    this.#step({ type: 'bus', message, nowMs: this.#options.nowMs() });
  }

  busClosed(): void {
    this.#step({ type: 'busClosed', nowMs: this.#options.nowMs() });
  }

  #tick(): void {
    this.#options.actor.after(this.#options.tickMs * 1e6, () => {
      this.#step({ type: 'tick', nowMs: this.#options.nowMs() });
      this.#tick();
    });
  }

  #step(event: ChannelEvent<Part>): void {
    for (const effect of this.#options.channel.step(event)) this.#carryOut(effect);
  }

  #carryOut(effect: ChannelEffect<Part>): void {
    const { actor, claim, nowMs } = this.#options;
    switch (effect.type) {
      case 'sendPeer':
        this.#options.sendPeer(effect.peer, effect.message);
        break;
      case 'sendBus':
        this.#options.sendBus(effect.message);
        break;
      case 'dropBus':
        this.#options.dropBus();
        break;
      case 'log':
        this.#options.accepted(effect.part);
        this.#options.toGuest({ type: 'log', part: effect.part });
        break;
      case 'interrupt':
        this.#options.toGuest({ type: 'interrupt', interrupt: effect.interrupt });
        break;
      case 'promote':
        this.#options.toGuest({ type: 'promote' });
        break;
      case 'acknowledged':
        this.#options.acknowledged(effect.position);
        break;
      case 'throttle':
        this.#options.throttle(effect.on);
        break;
      case 'claim':
        claim(effect.view, answer =>
          actor.do(() => this.#step({ type: 'claimed', view: effect.view, answer, nowMs: nowMs() })),
        );
        break;
      case 'view':
        this.#options.viewed(effect.view);
        break;
      case 'adopted':
        this.#options.adopted(effect.view);
        break;
      case 'readLatest':
        this.#options.readLatest(view => actor.do(() => this.#step({ type: 'latest', view, nowMs: nowMs() })));
        break;
      case 'takeSnapshot':
        this.#options.takeSnapshot();
        break;
      case 'sendSnapshot':
        if (this.#saved !== undefined) this.#options.sendSnapshot(effect.peer, this.#saved);
        break;
      case 'welcomed':
        this.#options.welcomed(effect.peer);
        break;
      case 'dropPeer':
        this.#options.dropPeer(effect.peer, effect.reason);
        break;
      case 'finish':
        this.#options.finished(effect.outcome);
        break;
      case 'halt':
        this.#options.halted(effect.code, effect.message);
        break;
    }
  }
}
