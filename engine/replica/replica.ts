// The I/O thread of one replica: it feeds the channel's state machine with what arrives and carries out its effects.

import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Arbiter } from '../arbiter/arbiter.js';
import { BusClient } from '../bus/client.js';
import { comparedOptions } from '../channel/compared-options.js';
import type { Link } from '../channel/link.js';
import { decodePeer, encodePeer, snapshotPiece } from '../channel/packets.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import type { GuestState, MachineSnapshot } from '../machine/guest-state.js';
import { WORD_COUNT, WORD_EPOCH, WORD_EXECUTED, WORD_LOG_BYTES_TAKEN, WORD_OUTSTANDING } from '../machine/shared.js';
import { Channel, type ChannelEffect, type ChannelEvent } from '../protocol/channel.js';
import { PROTOCOL_VERSION } from '../protocol/machine.js';
import type { Hello } from '../protocol/messages.js';
import type { SnapshotDecoder } from '../snapshot/decode.js';
import type { FromReplica, ReplicaConfiguration, ReplicaProgress, SavedOrigin, ToReplica } from './configuration.js';
import { SnapshotQueue } from './snapshot-queue.js';
import { SnapshotSaving } from './snapshot-saving.js';
import type { ThreadHost } from './thread-host.js';

/** Output held back at which nothing more is taken from the guest thread, bytes: its ring fills, and it waits. */
const HELD_BYTES_MAX = 4 << 20;
/** Likewise for what a peer's socket has not taken. */
const UNSENT_BYTES_MAX = 8 << 20;
/** Time a backup gets, after the bus confirmed the end, to come to the same end, ms. */
const FINISH_GRACE_MS = 5_000;

export interface ReplicaParts {
  readonly configuration: ReplicaConfiguration;
  /** Has loaded the guest, or is about to. */
  readonly thread: ThreadHost;
  /** What the machine goes on from. */
  readonly snapshot?: MachineSnapshot;
  /** Makes what reads the snapshot that a joining replica is sent. */
  readonly newDecoder?: () => SnapshotDecoder;
  readonly arbiter: Arbiter;
  readonly tell: (message: FromReplica) => void;
  /** Ends the process: 0 after the machine's end, else this replica halted. */
  readonly end: (halted: boolean) => void;
}

export class Replica {
  readonly #parts: Omit<ReplicaParts, 'snapshot'>;
  /** Given to the guest thread when it starts, and not kept: it is as large as the guest. */
  #resumed: MachineSnapshot | undefined;
  readonly #channel: Channel<Uint8Array>;
  readonly #thread: ThreadHost;
  readonly #links = new Map<string, Link>();
  readonly #snapshots: SnapshotQueue;
  readonly #saving: SnapshotSaving;
  /** Primary: what the joining replica is sent. */
  #taken: MachineSnapshot | undefined;
  /** Joining: what has come of the snapshot. */
  #incoming: SnapshotDecoder | undefined;
  #bus: BusClient | undefined;
  #whenLoaded: () => void = () => undefined;
  /** The guest's module is compiled. */
  readonly #loaded = new Promise<void>(resolve => {
    this.#whenLoaded = resolve;
  });
  #started = false;
  #guestEnded = false;
  #finished = false;
  #over = false;
  #logBytes = 0;
  #receivedBytes = 0;
  #lastProgress = '';

  constructor({ snapshot, ...parts }: ReplicaParts) {
    this.#parts = parts;
    this.#resumed = snapshot;
    const { configuration } = parts;
    const { machine, incarnation, view, timing, options, backupsWanted } = configuration;
    this.#channel = new Channel({
      machine,
      incarnation,
      view,
      backupsWanted,
      ...(snapshot === undefined ? {} : { position: snapshot.guest.position }),
      operationIds: options.operationIds,
      ...timing,
      nowMs: performance.now(),
      newClaim: randomUUID,
    });
    this.#thread = parts.thread;
    this.#snapshots = new SnapshotQueue(parts.thread);
    this.#saving = new SnapshotSaving({
      wasi: options.wasi !== undefined,
      queue: this.#snapshots,
      snapshotOf: (guest, origin) => this.#snapshotOf(guest, origin),
      left: () => (this.#finished ? Infinity : this.#channel.left),
      tell: parts.tell,
    });
    this.#listenToGuest();
  }

  get startMs(): number {
    return this.#parts.configuration.timing.startMs;
  }

  /** Whether a view names this replica. */
  get isNamed(): boolean {
    const { view } = this.#channel;
    const { incarnation } = this.#parts.configuration;
    return view !== undefined && (view.primary === incarnation || view.backups.includes(incarnation));
  }

  /** What this replica says first on every connection. */
  get hello(): Hello {
    return helloOf(this.#parts.configuration);
  }

  async start(): Promise<void> {
    await this.#connectBus();
    // Who joins asks for the state when it can take it at once: the less there is to catch up with.
    if (this.#parts.configuration.view === undefined) await this.#loaded;
    setInterval(() => this.#tick(), this.#parts.configuration.timing.heartbeatMs / 2);
    this.#startGuestIfReady();
  }

  /**
   * A backup has nothing to wait for; a primary's log must not flow before there are all who are to take it. Who joins
   * starts with the last of the snapshot (`#received`), whatever view it has been told until then.
   */
  #startGuestIfReady(): void {
    const { view } = this.#channel;
    if (this.#started || view === undefined || this.#parts.configuration.view === undefined) return;
    if (this.#channel.role === 'primary' && !view.backups.every(backup => this.#links.has(backup))) return;
    this.#started = true;
    if (view.backups.length === 0) this.#thread.setAcknowledged(Infinity, true);
    if (this.#resumed === undefined) this.#thread.begin();
    else this.#thread.restore(this.#resumed.guest);
    this.#resumed = undefined;
  }

  // ---- the guest thread

  #listenToGuest(): void {
    const { tell } = this.#parts;
    this.#thread.listen({
      loaded: () => this.#whenLoaded(),
      logged: (part, entries) => {
        this.#logBytes += part.length;
        this.#step({ type: 'logged', part, length: entries });
      },
      output: (position, output) => this.#step({ type: 'output', position, output, more: true }),
      drained: () => this.#step({ type: 'drained' }),
      running: () => tell({ type: 'running' }),
      live: (failoverEpoch, uncertain) => tell({ type: 'live', failoverEpoch, uncertain }),
      snapshot: (position, state) => this.#snapshots.taken(position, state),
      notSnapshotable: message => this.#snapshots.failed(message),
      ended: () => this.#guestHasEnded(),
      diverged: message => this.#halt('DIVERGED', message),
      failed: message => this.#halt('GUEST_THREAD', message),
      congested: () => this.#congested(),
    });
  }

  #guestHasEnded(): void {
    this.#guestEnded = true;
    this.#snapshots.ended();
    if (this.#finished) this.#end(false);
  }

  // ---- snapshots

  #takeToJoin(): void {
    this.#snapshots.ask({
      join: true,
      taken: (position, state) => {
        this.#taken = this.#snapshotOf(state, undefined);
        this.#step({ type: 'snapshotTaken', position });
        // A copy of the guest's memory: where nobody joins any more it is not kept for the next one.
        this.#taken = undefined;
      },
      failed: error => this.#step({ type: 'snapshotFailed', reason: error.message }),
    });
  }

  #snapshotOf(guest: GuestState, origin: SavedOrigin | undefined): MachineSnapshot {
    const { machine, moduleHash, options } = this.#parts.configuration;
    return { machine, moduleHash, options, origin, guest };
  }

  async #send(peer: string): Promise<void> {
    const link = this.#links.get(peer);
    const snapshot = this.#taken;
    this.#taken = undefined;
    if (link === undefined || snapshot === undefined) return;
    // Loaded for those who need it: a start costs what it loads.
    const { sendSnapshot } = await import('./transfer.js');
    await sendSnapshot(snapshot, link, () => this.#links.get(peer) === link);
  }

  #received(chunk: Uint8Array): void {
    this.#incoming ??= this.#parts.newDecoder?.();
    assert(this.#incoming !== undefined, 'only who joins is sent a snapshot');
    this.#incoming.push(chunk);
    if (!this.#incoming.complete) return;
    const { guest } = this.#incoming.finish();
    this.#incoming = undefined;
    this.#started = true;
    this.#thread.restore(guest);
  }

  /** Saves a snapshot to a file, and tells the launcher. */
  save(asked: ToReplica & { readonly type: 'save' }): void {
    this.#saving.save(asked);
  }

  // ---- connections

  async #connectBus(): Promise<void> {
    const address = this.#parts.configuration.bus;
    const bus = await BusClient.connect({ address, hello: this.hello, deadlineMs: this.startMs });
    this.#bus = bus;
    this.#step({ type: 'busOpened', nowMs: performance.now() });
    bus.listen({
      message: message => this.#step({ type: 'bus', message, nowMs: performance.now() }),
      closed: () => {
        this.#bus = undefined;
        this.#step({ type: 'busClosed', nowMs: performance.now() });
        if (!this.#over) this.#reconnectBus();
      },
    });
  }

  #reconnectBus(): void {
    this.#connectBus().catch((error: unknown) => {
      if (error instanceof EpochvisorError && error.code === 'PEER_REFUSED') this.#halt(error.code, error.message);
      else if (!this.#over) this.#reconnectBus();
    });
  }

  /**
   * A link to another replica stands; `peer` is its incarnation.
   * @param again connects once more: who joins needs the primary, which forgets those who are silent too long
   */
  addPeer(peer: string, link: Link, again?: () => void): void {
    const before = this.#links.get(peer);
    if (before !== undefined) {
      // The other end noticed before this one that it had ended: what was sent on it (a welcome) did not arrive.
      this.#lost(peer, 'it has connected anew');
      before.terminate();
    }
    this.#links.set(peer, link);
    link.listen({
      message: packet => this.#packet(peer, packet),
      closed: reason => {
        if (this.#links.get(peer) !== link) return;
        this.#lost(peer, reason.message);
        if (this.#channel.view === undefined && !this.#over) again?.();
      },
    });
    this.#step({ type: 'peerOpened', peer, nowMs: performance.now() });
    this.#startGuestIfReady();
  }

  #lost(peer: string, reason: string): void {
    this.#links.delete(peer);
    this.#step({ type: 'peerClosed', peer, reason, nowMs: performance.now() });
  }

  #packet(peer: string, packet: Uint8Array): void {
    const chunk = snapshotPiece(packet);
    if (chunk !== undefined) {
      this.#received(chunk);
      return;
    }
    if (this.#channel.role === 'backup') this.#noteProgress();
    const message = decodePeer(packet);
    if (message.type === 'log') this.#receivedBytes += message.part.length;
    this.#step({ type: 'peer', peer, message, nowMs: performance.now() });
  }

  #noteProgress(): void {
    const executed = this.#thread.positions[WORD_EXECUTED] ?? 0;
    const backlogBytes = Math.max(0, this.#receivedBytes - (this.#thread.positions[WORD_LOG_BYTES_TAKEN] ?? 0));
    this.#step({ type: 'progress', progress: { executed, backlogBytes } });
  }

  /** What leaves must not pile up: the guest thread waits when its ring is full. */
  #congested(): boolean {
    if (this.#channel.heldBytes > HELD_BYTES_MAX) return true;
    for (const link of this.#links.values()) if (link.bufferedBytes > UNSENT_BYTES_MAX) return true;
    return (this.#bus?.bufferedBytes ?? 0) > UNSENT_BYTES_MAX;
  }

  // ---- the state machine

  #step(event: ChannelEvent<Uint8Array>): void {
    const wasCongested = this.#congested();
    for (const effect of this.#channel.step(event)) this.#carryOut(effect);
    if (wasCongested && !this.#congested()) setImmediate(() => this.#thread.drain());
  }

  #carryOut(effect: ChannelEffect<Uint8Array>): void {
    switch (effect.type) {
      case 'sendPeer':
        this.#links.get(effect.peer)?.send(encodePeer(effect.message));
        return;
      case 'dropPeer':
        void this.#links.get(effect.peer)?.close();
        return;
      case 'sendBus':
        this.#bus?.send(effect.message);
        return;
      case 'dropBus':
        this.#bus?.terminate();
        return;
      case 'log':
        this.#thread.sendLog(effect.part);
        return;
      case 'interrupt':
        if (effect.interrupt.kind === 'completion') {
          this.#saving.completed(effect.interrupt.operation, effect.interrupt.status);
        }
        this.#thread.sendInterrupt(effect.interrupt);
        return;
      case 'acknowledged':
        this.#thread.setAcknowledged(effect.position, effect.alone);
        return;
      case 'promote':
        this.#thread.sendPromotion();
        return;
      case 'throttle':
        this.#thread.setThrottle(effect.on);
        return;
      case 'takeSnapshot':
        this.#takeToJoin();
        return;
      case 'sendSnapshot':
        void this.#send(effect.peer);
        return;
      case 'welcomed':
        this.#incoming = undefined;
        return;
      case 'claim':
        void this.#claim(effect.view);
        return;
      case 'readLatest':
        void this.#readLatest(effect.machine);
        return;
      case 'adopted':
        return;
      case 'view':
        this.#parts.tell({ type: 'view', view: effect.view, reason: effect.reason });
        this.#startGuestIfReady();
        return;
      case 'finish':
        this.#finished = true;
        if (this.#guestEnded) this.#end(false);
        else setTimeout(() => this.#end(false), FINISH_GRACE_MS);
        return;
      case 'halt':
        this.#halt(effect.code, effect.message);
        return;
    }
  }

  async #claim(view: Parameters<Arbiter['claim']>[0]): Promise<void> {
    const answer = await this.#parts.arbiter.claim(view);
    this.#step({ type: 'claimed', view, answer, nowMs: performance.now() });
  }

  async #readLatest(machine: string): Promise<void> {
    const view = await this.#parts.arbiter.latest(machine).catch((error: unknown) => {
      if (error instanceof EpochvisorError && error.code === 'ARBITER_UNREACHABLE') return undefined;
      throw error;
    });
    this.#step({ type: 'latest', view, nowMs: performance.now() });
  }

  #tick(): void {
    this.#noteProgress();
    this.#step({ type: 'tick', nowMs: performance.now() });
    this.#tellProgress();
  }

  #tellProgress(): void {
    const { positions } = this.#thread;
    const progress: ReplicaProgress = {
      epoch: positions[WORD_EPOCH] ?? 0,
      count: positions[WORD_COUNT] ?? 0,
      outstanding: positions[WORD_OUTSTANDING] ?? 0,
      ...this.#channel.protection,
      lagMs: Math.round(this.#channel.lagMs(performance.now())),
      logBytes: this.#logBytes,
    };
    const text = JSON.stringify(progress);
    if (text === this.#lastProgress) return;
    this.#lastProgress = text;
    this.#parts.tell({ type: 'progress', progress });
  }

  #halt(code: string, message: string): void {
    if (this.#over) return;
    this.#parts.tell({ type: 'halted', code, message });
    this.#end(true);
  }

  #end(halted: boolean): void {
    if (this.#over) return;
    this.#over = true;
    if (halted) {
      this.#parts.end(true);
      return;
    }
    this.#tellProgress();
    void this.#saving.settled().then(() => this.#parts.end(false));
  }
}

export function helloOf(configuration: ReplicaConfiguration): Hello {
  return {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    machine: configuration.machine,
    incarnation: configuration.incarnation,
    secret: configuration.secret,
    moduleHash: configuration.moduleHash,
    options: comparedOptions(configuration.options),
  };
}
