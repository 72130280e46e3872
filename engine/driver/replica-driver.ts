// The I/O thread of one replica: feeds the channel's state machine with what arrives, and carries out its effects. The same
// code in production and in the simulator; what it needs of the world is in ports.ts.
//
// What the driver owes the state machine, in this order:
//
//   1. One event at a time. Its effects are carried out in order, all of them, before the next event; nothing that is
//      carried out answers from within the call.
//   2. Memory before acknowledgement (P4). A part of the log goes into the ring to the guest thread, or into the queue before
//      it, before the acknowledgement that follows it leaves.
//   3. Log before output (FL, OR). The guest's records are handed over in the order in which it made them: `logged` comes
//      before the `output` that it precedes, and its packet leaves before that of anything later.
//   4. What is left alone is come back to. Where what leaves here is congested the guest's records stay in the ring, its guest
//      waits, and the ring is looked at again by itself (io-end.ts): a socket empties without an event.
//   5. What has been said. A follower's outbox is emptied by what its primary says has left; so `progress` says how far the
//      own guest's outputs have been handed over, read before the ring is drained and told after.
//   6. A snapshot in its place. `snapshotTaken` comes in order with `logged`; what follows it is in no snapshot. One that is
//      kept is given out as an output is: when what precedes it has left (snapshot-commit.ts).
//   7. Time goes on. A tick comes every `tickMs`, and after the sockets have had their turn: what lies there was said. One that
//      comes late says that this replica was absent.
//   8. The disk. Where a log is written down, `kept` says how far it has come; what waits for it waits here (DU).
//   9. The end. Once the bus has confirmed the outcome the machine is over, for every replica, however far its guest has come:
//      it ends at once. To wait for a backup's guest would be to wait for ever for one whose log ends earlier.

import { BOUNDS, type Bounds } from '../protocol/bounds.js';
import { Channel, type ChannelEffect, type ChannelEvent, type ChannelOptions } from '../protocol/channel.js';
import type { MeasuredTimes } from '../protocol/measured-times.js';
import type { PeerMessage } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { WORD_EXECUTED, WORD_LOG_BYTES_TAKEN } from '../threads/shared.js';
import { IncomingBytes } from './incoming-bytes.js';
import type { BusConnection, PeerLink, ReplicaPorts, StateReader } from './ports.js';
import { RoundTrip } from './round-trip.js';
import { type KeptSnapshot, SnapshotCommit } from './snapshot-commit.js';
import { transfer } from './transfer.js';

export type ChannelPart = Pick<
  Channel<Uint8Array>,
  | 'step'
  | 'role'
  | 'view'
  | 'protection'
  | 'keptParts'
  | 'heldBytes'
  | 'held'
  | 'left'
  | 'lagMs'
  | 'lagEntries'
  | 'acknowledged'
  | 'logEnd'
  | 'silence'
>;

export interface ReplicaDriverOptions<State> {
  readonly channel: Omit<ChannelOptions, 'nowMs' | 'newClaim'>;
  readonly ports: ReplicaPorts<State>;
  /** What the machine goes on from. */
  readonly resumed?: State;
  /** The state machine; another one is a mistake that the simulator is to find. */
  readonly newChannel?: (options: ChannelOptions) => ChannelPart;
}

export class ReplicaDriver<State extends { readonly position: number }> {
  readonly #ports: ReplicaPorts<State>;
  readonly #options: Omit<ChannelOptions, 'nowMs' | 'newClaim'>;
  readonly #bounds: Bounds;
  readonly #channel: ChannelPart;
  readonly #links = new Map<string, PeerLink>();
  /** Given to the guest thread when it starts, and not kept: it is as large as the guest. */
  #resumed: State | undefined;
  readonly #commit: SnapshotCommit<State>;
  /** Primary: what the joining replica is sent. */
  #taken: State | undefined;
  /** Joining: what has come of the snapshot. */
  #incoming: StateReader<State> | undefined;
  #bus: BusConnection | undefined;
  /** Of each peer, and of the bus (undefined). */
  readonly #incomingBytes = new Map<string | undefined, IncomingBytes>();
  #ticks = false;
  #isLoaded = false;
  #hadBus = false;
  #started = false;
  #finished = false;
  #over = false;
  /** Bytes of log shipped since the start. */
  logBytes = 0;
  /** Interrupts that the guest thread was told of. */
  interruptsTold = 0;
  readonly #roundTrip = new RoundTrip();
  /** When the guest thread was listened to, once it has put something out. */
  #drainedMs: number | undefined;
  /** Bytes of log given to the guest thread, and of such as has come since and was not (CL: it may yet be, or never). */
  #givenBytes = 0;
  #deferredBytes = 0;

  constructor({ channel, ports, resumed, newChannel }: ReplicaDriverOptions<State>) {
    this.#ports = ports;
    this.#options = channel;
    this.#bounds = channel.bounds ?? BOUNDS;
    this.#resumed = resumed;
    this.#commit = new SnapshotCommit(this.#bounds);
    const { newClaim, timers } = ports;
    const options = { ...channel, nowMs: timers.nowMs(), newClaim };
    this.#channel = newChannel?.(options) ?? new Channel<Uint8Array>(options);
    this.#listenToGuest();
    ports.log?.listen(
      (written, synced) => this.#step({ type: 'kept', written, synced }),
      () => this.#channel.left,
    );
  }

  get channel(): Omit<ChannelPart, 'step'> {
    return this.#channel;
  }

  /** From the shipping of a part of the log until all had acknowledged it, as a primary. */
  get roundTrips(): MeasuredTimes {
    return this.#roundTrip.times.measured;
  }

  /** Whether a view names this replica. */
  get isNamed(): boolean {
    const { view } = this.#channel;
    return view !== undefined && isNamedIn(view, this.#options.incarnation);
  }

  /** Whether it is connected to the bus. */
  get hasBus(): boolean {
    return this.#bus !== undefined;
  }

  get #joins(): boolean {
    return this.#options.view === undefined;
  }

  start(): void {
    this.#connectBus();
    this.#startGuestIfReady();
  }

  /** This replica is over, whatever the reason: nothing that still arrives is of interest. */
  stop(): void {
    this.#over = true;
  }

  /**
   * A backup has nothing to wait for; a primary's log must not flow before there are all who are to take it. Who joins
   * starts with the last of the snapshot (`#received`), whatever view it has been told until then.
   */
  #startGuestIfReady(): void {
    const { view } = this.#channel;
    if (this.#started || view === undefined || this.#joins) return;
    if (this.#channel.role === 'primary' && !view.backups.every(backup => this.#links.has(backup))) return;
    this.#started = true;
    const { guest } = this.#ports;
    if (view.backups.length === 0 && this.#options.durability === undefined) guest.setAcknowledged(Infinity, true);
    if (this.#resumed === undefined) guest.begin();
    else guest.restore(this.#resumed);
    this.#resumed = undefined;
  }

  // ---- the guest thread

  #listenToGuest(): void {
    const { tell, guest } = this.#ports;
    guest.listen({
      loaded: () => {
        this.#isLoaded = true;
        this.#tickIfReady();
      },
      logged: (part, entries) => {
        this.logBytes += part.length;
        const isOwn = this.#channel.role === 'primary';
        if (isOwn && this.#roundTrip.follows) this.#roundTrip.shipped(this.#channel.logEnd + entries, this.#nowMs);
        this.#step({ type: 'logged', part, length: entries });
      },
      output: (position, output) => {
        this.#drainedMs ??= this.#nowMs;
        this.#step({ type: 'output', position, output, more: true, atMs: this.#drainedMs });
      },
      drained: said => {
        this.#drainedMs = undefined;
        if (said !== undefined) this.#noteProgress(said);
        this.#step({ type: 'drained' });
      },
      running: () => tell({ type: 'running' }),
      live: (failoverEpoch, uncertain) => {
        this.#step({ type: 'live' });
        tell({ type: 'live', failoverEpoch, uncertain });
      },
      diverged: message => this.halt('DIVERGED', message),
      failed: message => this.halt('GUEST_THREAD', message),
      congested: () => this.#congested(),
    });
  }

  // ---- snapshots

  #takeToJoin(): void {
    this.#ports.guest.requestSnapshot({
      join: true,
      taken: (position, state) => {
        this.#taken = state;
        this.#step({ type: 'snapshotTaken', position });
        // A copy of the guest's memory: where nobody joins any more it is not kept for the next one.
        this.#taken = undefined;
      },
      failed: error => this.#step({ type: 'snapshotFailed', reason: error.message }),
    });
  }

  /** Takes a snapshot for whoever keeps it; once what precedes it has left, it is theirs. */
  takeToKeep(kept: KeptSnapshot<State>): void {
    this.#ports.guest.requestSnapshot({
      join: false,
      taken: (position, state) => {
        this.#commit.hold(position, state, kept);
        this.#releaseSnapshots();
      },
      failed: kept.failed,
    });
  }

  /**
   * That output has left is no event of its own: it may follow from any. It must have at the end of the machine, too: that is
   * told a primary as well which does not know yet that it was replaced, and what that held back never was.
   */
  #releaseSnapshots(): void {
    // One that has halted gives out nothing more: the next primary is asked.
    if (!this.#commit.holds || (this.#over && !this.#finished)) return;
    for (const { kept, state, statuses } of this.#commit.release(this.#channel.left, this.#finished)) {
      kept.committed(state, statuses);
    }
  }

  #send(peer: string): void {
    const link = this.#links.get(peer);
    const state = this.#taken;
    this.#taken = undefined;
    if (link === undefined || state === undefined) return;
    const { pieces, timers } = this.#ports;
    const stands = () => !this.#over && this.#links.get(peer) === link;
    pieces(state, all => transfer(all, link, this.#bounds.snapshotUnsentBytes, timers, stands));
  }

  #received(piece: Uint8Array): void {
    this.#incoming ??= this.#ports.reader();
    this.#incoming.push(piece);
    if (!this.#incoming.complete) return;
    const state = this.#incoming.finish();
    this.#incoming = undefined;
    this.#started = true;
    this.#ports.guest.restore(state);
  }

  // ---- connections

  #connectBus(): void {
    this.#ports.connectBus({
      opened: bus => {
        this.#bus = bus;
        this.#incomingBytes.set(undefined, new IncomingBytes(bus));
        this.#hadBus = true;
        this.#step({ type: 'busOpened', nowMs: this.#nowMs });
        this.#tickIfReady();
      },
      message: message => {
        this.#incomingBytes.get(undefined)?.heard();
        this.#step({ type: 'bus', message, nowMs: this.#nowMs });
      },
      closed: () => {
        this.#bus = undefined;
        this.#incomingBytes.delete(undefined);
        this.#step({ type: 'busClosed', nowMs: this.#nowMs });
        if (!this.#over) this.#connectBus();
      },
    });
  }

  /**
   * A link to another replica stands; `peer` is its incarnation.
   * @param again connects once more: who joins needs the primary, which forgets those who are silent too long
   */
  addPeer(peer: string, link: PeerLink, again?: () => void): void {
    const before = this.#links.get(peer);
    if (before !== undefined) {
      // The other end noticed before this one that it had ended: what was sent on it (a welcome) did not arrive.
      this.#lost(peer, 'it has connected anew');
      before.terminate();
    }
    this.#links.set(peer, link);
    this.#incomingBytes.set(peer, new IncomingBytes(link));
    link.listen({
      message: message => this.#heard(peer, message),
      piece: piece => this.#received(piece),
      closed: reason => {
        if (this.#links.get(peer) !== link) return;
        this.#lost(peer, reason);
        if (this.#channel.view === undefined && !this.#over) again?.();
      },
    });
    this.#step({ type: 'peerOpened', peer, nowMs: this.#nowMs });
    this.#startGuestIfReady();
    this.#tickIfReady();
  }

  /** Who sees processes says that this one's has ended: what never was connected need not be awaited. */
  peerGone(peer: string, reason: string): void {
    if (!this.#over) this.#step({ type: 'peerGone', peer, reason, nowMs: this.#nowMs });
  }

  #lost(peer: string, reason: string): void {
    this.#links.delete(peer);
    this.#incomingBytes.delete(peer);
    this.#step({ type: 'peerClosed', peer, reason, nowMs: this.#nowMs });
  }

  #heard(peer: string, message: PeerMessage<Uint8Array>): void {
    this.#incomingBytes.get(peer)?.heard();
    const event = { type: 'peer', peer, message, nowMs: this.#nowMs } as const;
    if (message.type !== 'log') {
      this.#step(event);
      return;
    }
    // The acknowledgement is to tell of this part, too.
    this.#deferredBytes += message.part.length;
    this.#noteProgress();
    this.#step(event);
  }

  #noteProgress(said?: number): void {
    const { positions } = this.#ports.guest;
    const executed = positions[WORD_EXECUTED] ?? 0;
    const inRing = Math.max(0, this.#givenBytes - (positions[WORD_LOG_BYTES_TAKEN] ?? 0));
    // What is not on the disk is in memory, too.
    const backlogBytes = inRing + this.#deferredBytes + (this.#ports.log?.waitingBytes ?? 0);
    this.#step({ type: 'progress', progress: { executed, backlogBytes }, ...(said === undefined ? {} : { said }) });
  }

  /** What leaves must not pile up: the guest thread waits when its ring is full. */
  #congested(): boolean {
    if (this.#channel.heldBytes > this.#bounds.heldBytes) return true;
    if ((this.#ports.log?.waitingBytes ?? 0) > this.#bounds.unsentBytes) return true;
    for (const link of this.#links.values()) if (link.bufferedBytes > this.#bounds.unsentBytes) return true;
    return (this.#bus?.bufferedBytes ?? 0) > this.#bounds.unsentBytes;
  }

  // ---- the state machine

  get #nowMs(): number {
    return this.#ports.timers.nowMs();
  }

  #step(event: ChannelEvent<Uint8Array>): void {
    for (const effect of this.#channel.step(event)) this.#carryOut(effect);
    this.#releaseSnapshots();
  }

  #carryOut(effect: ChannelEffect<Uint8Array>): void {
    const { guest, arbiter, tell } = this.#ports;
    switch (effect.type) {
      case 'sendPeer':
        this.#links.get(effect.peer)?.send(effect.message);
        return;
      case 'dropPeer':
        this.#links.get(effect.peer)?.close();
        return;
      case 'sendBus':
        this.#bus?.send(effect.message);
        return;
      case 'dropBus':
        this.#bus?.terminate();
        return;
      case 'log':
        this.#givenBytes += effect.part.length;
        this.#deferredBytes = 0;
        guest.sendLog(effect.part);
        return;
      case 'interrupt':
        if (effect.interrupt.kind === 'completion') {
          this.#commit.completed(effect.interrupt.operation, effect.interrupt.status);
        }
        this.interruptsTold += 1;
        guest.sendInterrupt(effect.interrupt);
        return;
      case 'acknowledged':
        this.#roundTrip.acknowledged(effect.position, () => this.#nowMs);
        guest.setAcknowledged(effect.position, effect.alone);
        return;
      case 'promote':
        guest.sendPromotion();
        return;
      case 'throttle':
        guest.setThrottle(effect.on);
        return;
      case 'takeSnapshot':
        this.#takeToJoin();
        return;
      case 'sendSnapshot':
        this.#send(effect.peer);
        return;
      case 'welcomed':
        this.#incoming = undefined;
        return;
      case 'claim':
        arbiter.claim(effect.view, answer =>
          this.#step({ type: 'claimed', view: effect.view, answer, nowMs: this.#nowMs }),
        );
        return;
      case 'readLatest':
        arbiter.latest(effect.machine, view => this.#step({ type: 'latest', view, nowMs: this.#nowMs }));
        return;
      case 'adopted':
        this.#deferredBytes = 0;
        if (this.#joins && isNamedIn(effect.view, this.#options.incarnation)) tell({ type: 'named' });
        return;
      case 'view':
        this.#deferredBytes = 0;
        tell({ type: 'view', view: effect.view, reason: effect.reason });
        this.#startGuestIfReady();
        return;
      case 'finish':
        tell({ type: 'finished', outcome: effect.outcome });
        this.#end(false);
        return;
      case 'halt':
        this.halt(effect.code, effect.message);
        return;
    }
  }

  // ---- time

  /**
   * Whom another replica hears is not to be suspected because a bus is late, or is being started again (RB). Who joins asks for the
   * state when it can take it at once: the less there is to catch up with.
   */
  #tickIfReady(): void {
    const isReady = this.#joins ? this.#hadBus && this.#isLoaded : this.#hadBus || this.#links.size > 0;
    if (this.#ticks || !isReady) return;
    this.#ticks = true;
    this.#tickLater();
  }

  #tickLater(): void {
    const { timers } = this.#ports;
    timers.after(this.#options.tickMs, () => timers.soon(() => this.#tick()));
  }

  #tick(): void {
    if (this.#over) return;
    // What a backup's guest puts out is not rung for.
    if (this.#channel.role === 'backup') this.#ports.guest.drain();
    this.#noteProgress();
    for (const [peer, incoming] of this.#incomingBytes) {
      if (!incoming.takeStirs()) continue;
      this.#step({ type: 'stirs', nowMs: this.#nowMs, ...(peer === undefined ? {} : { peer }) });
    }
    this.#step({ type: 'tick', nowMs: this.#nowMs, crowding: this.#ports.crowding() });
    this.#tickLater();
  }

  // ---- the end

  halt(code: string, message: string): void {
    if (this.#over) return;
    this.#ports.tell({ type: 'halted', code, message });
    this.#end(true);
  }

  #end(halted: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#finished = !halted;
    this.#releaseSnapshots();
    this.#ports.end(halted);
  }
}

function isNamedIn({ primary, backups }: View, incarnation: string): boolean {
  return primary === incarnation || backups.includes(incarnation);
}
