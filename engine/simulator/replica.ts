// One simulated replica: two threads, their rings, its connections, and the ways in which it comes to an end. One that
// joins has no guest thread before its snapshot is there.

import { assert } from '../errors/errors.js';
import type { View } from '../protocol/machine.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import { Actor, Ring } from './actor.js';
import type { Arbiter } from './arbiter.js';
import type { BusHost } from './bus-host.js';
import { Guest, type GuestOptions } from './guest.js';
import { GuestThread, type SavedGuest, type ToGuest, type ToIo } from './guest-thread.js';
import { type History, restore } from './history.js';
import { IoThread } from './io-thread.js';
import type { Judge } from './judge.js';
import type { Connection, Listener, Path } from './network.js';
import type { ChannelPart, ExecutionPart, Part, Parts } from './parts.js';
import { type PeerConnection, PeerConnections, type PeerPacket } from './peer-connections.js';
import type { Random } from './random.js';
import type { RunOptions } from './run.js';
import type { Schedule } from './schedule.js';

export const HEARTBEAT_MS = 10;
export const SUSPICION_MS = 50;
const START_MS = 60;
const RECONNECT_NS = [1e6, 2e7] as const;

/** `hung`: paused for ever. */
export type Fate = 'live' | 'killed' | 'hung' | 'halted' | 'finished';

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
  readonly trace: (line: () => string) => void;
}

export class Replica {
  readonly name: string;
  readonly io: Actor;
  readonly guestActor: Actor;
  fate: Fate = 'live';
  /** Why it halted. */
  haltCode = '';
  /** A slow host takes this many times longer for an instruction. */
  slowness = 1;
  /** Added to the host's time of day, ns: someone sets the clock. */
  realTimeJumpNs = 0;

  readonly #options: ReplicaOptions;
  readonly #channel: ChannelPart;
  readonly #ioThread: IoThread;
  readonly #toIo: Ring<ToIo>;
  readonly #toGuest: Ring<ToGuest>;
  readonly #skewNs: number;
  readonly #peers: PeerConnections;
  #guestThread: GuestThread | undefined;
  /** What the guest thread is to hear when there is one. */
  readonly #early: ToGuest[] = [];
  #bus: Connection<ToBus, FromBus> | undefined;

  constructor(options: ReplicaOptions) {
    const { name, schedule, random, run, parts, view } = options;
    this.#options = options;
    this.name = name;
    this.#skewNs = random.below(1e9);
    this.io = new Actor(schedule);
    this.guestActor = new Actor(schedule);
    const ringNs = this.#ringNs;
    this.#toIo = new Ring<ToIo>(schedule, this.io, ringNs, message => this.#ioThread.fromGuest(message));
    this.#toGuest = new Ring<ToGuest>(schedule, this.guestActor, ringNs, message => this.#hears(message));
    this.#peers = new PeerConnections({
      actor: this.io,
      random,
      transferNs: run.transferNs,
      closed: (peer, reason) => this.#ioThread.peerClosed(peer, reason),
      received: saved => this.#restore(saved),
    });
    if (view !== undefined) {
      const role = view.primary === name ? 'primary' : 'backup';
      const { variant, operationIds } = run;
      const execution = parts.execution({ role, variant, operationIds });
      this.#guestThread = this.#newGuestThread(execution);
    }
    this.#channel = this.#newChannel();
    this.#ioThread = this.#newIoThread();
    // Where there is no backup, all is acknowledged.
    if (view?.backups.length === 0) this.#guestThread?.acknowledged(Infinity);
    this.#connectBus();
  }

  readonly #ringNs = (): number => this.#options.random.between(1e3, this.#options.run.ringNs);

  #newGuestThread(execution: ExecutionPart, saved?: SavedGuest): GuestThread {
    const { name, random, run, parts, judge } = this.#options;
    const standing = saved === undefined ? undefined : restore(this.#options.guest, saved.history);
    return new GuestThread({
      actor: this.guestActor,
      random,
      execution,
      clock: parts.clock(),
      hostClock: {
        realTimeNs: () => BigInt(Math.floor(1e12 + this.#hostNs() + this.realTimeJumpNs)),
        monotonicNs: () => this.#hostNs(),
      },
      guest: standing?.guest ?? new Guest(this.#options.guest),
      ...(saved === undefined || standing === undefined ? {} : { from: { saved, standing } }),
      epochLength: run.epochLength,
      digestProbability: run.digestProbability,
      instructionNs: () => run.instructionNs * this.slowness,
      lazy: random.chance(0.5),
      toIo: message => this.#toIo.put(message),
      observer: judge.observe(name, () => execution.role),
    });
  }

  #newChannel(): ChannelPart {
    const { name, run, parts, view } = this.#options;
    let claims = 0;
    return parts.channel({
      incarnation: name,
      machine: 'm',
      view,
      operationIds: run.operationIds,
      heartbeatMs: HEARTBEAT_MS,
      suspicionMs: SUSPICION_MS,
      startMs: START_MS,
      nowMs: this.#nowMs,
      newClaim: () => `${name}.${++claims}`,
      backupsWanted: Math.max(1, run.replicas - 1),
    });
  }

  #newIoThread(): IoThread {
    const { name, schedule, random, judge, arbiter, trace } = this.#options;
    // Words in shared memory: seen late, but never an older one after a newer.
    const bells = new Ring<(guest: GuestThread) => void>(schedule, this.guestActor, this.#ringNs, act => {
      if (this.#guestThread !== undefined) act(this.#guestThread);
    });
    const bell = (act: (guest: GuestThread) => void): void => bells.put(act);
    return new IoThread({
      actor: this.io,
      channel: this.#channel,
      nowMs: () => this.#nowMs,
      tickMs: HEARTBEAT_MS / 2,
      batchNs: random.pick([0, 1e4, 1e6]),
      sendPeer: (peer, message) => this.#sendPeer(peer, message),
      sendBus: message => this.#sendBus(message),
      dropBus: () => {
        this.#bus?.end(0, false, 'silent');
        this.io.do(() => this.#busClosed());
      },
      claim: (claimed, answer) => arbiter.claim(claimed, answer),
      readLatest: answer => arbiter.read(answer),
      takeSnapshot: () => bell(guest => guest.requestSnapshot()),
      sendSnapshot: (peer, saved) => this.#peers.transfer(peer, saved),
      welcomed: peer => this.#peers.expect(peer),
      dropPeer: (peer, reason) => {
        trace(() => `${name} drops ${peer}: ${reason}`);
        this.#peers.end(peer, reason);
      },
      toGuest: message => {
        if (this.#guestThread === undefined) this.#early.push(message);
        else this.#toGuest.put(message);
      },
      acknowledged: position => bell(guest => guest.acknowledged(position)),
      throttle: on => {
        if (on) judge.coverage.throttled += 1;
        bell(guest => guest.throttle(on));
      },
      accepted: part => judge.accepted(name, part),
      viewed: viewed => this.#viewed(viewed),
      adopted: adopted => trace(() => `${name} is in view ${adopted.number} of ${adopted.primary}`),
      finished: () => this.#end('finished', 'finished'),
      halted: (code, message) => {
        trace(() => `${name} halts: ${message}`);
        judge.halted(name, code);
        this.haltCode = code;
        this.#end('halted', code);
      },
    });
  }

  #hears(message: ToGuest): void {
    assert(this.#guestThread !== undefined, 'a ring has a reader');
    this.#guestThread.receive(message);
  }

  /** JN: the snapshot is there; the log that came meanwhile follows it. */
  #restore(saved: SavedGuest): void {
    const { name, run, parts, judge, trace } = this.#options;
    trace(() => `${name} starts from position ${saved.position}`);
    const { variant, operationIds } = run;
    const start = { state: saved.execution, position: saved.position };
    this.#guestThread = this.#newGuestThread(parts.execution({ role: 'backup', variant, operationIds }, start), saved);
    judge.restored(name, saved.precedence);
    for (const message of this.#early.splice(0)) this.#toGuest.put(message);
  }

  get history(): History {
    return this.#guestThread?.history ?? { happenings: [], actions: 0 };
  }

  get view(): View | undefined {
    return this.#channel.view;
  }

  get protection(): ChannelPart['protection'] {
    return this.#channel.protection;
  }

  get role(): 'primary' | 'backup' {
    return this.#channel.role;
  }

  get keptParts(): number {
    return this.#channel.keptParts;
  }

  /** Can still do something for the machine: neither at its end, nor hung, nor without a state. */
  get active(): boolean {
    return this.fate === 'live' && this.view !== undefined;
  }

  get #nowMs(): number {
    return this.#hostNs() / 1e6;
  }

  #hostNs(): number {
    return this.#options.schedule.nowNs + this.#skewNs;
  }

  flip(): void {
    this.#options.judge.flipped(this.name);
    this.#guestThread?.flip();
  }

  // ---- ends

  /** SIGKILL: both threads; what is under way from it may be lost. */
  kill(): void {
    if (this.fate === 'live' || this.fate === 'hung') this.#end('killed', 'killed', true);
  }

  #end(fate: Fate, reason: string, lossy = false): void {
    this.fate = fate;
    this.io.kill();
    this.guestActor.kill();
    this.#bus?.end(0, lossy, reason);
    this.#peers.endAll(lossy, reason);
  }

  // ---- the peers

  /** Listener for the connection that `connected` brings. */
  listen(peer: string): Listener<PeerPacket> {
    return this.#peers.listener(peer, message => this.#ioThread.peer(peer, message));
  }

  connected(name: string, connection: PeerConnection, end: 0 | 1): void {
    this.#peers.add(name, connection, end);
    this.io.do(() => this.#ioThread.peerOpened(name));
  }

  #sendPeer(peer: string, message: PeerMessage<Part>): void {
    this.#options.trace(() => `${this.name} -> ${peer}: ${describe(message)}`);
    this.#peers.send(peer, message);
  }

  #viewed(view: View): void {
    this.#options.trace(() => `${this.name} owns view ${view.number} with ${view.backups.join(', ') || 'nobody'}`);
    this.#options.judge.viewed(this.name, view);
    if (!this.#options.run.closesPeers) return;
    // Who has been left out; who joins is no part of a view yet.
    for (const peer of this.#peers.names) {
      if (!view.backups.includes(peer) && this.#options.judge.wasNamed(peer))
        this.#peers.end(peer, 'no part of the view');
    }
  }

  // ---- the bus

  #sendBus(message: ToBus): void {
    this.#options.trace(() => `${this.name} -> bus: ${describe(message)}`);
    this.#bus?.sendFromFirst(message);
  }

  #connectBus(): void {
    const { busPath, random, bus, name } = this.#options;
    this.io.after(random.between(RECONNECT_NS[0], RECONNECT_NS[1]), () => {
      if (!busPath.open) {
        this.#connectBus();
        return;
      }
      let id = 0;
      const connection = busPath.connect<ToBus, FromBus>(
        {
          received: message => this.io.do(() => this.#fromBus(message)),
          closed: () => this.io.do(() => this.#busClosed()),
        },
        { received: message => bus.receive(id, message), closed: () => bus.detach(id) },
      );
      this.#bus = connection;
      id = bus.attach(connection, name);
      this.#ioThread.busOpened();
    });
  }

  #fromBus(message: FromBus): void {
    this.#options.trace(() => `bus -> ${this.name}: ${describe(message)}`);
    this.#ioThread.bus(message);
  }

  #busClosed(): void {
    this.#bus = undefined;
    this.#ioThread.busClosed();
    this.#connectBus();
  }
}

/** One line of a trace. */
function describe(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Uint8Array ? `${value.length} bytes` : value;
  });
}
