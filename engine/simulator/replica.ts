// One simulated replica: two threads, their rings, its connections, and the ways in which it comes to an end.

import type { View } from '../protocol/machine.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import { Actor, Ring } from './actor.js';
import type { Arbiter } from './arbiter.js';
import type { BusHost } from './bus-host.js';
import { Guest, type GuestOptions } from './guest.js';
import { GuestThread, type ToGuest, type ToIo } from './guest-thread.js';
import type { History } from './history.js';
import { IoThread } from './io-thread.js';
import type { Judge } from './judge.js';
import type { Connection, Listener, Path } from './network.js';
import type { ExecutionPart, Part, Parts } from './parts.js';
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
  readonly view: View;
  readonly arbiter: Arbiter;
  readonly bus: BusHost;
  readonly busPath: Path;
  readonly judge: Judge;
  readonly trace: (line: string) => void;
}

type PeerConnection = Connection<PeerMessage<Part>, PeerMessage<Part>>;

interface PeerEnd {
  readonly name: string;
  readonly connection: PeerConnection;
  readonly end: 0 | 1;
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
  readonly #ioThread: IoThread;
  readonly #guestThread: GuestThread;
  readonly #skewNs: number;
  #bus: Connection<ToBus, FromBus> | undefined;
  #peer: PeerEnd | undefined;
  /** The log of a primary that runs before its backup has come. */
  readonly #unsent: PeerMessage<Part>[] = [];

  constructor(options: ReplicaOptions) {
    const { name, schedule, random, run, parts, view } = options;
    this.#options = options;
    this.name = name;
    this.#skewNs = random.below(1e9);
    this.io = new Actor(schedule);
    this.guestActor = new Actor(schedule);

    const role = view.primary === name ? 'primary' : 'backup';
    const { variant, operationIds } = run;
    const execution = parts.execution({ role, variant, operationIds });
    const ringNs = this.#ringNs;
    const toIo = new Ring<ToIo>(schedule, this.io, ringNs, message => this.#ioThread.fromGuest(message));
    const toGuest = new Ring<ToGuest>(schedule, this.guestActor, ringNs, message => this.#guestThread.receive(message));
    this.#guestThread = this.#newGuestThread(execution, message => toIo.put(message));
    this.#ioThread = this.#newIoThread(message => toGuest.put(message));
    // Where there is no backup, all is acknowledged.
    if (view.backups.length === 0) this.#guestThread.acknowledged(Infinity);
    this.#connectBus();
  }

  readonly #ringNs = (): number => this.#options.random.between(1e3, this.#options.run.ringNs);

  #newGuestThread(execution: ExecutionPart, toIo: (message: ToIo) => void): GuestThread {
    const { name, random, run, parts, judge } = this.#options;
    return new GuestThread({
      actor: this.guestActor,
      random,
      execution,
      clock: parts.clock(),
      hostClock: {
        realTimeNs: () => BigInt(Math.floor(1e12 + this.#hostNs() + this.realTimeJumpNs)),
        monotonicNs: () => this.#hostNs(),
      },
      guest: new Guest(this.#options.guest),
      epochLength: run.epochLength,
      instructionNs: () => run.instructionNs * this.slowness,
      lazy: random.chance(0.5),
      toIo,
      observer: judge.observe(name, () => execution.role),
    });
  }

  #newIoThread(toGuest: (message: ToGuest) => void): IoThread {
    const { name, random, run, parts, judge, view, arbiter, trace } = this.#options;
    const nowMs = (): number => this.#hostNs() / 1e6;
    const bell = (act: () => void): void => this.guestActor.after(this.#ringNs(), act);
    let claims = 0;
    const channel = parts.channel({
      incarnation: name,
      machine: view.machine,
      view,
      operationIds: run.operationIds,
      heartbeatMs: HEARTBEAT_MS,
      suspicionMs: SUSPICION_MS,
      startMs: START_MS,
      nowMs: nowMs(),
      newClaim: () => `${name}.${++claims}`,
    });
    return new IoThread({
      actor: this.io,
      channel,
      nowMs,
      tickMs: HEARTBEAT_MS / 2,
      batchNs: random.pick([0, 1e4, 1e6]),
      sendPeer: (peer, message) => this.#sendPeer(peer, message),
      sendBus: message => this.#sendBus(message),
      dropBus: () => {
        this.#bus?.end(0, false, 'silent');
        this.io.do(() => this.#busClosed());
      },
      claim: (claimed, answer) => arbiter.claim(claimed, answer),
      toGuest,
      acknowledged: position => bell(() => this.#guestThread.acknowledged(position)),
      throttle: on => {
        if (on) judge.coverage.throttled += 1;
        bell(() => this.#guestThread.throttle(on));
      },
      accepted: part => judge.accepted(name, part),
      viewed: viewed => this.#viewed(viewed),
      finished: () => this.#end('finished', 'finished'),
      halted: (code, message) => {
        trace(`${name} halts: ${message}`);
        judge.coverage.halted += 1;
        this.haltCode = code;
        this.#end('halted', code);
      },
    });
  }

  get history(): History {
    return this.#guestThread.history;
  }

  /** Can still do something: neither at its end nor hung. */
  get active(): boolean {
    return this.fate === 'live';
  }

  #hostNs(): number {
    return this.#options.schedule.nowNs + this.#skewNs;
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
    this.#peer?.connection.end(this.#peer.end, lossy, reason);
  }

  // ---- the peer

  /** Listener for the connection that `connected` brings. */
  listen(peer: string): Listener<PeerMessage<Part>> {
    return {
      received: message => this.io.do(() => this.#ioThread.peer(peer, message)),
      closed: reason => this.io.do(() => this.#ioThread.peerClosed(peer, reason)),
    };
  }

  connected(name: string, connection: PeerConnection, end: 0 | 1): void {
    this.#peer = { name, connection, end };
    for (const message of this.#unsent.splice(0)) this.#send(this.#peer, message);
    this.io.do(() => this.#ioThread.peerOpened(name));
  }

  #sendPeer(peer: string, message: PeerMessage<Part>): void {
    this.#options.trace(`${this.name} -> ${peer}: ${describe(message)}`);
    if (this.#peer === undefined) this.#unsent.push(message);
    else this.#send(this.#peer, message);
  }

  #send({ connection, end }: PeerEnd, message: PeerMessage<Part>): void {
    if (end === 0) connection.sendFromFirst(message);
    else connection.sendFromSecond(message);
  }

  #viewed(view: View): void {
    this.#options.trace(`${this.name} owns view ${view.number}`);
    this.#options.judge.viewed(this.name, view);
    const peer = this.#peer;
    if (peer === undefined || view.backups.includes(peer.name)) return;
    if (this.#options.run.closesPeers) peer.connection.end(peer.end, false, 'no part of the view');
  }

  // ---- the bus

  #sendBus(message: ToBus): void {
    this.#options.trace(`${this.name} -> bus: ${describe(message)}`);
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
    this.#options.trace(`bus -> ${this.name}: ${describe(message)}`);
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
