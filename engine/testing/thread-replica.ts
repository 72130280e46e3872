// A replica that is no process: its guest has a thread of a pool, and its I/O side shares the event loop of whoever tests it.
// Everything else is what runs in production: the same start (replica-start.ts), the same driver, real sockets, the same records at
// the arbiter.
//
// Its death must look to others as that of a process does. When a process is killed the kernel closes its sockets at once: what
// the kernel had taken still arrives, what waited in the process is lost, and nothing is said any more. So does `#die`:
//
//   - its sockets are destroyed, and its port is free: within the call, and what was corked or queued in them is dropped
//   - all that lies around the driver's ports is closed: claims, calls and announcements of the dead are never made. The driver
//     may still end the step that it is in the middle of; none of it leaves
//   - its guest's thread is abandoned: what stands in the rings is heard by nobody
//
// A guest's thread that dies at an instruction says so by a word in shared memory before it does anything else; the I/O side
// looks at it before whatever leaves it. In between it may have been anywhere, as that of a process may.

import type { Arbiter } from '../arbiter/arbiter.js';
import type { Listener } from '../channel/listener.js';
import { linkAround } from '../driver/link-around.js';
import type { BusConnection, PeerLink, ReplicaPorts } from '../driver/ports.js';
import { asError, assert } from '../errors/errors.js';
import type { GuestState } from '../guest/guest-state.js';
import type { ReplicaListener, StartedReplica } from '../launch/replica-process.js';
import type { InFlight, TestedReplica } from '../replica/io-hook.js';
import type { Replica } from '../replica/replica.js';
import type { FromReplica, ReplicaConfiguration, ToReplica } from '../replica/replica-configuration.js';
import { startReplica } from '../replica/replica-start.js';
import type { ThreadHost } from '../replica/thread-host.js';
import type { GuestPool } from './guest-pool.js';
import type { KillOptions } from './kill-hook.js';

const NEVER = new Promise<never>(() => undefined);

/** An answer comes from elsewhere, in a turn of its own, also where it is known at once: who asked may die before. */
function later<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return answer.finally(() => new Promise(resolve => setImmediate(resolve)));
}

/** What the replicas of a machine have in common. */
export interface ThreadHome {
  /** In shared memory. */
  readonly module: Uint8Array;
  readonly pool: GuestPool;
  /** Undefined: it is opened by its address. */
  readonly openedArbiter?: Arbiter;
}

export class ThreadReplica implements StartedReplica {
  readonly incarnation: string;
  readonly joins: boolean;
  readonly pid = process.pid;
  readonly ended: Promise<void>;
  readonly #home: ThreadHome;
  readonly #listener: ReplicaListener;
  /** Its first is set by whoever kills it. */
  readonly #death = new Int32Array(new SharedArrayBuffer(4));
  readonly #abort = new AbortController();
  readonly #links = new Set<{ terminate(): void }>();
  #listening: Listener | undefined;
  #thread: ThreadHost | undefined;
  #replica: Promise<Replica> | undefined;
  #halted: (FromReplica & { readonly type: 'halted' }) | undefined;
  #hasEnded = false;
  #isOver = false;
  #tested: TestedReplica | undefined;
  /** What was under way when it was killed; undefined: it was not, or nobody tested it. */
  inFlightAtDeath: InFlight | undefined;
  #resolveEnded: () => void = () => undefined;

  constructor(incarnation: string, joins: boolean, home: ThreadHome, listener: ReplicaListener) {
    this.incarnation = incarnation;
    this.joins = joins;
    this.#home = home;
    this.#listener = listener;
    this.ended = new Promise(resolve => {
      this.#resolveEnded = resolve;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(message: ToReplica): void {
    if (this.#isOver) return;
    if (message.type === 'start') {
      this.#replica = this.#start(message.configuration);
      this.#replica.catch(error => this.#failed(error));
    } else if (message.type === 'gone') {
      const { incarnation, reason } = message;
      this.#replica?.then(started => started.peerGone(incarnation, reason)).catch(error => this.#failed(error));
    } else {
      assert(message.type === 'save', 'links of a thread are cut by its hook');
      this.#replica?.then(started => started.save(message)).catch(error => this.#failed(error));
    }
  }

  isNamed(): void {
    // Silence of a thread is a defect, and is found as a machine that hangs.
  }

  /** By its launcher; nobody asks what was in flight. */
  kill(): void {
    Atomics.store(this.#death, 0, 1);
    this.#over('killed', true);
  }

  #start(configuration: ReplicaConfiguration): Promise<Replica> {
    const { module, pool, openedArbiter } = this.#home;
    return startReplica(this.#mortal(configuration), {
      module,
      ...(openedArbiter === undefined ? {} : { arbiter: openedArbiter }),
      tell: message => this.#tell(message),
      end: halted => this.#end(halted),
      failed: error => this.#failed(error),
      crash: () => this.#die(),
      guests: {
        allocate: () => pool.allocate(),
        start: data => pool.start(data, () => this.#looksAlive()),
      },
      signal: this.#abort.signal,
      around: {
        ports: ports => this.#ports(ports),
        link: link => this.#link(link),
        arbiter: arbiter => this.#arbiter(arbiter),
      },
      started: ({ thread, listener }) => {
        if (thread !== undefined) this.#thread = thread;
        if (listener !== undefined) this.#listening = listener;
        // It may have died meanwhile.
        if (this.#isOver) this.#release();
      },
    });
  }

  /** Hooks that kill a process kill this. */
  #mortal(configuration: ReplicaConfiguration): ReplicaConfiguration {
    const death = this.#death.buffer as SharedArrayBuffer;
    const { hook, ioHook } = configuration;
    const begun = (replica: TestedReplica) => {
      this.#tested = replica;
    };
    const mortal = <Hook extends { readonly options: unknown }>(one: Hook, more: Partial<KillOptions> = {}): Hook =>
      typeof one.options === 'object' ? { ...one, options: { ...one.options, death, ...more } } : one;
    return {
      ...configuration,
      ...(hook === undefined ? {} : { hook: mortal(hook) }),
      ...(ioHook === undefined ? {} : { ioHook: mortal(ioHook, { die: () => this.#die(), begun }) }),
    };
  }

  // ---- what could leave it

  /** Whether it lives: one that does not, and was killed elsewhere, dies now. */
  #looksAlive(): boolean {
    if (!this.#isOver && Atomics.load(this.#death, 0) === 1) this.#die();
    return !this.#isOver;
  }

  #ports(ports: ReplicaPorts<GuestState>): ReplicaPorts<GuestState> {
    return {
      ...ports,
      connectBus: handlers =>
        ports.connectBus({
          opened: bus => {
            this.#links.add(bus);
            if (this.#looksAlive()) handlers.opened(this.#bus(bus));
            else bus.terminate();
          },
          message: message => {
            if (this.#looksAlive()) handlers.message(message);
          },
          closed: () => {
            if (this.#looksAlive()) handlers.closed();
          },
        }),
    };
  }

  #bus(bus: BusConnection): BusConnection {
    return {
      get bufferedBytes() {
        return bus.bufferedBytes;
      },
      get arrivedBytes() {
        return bus.arrivedBytes;
      },
      send: message => {
        if (this.#looksAlive()) bus.send(message);
      },
      terminate: () => bus.terminate(),
      flush: () => bus.flush?.(),
    };
  }

  #link(link: PeerLink): PeerLink {
    this.#links.add(link);
    if (!this.#looksAlive()) link.terminate();
    return linkAround(link, {
      listen: handlers =>
        link.listen({
          message: message => {
            if (this.#looksAlive()) handlers.message(message);
          },
          piece: piece => {
            if (this.#looksAlive()) handlers.piece(piece);
          },
          closed: reason => {
            this.#links.delete(link);
            if (this.#looksAlive()) handlers.closed(reason);
          },
        }),
      send: message => {
        if (this.#looksAlive()) link.send(message);
      },
      sendPiece: piece => {
        if (this.#looksAlive()) link.sendPiece(piece);
      },
      close: () => {
        if (this.#looksAlive()) link.close();
      },
    });
  }

  /** The dead ask nothing, and hear no answer. */
  #arbiter(arbiter: Arbiter): Arbiter {
    const alive = <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
      if (!this.#looksAlive()) return NEVER;
      return later(ask()).then(
        answer => (this.#looksAlive() ? answer : NEVER),
        error => (this.#looksAlive() ? Promise.reject(error) : NEVER),
      );
    };
    return {
      claim: view => alive(() => arbiter.claim(view)),
      read: (machine, number) => alive(() => arbiter.read(machine, number)),
      latest: machine => alive(() => arbiter.latest(machine)),
      announce: (machine, member) => alive(() => arbiter.announce(machine, member)),
      members: machine => alive(() => arbiter.members(machine)),
      withdraw: (machine, incarnation) => alive(() => arbiter.withdraw(machine, incarnation)),
      end: (machine, end) => alive(() => arbiter.end(machine, end)),
      ended: machine => alive(() => arbiter.ended(machine)),
    };
  }

  #tell(message: FromReplica): void {
    if (!this.#looksAlive()) return;
    if (message.type === 'halted') this.#halted = message;
    this.#listener.heard(message);
  }

  // ---- the end

  #failed(error: unknown): void {
    const { code, message, hint } = asError(error);
    this.#tell({ type: 'halted', code, message, hint });
    this.#end(true);
  }

  /** By itself: what was said in this turn leaves it first. */
  #end(isHalted: boolean): void {
    if (!this.#looksAlive()) return;
    setImmediate(() => {
      const halted = this.#halted;
      if (isHalted && halted !== undefined) this.#over(`halted: ${halted.message}`, false);
      else this.#over('ended with status 0', false);
    });
  }

  #die(): void {
    if (!this.#isOver) this.inFlightAtDeath = this.#tested?.inFlight();
    Atomics.store(this.#death, 0, 1);
    this.#over('killed', true);
  }

  #over(reason: string, killed: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const link of this.#links) link.terminate();
    this.#abort.abort();
    const released = this.#release();
    const halted = this.#halted;
    // As a launcher hears of a process: not from within what it was in the middle of.
    setImmediate(() => {
      this.#hasEnded = true;
      this.#listener.ended({ reason, killed, ...(killed || halted === undefined ? {} : { halted }) });
    });
    void released.then(() => this.#resolveEnded());
  }

  async #release(): Promise<void> {
    await Promise.all([this.#listening?.close(), this.#thread?.abandon()]);
  }
}
