// One simulated replica: the production drivers of its two threads, over simulated sockets, rings' bells, storage and time,
// and the ways in which it comes to an end.

import type { BusConnection, BusHandlers, PeerHandlers, PeerLink, ReplicaNews, ReplicaPorts } from '../driver/ports.js';
import { ReplicaDriver } from '../driver/replica-driver.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import {
  LogPeer,
  OutsideAccount,
  openRecovered,
  portsOfRecovered,
  type Recovered,
  type RecoverPlace,
} from '../log/recovering.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { View } from '../protocol/vocabulary.js';
import { IoEnd } from '../threads/io-end.js';
import { SharedBlock, type WORD_TO_GUEST_BELL, WORD_TO_IO_BELL } from '../threads/shared.js';
import type { SnapshotRequest } from '../threads/snapshot-io-end.js';
import type { StatePort, Timers } from '../threads/thread-ports.js';
import { EntryDecoder } from '../wire/log-entries.js';
import { Actor } from './actor.js';
import type { BusHost } from './bus-host.js';
import type { History } from './history.js';
import type { Connection, Listener, Path } from './network.js';
import { savedIn } from './operator.js';
import type { ChannelPart, Parts } from './parts.js';
import { Random } from './random.js';
import type { Judge } from './run-judge.js';
import type { RunOptions } from './run-plan.js';
import type { Schedule } from './schedule.js';
import { BUS, type Seen } from './seen.js';
import type { Arbiter } from './simulated-arbiter.js';
import { readingDisk, type SimulatedFiles } from './simulated-disk.js';
import { type GuestObserver, GuestThread, type SavedGuest } from './simulated-guest-thread.js';
import { SimulatedLog } from './simulated-log.js';
import type { SimulatedSnapshots } from './simulated-snapshots.js';
import type { GuestOptions } from './toy-guest.js';
import { fromBusWire, peerWire, toBusWire } from './wires.js';

const START_MS = 60;
const RECONNECT_NS = [1e6, 2e7] as const;
/** Pieces of a snapshot: enough for faults to strike between them, and for more than a connection takes at once. */
const PIECES_MAX = 12;
const PIECE_BYTES = 256;

/** `hung`: paused for ever. */
export type Fate = 'live' | 'killed' | 'hung' | 'halted' | 'finished';

export type PeerPacket = Uint8Array | PeerMessage<Uint8Array>;
export type PeerConnection = Connection<PeerPacket, PeerPacket>;

export interface ReplicaOptions {
  readonly name: string;
  readonly run: RunOptions;
  readonly guest: GuestOptions;
  readonly parts: Parts;
  readonly schedule: Schedule;
  readonly random: Random;
  /** Undefined: it joins. */
  readonly view: View | undefined;
  readonly arbiter: Arbiter;
  readonly bus: BusHost;
  readonly busPath: Path;
  readonly judge: Judge;
  readonly snapshots: SimulatedSnapshots;
  /** Where logs are written down. */
  readonly files: SimulatedFiles;
  /** It goes on from a log, in a view that names it. */
  readonly recovers?: RecoverPlace;
  readonly see: (seen: Seen) => void;
}

/** The memory of the two threads; whoever is rung hears of it a little later. */
class RungBlock extends SharedBlock {
  rung: (bell: number) => void = () => undefined;

  override ring(bell: typeof WORD_TO_GUEST_BELL | typeof WORD_TO_IO_BELL): void {
    super.ring(bell);
    this.rung(bell);
  }
}

/** The I/O thread's end of the rings; whoever looks sees what goes to the guest thread. */
class WatchedEnd extends IoEnd<SavedGuest> {
  watch: (part: Uint8Array) => void = () => undefined;
  throttled: (on: boolean) => void = () => undefined;
  promoted: () => void = () => undefined;
  snapshotAsked: () => void = () => undefined;

  override setThrottle(on: boolean): void {
    this.throttled(on);
    super.setThrottle(on);
  }

  override sendPromotion(): void {
    super.sendPromotion();
    this.promoted();
  }

  override requestSnapshot(request: SnapshotRequest<SavedGuest>): void {
    if (request.join) this.snapshotAsked();
    super.requestSnapshot(request);
  }

  override sendLog(part: Uint8Array): void {
    this.watch(part);
    super.sendLog(part);
  }
}

export class Replica {
  readonly name: string;
  readonly io: Actor;
  readonly guestActor: Actor;
  fate: Fate = 'live';
  /** Why it halted. */
  haltCode = '';
  /** The latest view that the arbiter's answers cannot have hidden from it. */
  readUpTo = 0;
  /** How many times longer than it should its host takes for an instruction: as the slowest of the faults that last. */
  readonly #slownesses: number[] = [1];
  /** How late its timers come at the most, ns: as the latest of the faults that last. */
  readonly #jitters: number[] = [];
  /** Added to the host's time of day, ns: someone sets the clock. */
  realTimeJumpNs = 0;

  readonly #options: ReplicaOptions;
  readonly #driver: ReplicaDriver<SavedGuest>;
  /** What it writes down, if it does. */
  readonly log: SimulatedLog | undefined;
  readonly #guestThread: GuestThread;
  readonly #skewNs: number;
  readonly #peers = new Map<string, { readonly connection: PeerConnection; readonly end: 0 | 1 }>();
  #bus: Connection<PeerPacket | ToBus, PeerPacket | FromBus> | undefined;
  /** Whether its guest goes on from a state that is given to it. */
  readonly #restores: boolean;
  /** Of one that goes on from a log. */
  #account: OutsideAccount | undefined;
  #wakes = false;
  /** A snapshot to be kept was asked for, and is not answered. */
  #keeps = false;
  /** Whose message it is acting on. */
  #hears: string | undefined;

  constructor(options: ReplicaOptions) {
    const { name, schedule, random, run, parts, view, recovers, files, snapshots } = options;
    this.#options = options;
    const recovered =
      recovers === undefined ? undefined : openRecovered(readingDisk(files), recovers, savedIn(snapshots));
    this.#restores = view === undefined || recovered?.saved !== undefined;
    this.name = name;
    this.#skewNs = random.below(1e9);
    this.io = new Actor(schedule);
    this.guestActor = new Actor(schedule);
    const shared = new RungBlock(SharedBlock.allocate(run.bounds.ringBytes));
    const [ioPort, guestPort] = newPorts();
    const end = this.#newIoEnd(shared, ioPort);
    this.#guestThread = this.#newGuestThread(shared, guestPort);
    this.log = this.#newLog(recovered?.saved);
    const ports = this.#portsAround(this.#ports(end), recovered);
    this.#driver = new ReplicaDriver<SavedGuest>({
      channel: {
        incarnation: name,
        machine: 'm',
        view,
        operationIds: run.operationIds,
        heartbeatMs: run.heartbeatMs,
        tickMs: run.tickMs,
        suspicionMs: run.suspicionMs,
        startMs: START_MS,
        backupsWanted: Math.max(1, run.replicas - 1),
        bounds: run.bounds,
        ...(recovered?.saved === undefined ? {} : { position: recovered.saved.position }),
        ...(run.durability === undefined ? {} : { durability: run.durability }),
      },
      newChannel: parts.channel,
      ports,
      ...(recovered?.saved === undefined ? {} : { resumed: recovered.saved }),
    });
    this.#driver.start();
    if (recovered !== undefined) this.#goOnFrom(recovered, end);
  }

  #portsAround(
    plain: ReplicaPorts<SavedGuest>,
    recovered: Recovered<SavedGuest> | undefined,
  ): ReplicaPorts<SavedGuest> {
    const ports = this.log?.log.ports(plain) ?? plain;
    if (recovered === undefined) return ports;
    const { place, saved } = recovered;
    this.#account = new OutsideAccount(place, saved, this.#failed);
    return portsOfRecovered(ports, place, saved, this.#account);
  }

  /** The log is its primary, as far as it goes. */
  #goOnFrom({ place, log }: Recovered<SavedGuest>, end: WatchedEnd): void {
    const { view } = this.#options;
    const own = this.log?.log;
    const account = this.#account;
    assert(
      view !== undefined && own !== undefined && account !== undefined,
      'a log that is gone on from is gone on with',
    );
    if (view.primary === this.name) return;
    const peer = new LogPeer({
      ...{ log, place, view: view.number, timers: this.#timers, failed: this.#failed, account },
      isBusy: () => end.waits,
      awaitsMore: () => end.awaitsMore,
      isCongested: () => end.isCongested,
      whenSynced: (position, then) => own.whenSynced(position, then),
    });
    this.#driver.addPeer(view.primary, own.link(peer));
  }

  /** What goes wrong while it goes on from a log ends it. */
  readonly #failed = (error: unknown): void => {
    if (!(error instanceof EpochvisorError)) throw error;
    this.haltCode = error.code;
    this.#options.see({ type: 'recoveryRefused', code: error.code, why: error.message });
    this.#options.judge.refusedToRecover(error.code, error.message);
    this.#end('halted', error.code);
  };

  #newLog(first: SavedGuest | undefined): SimulatedLog | undefined {
    const { name, schedule, run, parts, view, judge, snapshots, files, recovers } = this.#options;
    const { durability } = run;
    if (durability === undefined) return undefined;
    const log = new SimulatedLog({
      ...{ name, durability, run, view, files, parts, schedule, snapshots, process: this.io },
      ...{ first, recovers: recovers !== undefined },
      random: new Random(run.seed ^ (0xd15c + name.charCodeAt(0))),
      violate: what => judge.violate(what),
    });
    judge.logs(name, log);
    return log;
  }

  // ---- the two threads and what they share

  readonly #ringNs = (): number => this.#options.random.between(1e3, this.#options.run.ringNs);

  #newIoEnd(shared: RungBlock, port: StatePort): WatchedEnd {
    const { random, run, judge, name, see } = this.#options;
    let waiting: (() => void) | undefined;
    shared.rung = bell => {
      if (bell === WORD_TO_IO_BELL) {
        const act = waiting;
        waiting = undefined;
        if (act !== undefined) this.io.after(this.#ringNs(), act);
      } else if (!this.#wakes) {
        this.#wakes = true;
        this.guestActor.after(this.#ringNs(), () => {
          this.#wakes = false;
          this.#guestThread.wake();
        });
      }
    };
    const end = new WatchedEnd(
      {
        shared,
        port,
        bounds: run.bounds,
        timers: this.#timers,
        allocate: (_, then) => this.io.after(random.between(1e3, 1e6), () => then(new SharedArrayBuffer(8))),
        whenRung: (bell, act) => {
          if (shared.words[WORD_TO_IO_BELL] === bell) waiting = act;
          else this.io.after(this.#ringNs(), act);
        },
      },
      this.#restores,
    );
    // A joining replica's log follows a state that has not come yet.
    const decoder = this.#restores ? undefined : new EntryDecoder();
    end.throttled = on => {
      if (on) judge.coverage.throttled += 1;
      see({ type: 'throttled', name, on });
    };
    end.promoted = () => see({ type: 'promoted', name, waits: end.waits });
    end.snapshotAsked = () => see({ type: 'snapshotAsked', name, peer: this.#hears ?? '' });
    end.watch = part => judge.accepted(name, part, decoder);
    return end;
  }

  #newGuestThread(shared: SharedBlock, port: StatePort): GuestThread {
    const { name, random, run, parts, view, guest } = this.#options;
    const role = view?.primary === name ? 'primary' : 'backup';
    const { variant, operationIds, bounds, epochLength } = run;
    return new GuestThread({
      actor: this.guestActor,
      random,
      shared,
      port,
      bounds,
      newExecution: from => parts.execution({ role, variant, operationIds, bounds, epochLength }, from),
      clock: parts.clock(),
      hostClock: {
        realTimeNs: () => BigInt(Math.floor(1e12 + this.#hostNs() + this.realTimeJumpNs)),
        monotonicNs: () => this.#hostNs(),
      },
      guest,
      restores: this.#restores,
      epochLength,
      lengthProbability: run.lengthProbability,
      // Its own, so that a run whose length stays is what it would be otherwise.
      lengths: new Random(run.seed ^ (0x1e47 + name.charCodeAt(0))),
      digestProbability: run.digestProbability,
      takesCheckpoints: run.checkpointPace !== undefined,
      instructionNs: () => run.instructionNs * Math.max(...this.#slownesses),
      loadNs: random.between(1e3, run.transferNs[1]),
      observer: this.#observer(),
    });
  }

  #observer(): GuestObserver {
    const { name, judge, see } = this.#options;
    const observer = judge.observe(name, () => this.#guestThread.role);
    const restored = (saved: SavedGuest): void => {
      observer.restored(saved);
      see({ type: 'restored', name });
    };
    return { ...observer, restored, refused: () => see({ type: 'snapshotRefused', name }) };
  }

  // ---- the driver's world

  readonly #timers: Timers = {
    nowMs: () => this.#hostNs() / 1e6,
    after: (delayMs, act) => this.io.timer(delayMs * 1e6 + this.#lateNs(), act),
    next: act => this.io.after(this.#options.random.between(0, 2e3), act),
    soon: act => this.io.after(this.#options.random.between(1e3, 2e4), act),
  };

  #ports(guest: IoEnd<SavedGuest>): ReplicaPorts<SavedGuest> {
    const { arbiter, random, run, snapshots, name } = this.#options;
    let claims = 0;
    return {
      timers: this.#timers,
      crowding: () => 1,
      guest,
      arbiter: {
        claim: (view: View, answer: (answer: ClaimAnswer) => void) => this.#claim(view, answer),
        latest: (_: string, answer: (view: View | undefined) => void) =>
          arbiter.read((got, certain) =>
            this.io.do(() => {
              this.readUpTo = Math.max(this.readUpTo, certain);
              answer(got);
            }),
          ),
      },
      connectBus: (handlers: BusHandlers) => this.#connectBus(handlers),
      pieces: (state: SavedGuest, then: (pieces: Iterator<Uint8Array>) => void) => {
        const pieces = snapshots.pieces(state, random.between(1, PIECES_MAX));
        this.io.after(random.between(run.transferNs[0], run.transferNs[1]), () => then(pieces[Symbol.iterator]()));
      },
      reader: () => snapshots.reader(),
      tell: (news: ReplicaNews) => this.#tell(news),
      end: (halted: boolean) => {
        this.#end(halted ? 'halted' : 'finished', halted ? this.haltCode : 'finished');
      },
      newClaim: () => `${name}.${++claims}`,
    };
  }

  #claim(view: View, answer: (answer: ClaimAnswer) => void): void {
    const { arbiter, see, judge } = this.#options;
    judge.claims(view);
    see({ type: 'claims', name: this.name, view });
    arbiter.claim(view, got =>
      this.io.do(() => {
        see({ type: 'answered', name: this.name, view, answer: got });
        answer(got);
      }),
    );
  }

  #tell(news: ReplicaNews): void {
    const { see, judge } = this.#options;
    see({ type: 'news', name: this.name, news });
    if (news.type === 'view') {
      judge.viewed(this.name, news.view);
      if (isEarly(news.reason, this.#options.run.suspicionMs)) judge.coverage.early += 1;
    } else if (news.type === 'halted') {
      this.haltCode = news.code;
      judge.halted(this.name, news.code);
    }
  }

  /** From its launcher. */
  hearsOfEnd(name: string): void {
    this.io.after(this.#ringNs(), () => this.#driver.peerGone(name, 'killed'));
  }

  get history(): History {
    return this.#guestThread.history;
  }

  get view(): View | undefined {
    return this.#driver.channel.view;
  }

  get protection(): ChannelPart['protection'] {
    return this.#driver.channel.protection;
  }

  get role(): 'primary' | 'backup' {
    return this.#driver.channel.role;
  }

  get keptParts(): number {
    return this.#driver.channel.keptParts;
  }

  /** Can still do something for the machine: neither at its end, nor hung, nor without a state. */
  get active(): boolean {
    return this.fate === 'live' && this.view !== undefined;
  }

  #hostNs(): number {
    return this.#options.schedule.nowNs + this.#skewNs;
  }

  /** @returns what ends it */
  slowDown(times: number): () => void {
    this.#slownesses.push(times);
    return () => void this.#slownesses.splice(this.#slownesses.indexOf(times), 1);
  }

  /** @returns what ends it */
  jitter(byNs: number): () => void {
    this.#jitters.push(byNs);
    return () => void this.#jitters.splice(this.#jitters.indexOf(byNs), 1);
  }

  #lateNs(): number {
    return this.#jitters.length === 0 ? 0 : this.#options.random.below(Math.max(...this.#jitters));
  }

  flip(): void {
    this.#options.judge.flipped(this.name);
    this.#guestThread.flip();
  }

  /** A user asks for a snapshot, once the one before is answered. */
  keep(): void {
    if (this.#keeps) return;
    this.#keeps = true;
    this.io.do(() =>
      this.#driver.takeToKeep({
        awaited: ({ execution }) => execution.outstanding.map(({ id }) => id),
        committed: (saved, statuses) => {
          this.#keeps = false;
          this.#options.judge.kept(this.name, saved, statuses.length);
        },
        failed: () => {
          this.#keeps = false;
        },
      }),
    );
  }

  // ---- ends

  /** SIGKILL: both threads; what is under way from it may be lost. */
  kill(): void {
    if (this.fate !== 'live' && this.fate !== 'hung') return;
    this.#options.see({ type: 'died', name: this.name });
    this.log?.checkPowerLoss();
    this.#end('killed', 'killed', true);
  }

  #end(fate: Fate, reason: string, lossy = false): void {
    this.fate = fate;
    this.io.kill();
    this.guestActor.kill();
    this.#driver.stop();
    this.#bus?.end(0, lossy, reason);
    for (const { connection, end } of this.#peers.values()) connection.end(end, lossy, reason);
  }

  // ---- the peers

  /** Listener for the connection that `connected` brings. */
  listen(peer: string): Listener<PeerPacket> & { handlers: PeerHandlers | undefined } {
    const listener = {
      handlers: undefined as PeerHandlers | undefined,
      received: (packet: PeerPacket) =>
        this.io.do(() => {
          const heard = peerWire.read(packet);
          this.#hears = peer;
          if (heard instanceof Uint8Array) listener.handlers?.piece(heard);
          else listener.handlers?.message(heard);
          this.#hears = undefined;
        }),
      closed: (reason: string) =>
        this.io.do(() => {
          this.#options.see({ type: 'parted', name: this.name, peer, reason });
          this.#peers.delete(peer);
          listener.handlers?.closed(reason);
        }),
    };
    return listener;
  }

  connected(name: string, connection: PeerConnection, end: 0 | 1, listener: ReturnType<Replica['listen']>): void {
    this.#peers.set(name, { connection, end });
    this.io.do(() => {
      const link = this.#linkTo(name, connection, end, listener);
      this.#driver.addPeer(name, this.log?.log.link(link) ?? link);
    });
  }

  #linkTo(name: string, connection: PeerConnection, end: 0 | 1, listener: ReturnType<Replica['listen']>): PeerLink {
    const { run, judge } = this.#options;
    const send = (packet: PeerPacket, bytes: number): void => {
      if (end === 0) connection.sendFromFirst(packet, bytes);
      else connection.sendFromSecond(packet, bytes);
    };
    const ends = (reason: string, lossy: boolean): void => {
      connection.end(end, lossy, reason);
      if (this.#peers.get(name)?.connection !== connection) return;
      this.#peers.delete(name);
      this.#options.see({ type: 'dropped', name: this.name, peer: name });
      this.io.after(1e3, () => listener.handlers?.closed(reason));
    };
    return {
      get bufferedBytes() {
        return connection.bufferedBytes(end);
      },
      get arrivedBytes() {
        return connection.arrivedBytes(end);
      },
      whenTaken: act => {
        judge.coverage.fullLinks += 1;
        connection.whenTaken(end, () => this.io.after(1e3, act));
      },
      listen: handlers => {
        listener.handlers = handlers;
      },
      send: message => {
        this.#options.see({ type: 'said', from: this.name, to: name, message });
        const { packet, bytes } = peerWire.write(message, run.encodes);
        send(packet, bytes);
      },
      sendPiece: piece => {
        this.#options.see({ type: 'piece', from: this.name, to: name });
        send(peerWire.piece(piece, run.encodes), PIECE_BYTES);
      },
      close: () => ends('dropped', false),
      terminate: () => ends('terminated', true),
    };
  }

  // ---- the bus

  #connectBus(handlers: BusHandlers): void {
    const { busPath, random, bus, name, run, see } = this.#options;
    this.io.after(random.between(RECONNECT_NS[0], RECONNECT_NS[1]), () => {
      if (!busPath.open || !bus.answers) {
        this.#connectBus(handlers);
        return;
      }
      let id = 0;
      let open = true;
      const closed = (): void => {
        if (!open) return;
        open = false;
        this.#bus = undefined;
        handlers.closed();
      };
      const connection = busPath.connect<PeerPacket | ToBus, PeerPacket | FromBus>(
        {
          received: packet =>
            this.io.do(() => {
              const message = fromBusWire.read(packet);
              see({ type: 'said', from: BUS, to: name, message });
              handlers.message(message);
            }),
          closed: () => this.io.do(closed),
        },
        { received: packet => bus.receive(id, toBusWire.read(packet)), closed: () => bus.detach(id) },
      );
      this.#bus = connection;
      id = bus.attach(connection, name);
      const port: BusConnection = {
        get bufferedBytes() {
          return connection.bufferedBytes(0);
        },
        get arrivedBytes() {
          return connection.arrivedBytes(0);
        },
        send: message => {
          see({ type: 'said', from: name, to: BUS, message });
          const { packet, bytes } = toBusWire.write(message, run.encodes);
          connection.sendFromFirst(packet, bytes);
        },
        terminate: () => {
          connection.end(0, true, 'terminated');
          this.io.after(1e3, closed);
        },
      };
      handlers.opened(port);
    });
  }
}

/** Whether a view was claimed after a silence shorter than the suspicion time. */
function isEarly(reason: string, suspicionMs: number): boolean {
  const { ms } = /no word from it for (?<ms>\d+) ms/.exec(reason)?.groups ?? {};
  return Number(ms) < suspicionMs;
}

/** Two ends: what is posted at one is taken at the other. */
function newPorts(): [StatePort, StatePort] {
  const [here, there]: [unknown[], unknown[]] = [[], []];
  return [
    { post: message => void there.push(message), take: () => here.shift() },
    { post: message => void here.push(message), take: () => there.shift() },
  ];
}
