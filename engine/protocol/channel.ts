// Channel: acknowledgement, output commit, heartbeat, suspicion, claim, fence and joining, as seen by the I/O thread. A
// state machine that knows no sockets: its driver feeds it what arrives and carries out the effects in order.
//
//   backup    normal --suspicion--> claiming --won--> (collecting -->) normal (as primary: fence the bus, promote)
//                                            --lost-> normal in the winner's view that names it, else halted
//   primary   normal, a claim out or not:    --won--> normal (fence the bus at the new view)
//                                            --lost-> halted
//   joining   joining --welcome--> normal --named--> a backup
//                                         --suspicion--> reading --named meanwhile--> a backup, else halted
//
// This file says what happens to each event; what it means is in committing (the log, outputs), claiming, adopting,
// collecting, joining, suspecting and bus-link, an idea each, over one state.

import { adopt, viewTold } from './adopting.js';
import { BusLink } from './bus-link.js';
import type { ChannelEffect, ChannelEvent, ChannelOptions } from './channel-events.js';
import { ChannelState, type Peer } from './channel-state.js';
import { claimAnswered, claimAsBackup, claimWithoutSuspected, lost, retryClaim, won } from './claiming.js';
import { followed, giveUpOnSilent, offered, tellView } from './collecting.js';
import * as committing from './committing.js';
import * as joining from './joining.js';
import type { MeasuredTimes } from './measured-times.js';
import type { PeerMessage } from './messages.js';
import * as suspecting from './suspecting.js';
import type { View } from './vocabulary.js';

export type { ChannelEffect, ChannelEvent, ChannelOptions, ClaimAnswer } from './channel-events.js';
export { CLAIM_RETRY_MS } from './claiming.js';

/** A timer may come a little early, and the next tick is some time away: a heartbeat is due this share of one before its time. */
const EARLY_SHARE = 1 / 8;

export class Channel<P> {
  readonly #state: ChannelState<P>;
  readonly #bus: BusLink<P>;

  constructor(options: ChannelOptions) {
    this.#state = new ChannelState<P>(options);
    this.#bus = new BusLink(this.#state);
  }

  /** Undefined while this replica joins and has not been welcomed. */
  get view(): View | undefined {
    return this.#state.view;
  }

  get role(): 'primary' | 'backup' {
    return this.#state.isPrimary ? 'primary' : 'backup';
  }

  /** Bytes of output that wait to leave; past a bound the driver takes no more from execution. */
  get heldBytes(): number {
    return this.#state.outbox.heldBytes;
  }

  /** What is held in all: bytes, when the oldest came (ms; undefined: nothing is), and how long what has left was held. */
  get held(): { readonly bytes: number; readonly sinceMs: number | undefined; readonly times: MeasuredTimes } {
    const { heldData: bytes, heldSinceMs: sinceMs, heldFor: times } = this.#state.outbox;
    return { bytes, sinceMs, times };
  }

  /** Where the log ends: entries written, or received. */
  get logEnd(): number {
    return this.#state.logEnd;
  }

  /** Parts of the log that are kept for others (KP). */
  get keptParts(): number {
    return this.#state.kept.count;
  }

  /** Every output before this position has left, and all bytes among them are known to be there, opened streams apart. */
  get left(): number {
    return this.#state.outbox.performed;
  }

  /** Whether there are as many backups as wanted, each connected and with all of the log up to what is on its way. */
  get protection(): { readonly protected: boolean; readonly reason: string } {
    const { view, phase, suspected, joiner, options, backups } = this.#state;
    if (phase === 'claiming' || phase === 'collecting' || suspected.size > 0) {
      return { protected: false, reason: 'changing view' };
    }
    if (view === undefined || joiner !== undefined) return { protected: false, reason: 'starting' };
    if (backups.length === 0 || backups.length < (options.backupsWanted ?? 1)) {
      return { protected: false, reason: 'need secondary' };
    }
    const open = this.#state.others(view).every(name => this.#state.isOpen(name));
    return open ? { protected: true, reason: '' } : { protected: false, reason: 'starting' };
  }

  lagMs(nowMs: number): number {
    return Math.max(0, ...this.#state.backups.map(name => this.#state.peers.get(name)?.lag.lagMs(nowMs) ?? 0));
  }

  /** Entries of the log that the slowest backup has not executed. */
  get lagEntries(): number {
    const { backups, peers, logEnd } = this.#state;
    return Math.max(0, ...backups.map(name => logEnd - Math.max(0, peers.get(name)?.executed ?? 0)));
  }

  /** Where the log ends that all backups have acknowledged; of a backup, that it has acknowledged itself. */
  get acknowledged(): number {
    const { isPrimary, logEnd, acknowledgeable } = this.#state;
    return isPrimary ? Math.max(0, Math.min(logEnd, committing.acknowledged(this.#state))) : acknowledgeable;
  }

  /** The longest gap in what was heard of a peer or the bus, and the longest silence that none of them is suspected for, ms. */
  get silence(): { readonly longestGapMs: number; readonly limitMs: number } {
    const all = [this.#bus.silence, ...[...this.#state.peers.values()].map(({ silence }) => silence)];
    return {
      longestGapMs: Math.max(...all.map(({ everLongestMs }) => everLongestMs)),
      limitMs: Math.max(...all.map(silence => silence.limitMs(this.#state.crowding))),
    };
  }

  step(event: ChannelEvent<P>): ChannelEffect<P>[] {
    if (this.#isOver) return [];
    if ('nowMs' in event) this.#timeIs(event.nowMs);
    const effects = this.#answer(event);
    if (!this.#isOver) effects.push(...this.#conclude(event.type === 'tick'));
    return effects;
  }

  get #isOver(): boolean {
    return this.#state.phase === 'halted' || this.#state.phase === 'finished';
  }

  #answer(event: ChannelEvent<P>): ChannelEffect<P>[] {
    const state = this.#state;
    switch (event.type) {
      case 'logged':
        return committing.logged(state, event.part, event.length);
      case 'output':
        state.outbox.hold(event.position, event.output, event.atMs ?? state.nowMs);
        return event.more === true ? [] : this.#bus.release();
      case 'drained':
        return this.#bus.release();
      case 'progress':
        state.progress = event.progress;
        // A promoted one that is not live yet says it, too.
        if (event.said !== undefined) state.said = Math.max(state.said, event.said);
        return [];
      case 'live':
        state.said = Infinity;
        return [];
      case 'kept':
        return [...committing.keptCame(state, event), ...this.#bus.release()];
      case 'peerOpened':
        return this.#peerOpened(event.peer);
      case 'peer':
        return this.#peer(event.peer, event.message);
      case 'peerClosed':
        this.#peerClosed(event.peer, event.reason);
        return [];
      case 'peerGone':
        // Of a link that stood the end is heard, after what came before it.
        if (state.peers.get(event.peer)?.link === 'awaited') this.#peerClosed(event.peer, event.reason);
        return [];
      case 'busOpened':
        return this.#bus.opened();
      case 'busClosed':
        this.#bus.closed();
        return [];
      case 'bus':
        return this.#bus.heard(event.message);
      case 'claimed': {
        const outcome = claimAnswered(state, event.view, event.answer);
        if (outcome === undefined) return [];
        if (outcome === 'won') return won(state, this.#bus, event.view);
        const names = !state.isPrimary && outcome.backups.includes(state.options.incarnation);
        return names ? adopt(state, outcome) : lost(state, outcome);
      }
      case 'latest':
        return joining.latestRead(state, event.view);
      case 'snapshotTaken':
        return joining.snapshotTaken(state, event.position);
      case 'snapshotFailed':
        return joining.snapshotFailed(state);
      case 'stirs':
        this.#stirs(event.peer);
        return [];
      case 'tick':
        state.crowding = event.crowding;
        return this.#tick();
    }
  }

  // ---- peers

  #peerOpened(name: string): ChannelEffect<P>[] {
    const state = this.#state;
    const peer = state.peers.get(name) ?? state.newPeer('open');
    state.peers.set(name, peer);
    peer.link = 'open';
    peer.knowsConfirmed = false;
    peer.silence.begins(state.nowMs);
    return [
      ...tellView(state, name),
      ...committing.acknowledgeAnew(state, name),
      ...committing.heartbeats(state, this.#bus.isHeard),
    ];
  }

  /** The socket's end is a suspicion at once (see `conclude`); a launcher's word is no more. */
  #peerClosed(name: string, reason: string): void {
    const state = this.#state;
    const peer = state.peers.get(name);
    if (peer === undefined) return;
    const { view, claim, joiner } = state;
    const member = view?.primary === name || state.backups.includes(name) || claim?.backups.includes(name);
    if (!member && joiner?.name !== name) state.peers.delete(name);
    peer.link = 'closed';
    peer.reason = reason;
  }

  #peer(name: string, message: PeerMessage<P>): ChannelEffect<P>[] {
    const state = this.#state;
    const peer = state.peers.get(name);
    if (peer === undefined || state.suspected.has(name)) return [];
    if ('view' in message && typeof message.view === 'number') {
      // CL: nothing of an older view is accepted, nor does it count as a word.
      if (message.view < (state.isPrimary ? state.view!.number : state.reign)) return [];
    }
    suspecting.heard(state, peer);
    // RA: the primary is there after all.
    if (state.phase === 'reading' && name === state.view?.primary) state.phase = 'normal';
    switch (message.type) {
      case 'log':
        return committing.receive(state, name, message);
      case 'acknowledgement':
      case 'heartbeat':
        return state.isPrimary ? this.#fromFollower(name, peer, message) : this.#fromPrimary(name, peer, message);
      case 'join':
        return joining.asked(state, this.#bus, name);
      case 'welcome':
        return joining.welcomed(state, name, message);
      case 'pending':
        return joining.pendingCame(state, name, message);
      case 'view':
        return viewTold(state, name, message.view, message.position);
      case 'offer':
        return offered(state, message);
      case 'follow':
        return followed(state, this.#bus, name, message);
      case 'finished':
        return state.finish(message.outcome);
    }
  }

  #fromFollower(
    name: string,
    peer: Peer,
    message: PeerMessage<P> & { type: 'acknowledgement' | 'heartbeat' },
  ): ChannelEffect<P>[] {
    const state = this.#state;
    if (!committing.recipients(state).includes(name)) return [];
    // One that heard of the next view before us acknowledges in it, and will again when we tell it.
    const counts = message.type === 'acknowledgement' && message.view === state.view!.number;
    if (counts) committing.acknowledgementCame(state, peer, message.position);
    committing.progressCame(state, peer, message);
    if (message.type === 'heartbeat') suspecting.busTold(state, peer, message.bus);
    if (!counts) return committing.throttle(state);
    return [committing.tellAcknowledged(state, 'OR'), ...this.#bus.release(), ...committing.throttle(state)];
  }

  #fromPrimary(name: string, peer: Peer, message: PeerMessage<P>): ChannelEffect<P>[] {
    const state = this.#state;
    if (message.type !== 'heartbeat' || name !== state.view?.primary) return [];
    // CL: what its primary has sent since is not known to have left.
    if (state.phase !== 'normal' || state.mustFollow || message.view > state.view.number) return [];
    suspecting.busTold(state, peer, message.bus);
    state.outbox.dropLeft(message.left, message.confirmed);
    state.kept.settle(message.settled);
    return [];
  }

  /** Something comes from it, or from the bus, that is no whole message yet: it is there. */
  #stirs(name: string | undefined): void {
    const peer = name === undefined ? undefined : this.#state.peers.get(name);
    if (name === undefined) this.#bus.stirs();
    else if (peer !== undefined) suspecting.heard(this.#state, peer);
  }

  // ---- time

  #timeIs(nowMs: number): void {
    if (nowMs <= this.#state.nowMs) return;
    this.#state.nowMs = nowMs;
    const absentMs = suspecting.noticeAbsence(this.#state);
    if (absentMs > 0) this.#bus.postpone(absentMs);
  }

  #tick(): ChannelEffect<P>[] {
    const state = this.#state;
    state.tickedMs = state.nowMs;
    const effects: ChannelEffect<P>[] = [];
    if (state.nowMs >= state.heartbeatAtMs - state.options.heartbeatMs * EARLY_SHARE) {
      state.heartbeatAtMs = state.nowMs + state.options.heartbeatMs;
      if (state.phase === 'joining') effects.push(...joining.askToJoin(state));
      else effects.push(...committing.heartbeats(state, this.#bus.isHeard));
    }
    if (state.phase === 'joining') effects.push(...joining.noOneToJoin(state));
    effects.push(...committing.throttle(state), ...retryClaim(state));
    if (state.phase === 'reading' && state.nowMs >= state.retryAtMs) effects.push(...joining.readArbiter(state));
    effects.push(...this.#bus.tick());
    return effects;
  }

  // ---- what follows from where things stand, whatever the event was

  /** Suspicions become claims, and who has joined is named. Silence is looked for at ticks only. */
  #conclude(ticks: boolean): ChannelEffect<P>[] {
    const state = this.#state;
    const effects = giveUpOnSilent(state, this.#bus);
    if (state.phase !== 'normal' || state.view === undefined) return effects;
    if (!state.isPrimary) {
      const reason = suspecting.whySuspected(state, state.view.primary, ticks);
      if (reason === undefined) return effects;
      effects.push(...(state.isNamed ? claimAsBackup(state, reason) : joining.readArbiter(state)));
      return effects;
    }
    const { joiner, claim } = state;
    for (const name of state.backups) suspecting.suspectIfGone(state, name, ticks);
    if (claim !== undefined) for (const name of claim.backups) suspecting.suspectIfGone(state, name, ticks);
    if (joiner !== undefined && !claim?.backups.includes(joiner.name)) {
      const reason = suspecting.whySuspected(state, joiner.name, ticks);
      if (reason !== undefined) effects.push(...joining.forgetJoiner(state, this.#bus, reason));
    }
    effects.push(...claimWithoutSuspected(state), ...joining.nameIfReady(state));
    return effects;
  }
}
