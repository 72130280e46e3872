// One replica of a machine: the driver (engine/driver), wired to the sockets, the storage and the guest thread of this process.

import { randomUUID } from 'node:crypto';
import type { Arbiter } from '../arbiter/arbiter.js';
import { isLater } from '../arbiter/members.js';
import { BusClient } from '../bus/client.js';
import { comparedOptions } from '../channel/compared-options.js';
import type { ConnectOptions } from '../channel/connect.js';
import type { Link } from '../channel/link.js';
import type { ArbiterPort, BusHandlers, PeerLink, ReplicaNews, ReplicaPorts } from '../driver/ports.js';
import { ReplicaDriver } from '../driver/replica-driver.js';
import { EpochvisorError } from '../errors/errors.js';
import type { GuestState, MachineSnapshot } from '../guest/guest-state.js';
import { VERIFY_SHARE } from '../guest/machine-options.js';
import type { View } from '../protocol/vocabulary.js';
import type { SnapshotDecoder } from '../snapshot/snapshot-decoder.js';
import { WORD_COUNT, WORD_DELIVERED, WORD_EPOCH, WORD_EPOCH_LENGTH, WORD_OUTSTANDING } from '../threads/shared.js';
import { readVerification } from '../threads/verification.js';
import { outstandingChanges } from '../wasi/outstanding-changes.js';
import { decodePeer, encodePeer, encodeSnapshotPiece, snapshotPiece } from '../wire/packets.js';
import { hostCrowding } from './crowding.js';
import type { KnownInFlight } from './io-points.js';
import { Rate } from './rates.js';
import type {
  FromReplica,
  ReplicaConfiguration,
  ReplicaSilence,
  SavedOrigin,
  ToReplica,
} from './replica-configuration.js';
import { ownReport, type ReplicaProgress, type ReplicaReport } from './replica-report.js';
import { type ThreadHost, TIMERS } from './thread-host.js';

type Save = ToReplica & { readonly type: 'save' };

/** How long the bus is called at one address, and the pause before its record is read again, ms. */
const BUS_CALL_MS = 1_000;
const BUS_AGAIN_MS = 100;

/** How often the launcher is told how far it is, ms: several times while a person looks. */
const PROGRESS_EVERY_MS = 50;
/** How often its memory is looked at, ms. */
const MEMORY_EVERY_MS = 1_000;

export interface PortsAround {
  ports(ports: ReplicaPorts<GuestState>): ReplicaPorts<GuestState>;
  link(link: PeerLink): PeerLink;
}

export interface ReplicaParts {
  readonly configuration: ReplicaConfiguration;
  /** Has loaded the guest, or is about to. */
  readonly thread: ThreadHost;
  /** What the machine goes on from. */
  readonly snapshot?: MachineSnapshot;
  /** Makes what reads the snapshot that a joining replica is sent. */
  readonly newDecoder?: () => SnapshotDecoder;
  readonly arbiter: Arbiter;
  /** Each link to the bus, as soon as it stands. @throws EpochvisorError where it is not to */
  readonly admit?: (link: Link) => Link;
  /** Of who tests it: what lies around the ports of its driver. */
  readonly around?: (known: () => KnownInFlight) => PortsAround;
  /** Fires where it is over and its process is not. */
  readonly signal?: AbortSignal;
  readonly tell: (message: FromReplica) => void;
  /** Ends the process: 0 after the machine's end, else this replica halted. */
  readonly end: (halted: boolean) => void;
}

export class Replica {
  readonly #parts: Omit<ReplicaParts, 'snapshot'>;
  readonly #driver: ReplicaDriver<GuestState>;
  readonly #around: PortsAround | undefined;
  /** Snapshots that are being written to files. */
  readonly #writing = new Set<Promise<void>>();
  #over = false;
  /** Where the bus was found last. */
  #busAddress: string | undefined;
  #lastProgress = '';
  readonly #instructions = new Rate();
  readonly #logged = new Rate();
  #rss = { bytes: 0, atMs: -Infinity };

  constructor({ snapshot, ...parts }: ReplicaParts) {
    this.#parts = parts;
    const { machine, incarnation, view, timing, options, backupsWanted, place, log } = parts.configuration;
    const position = snapshot === undefined ? {} : { position: snapshot.guest.position };
    const { operationIds } = options;
    // A launcher that lives knows of everybody; between hosts those who are not found may only be cut off.
    const patience = place === undefined ? {} : { joinMs: Infinity };
    this.#around = parts.around?.(() => this.#known);
    const ports: ReplicaPorts<GuestState> = {
      timers: TIMERS,
      crowding: hostCrowding(),
      guest: parts.thread,
      arbiter: this.#arbiterPort(),
      connectBus: handlers => this.#connectBus(handlers),
      pieces: (state, then) => void this.#pieces(state).then(then),
      reader: () => this.#reader(),
      tell: news => this.#tell(news),
      end: halted => this.#end(halted),
      newClaim: randomUUID,
    };
    const around = this.#around?.ports(ports) ?? ports;
    const { durability = 'memory' } = log ?? {};
    // One that can't write its log goes on without, but where outputs wait for it.
    const isLogged = log !== undefined && (around.log !== undefined || durability !== 'memory');
    this.#driver = new ReplicaDriver<GuestState>({
      channel: {
        machine,
        incarnation,
        view,
        backupsWanted,
        operationIds,
        ...position,
        ...timing,
        ...patience,
        ...(isLogged && { durability }),
      },
      ...(snapshot === undefined ? {} : { resumed: snapshot.guest }),
      ports: around,
    });
  }

  /** The one it is in; undefined: it joins, and has not been welcomed. */
  get view(): View | undefined {
    return this.#driver.channel.view;
  }

  /** How long others are silent, and may be (protocol/silence.ts). */
  get silence(): ReplicaSilence {
    return this.#driver.channel.silence;
  }

  /** Whether a view names this replica. */
  get isNamed(): boolean {
    return this.#driver.isNamed;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** What observers are told. */
  get report(): ReplicaReport {
    const { channel, isNamed, hasBus } = this.#driver;
    const { view } = channel;
    return {
      ...this.#progress,
      ...ownReport(this.#parts.configuration.incarnation),
      role: isNamed ? channel.role : 'joining',
      view: view?.number ?? 0,
      backups: view?.backups ?? [],
      bus: hasBus,
    };
  }

  start(): void {
    const { signal } = this.#parts;
    const telling = setInterval(() => this.#tellProgress(), PROGRESS_EVERY_MS);
    const stop = () => {
      clearInterval(telling);
      this.#over = true;
      this.#driver.stop();
    };
    if (signal?.aborted === true) {
      stop();
      return;
    }
    // Before the start: it may be over within it.
    signal?.addEventListener('abort', stop);
    this.#driver.start();
  }

  /**
   * A link to another replica stands; `peer` is its incarnation.
   * @param again connects once more: who joins needs the primary, which forgets those who are silent too long
   */
  addPeer(peer: string, link: Link, again?: () => void): void {
    const plain = peerLink(link);
    this.#driver.addPeer(peer, this.#around?.link(plain) ?? plain, again);
  }

  /** A log takes the place of a replica (recovering.ts). */
  addLog(peer: string, link: PeerLink): void {
    this.#driver.addPeer(peer, this.#around?.link(link) ?? link);
  }

  /** As a launcher says. */
  peerGone(peer: string, reason: string): void {
    this.#driver.peerGone(peer, reason);
  }

  // ---- snapshots to files, as a launcher asks for them

  /** Saves a snapshot to a file, and tells the launcher. */
  save(asked: Save): void {
    const { options } = this.#parts.configuration;
    this.#driver.takeToKeep({
      awaited: ({ devices }) => (options.wasi === undefined ? [] : outstandingChanges(devices)),
      committed: (state, statuses) => {
        const snapshot = this.#snapshotOf(state, { ...asked.origin, statuses });
        const writing = this.#write(asked, snapshot).finally(() => this.#writing.delete(writing));
        this.#writing.add(writing);
      },
      failed: error => this.#tellSaved(asked, error),
    });
  }

  async #write(asked: Save, snapshot: MachineSnapshot): Promise<void> {
    // Loaded for those who need it: a start costs what it loads.
    const { writeSnapshotFile } = await import('./snapshot-file.js');
    try {
      await writeSnapshotFile(asked.file, asked.temporary, snapshot);
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      this.#tellSaved(asked, error);
      return;
    }
    this.#tellSaved(asked);
  }

  #tellSaved({ request }: Save, error?: EpochvisorError): void {
    const why = error === undefined ? {} : { error: { code: error.code, message: error.message, hint: error.hint } };
    this.#parts.tell({ type: 'saved', request, ...why });
  }

  // ---- the world

  #connectBus(handlers: BusHandlers): void {
    this.#callBus().then(
      bus => {
        if (this.#over) {
          bus.terminate();
          return;
        }
        handlers.opened(bus);
        bus.listen({ message: handlers.message, closed: handlers.closed });
      },
      (error: unknown) => {
        if (!(error instanceof EpochvisorError)) throw error;
        if (this.#over) return;
        if (error.code === 'PEER_REFUSED' || error.code === 'MEMBER_CORRUPT') {
          this.#driver.halt(error.code, error.message);
          return;
        }
        TIMERS.after(BUS_AGAIN_MS, () => {
          if (!this.#over) this.#connectBus(handlers);
        });
      },
    );
  }

  async #callBus(): Promise<BusClient> {
    const { configuration, admit, signal } = this.#parts;
    const address = await this.#findBus();
    const ends = signal === undefined ? {} : { signal };
    const options = { ...membershipOf(configuration), ...ends, address, deadlineMs: BUS_CALL_MS };
    return await BusClient.connect(options, admit);
  }

  /**
   * Its record is read for each call: a bus that was started again is the one that was announced last. Where none can be read,
   * for the arbiter is out of reach, of this replica or of a bus that lives and can't renew its lease, it is where it was.
   */
  async #findBus(): Promise<string> {
    const { arbiter, configuration } = this.#parts;
    try {
      const members = await arbiter.members(configuration.machine);
      const [bus] = members.filter(({ kind }) => kind === 'bus').sort((a, b) => (isLater(a, b) ? -1 : 1));
      this.#busAddress = bus?.address ?? this.#busAddress;
    } catch (error) {
      const isOutOfReach = error instanceof EpochvisorError && error.code === 'ARBITER_UNREACHABLE';
      if (!isOutOfReach || this.#busAddress === undefined) throw error;
    }
    if (this.#busAddress === undefined) throw new EpochvisorError('PEER_UNREACHABLE', 'no bus has been announced');
    return this.#busAddress;
  }

  #arbiterPort(): ArbiterPort {
    const { arbiter } = this.#parts;
    return {
      claim: (view, answer) => void arbiter.claim(view).then(answer),
      latest: (machine, answer) => {
        const latest = arbiter.latest(machine).catch((error: unknown) => {
          if (error instanceof EpochvisorError && error.code === 'ARBITER_UNREACHABLE') return undefined;
          throw error;
        });
        void latest.then(answer);
      },
    };
  }

  async #pieces(state: GuestState): Promise<Iterator<Uint8Array>> {
    // Loaded for those who need it: a start costs what it loads.
    const { encodeSnapshot } = await import('../snapshot/snapshot-encoder.js');
    return encodeSnapshot(this.#snapshotOf(state, undefined))[Symbol.iterator]();
  }

  #reader() {
    const decoder = this.#parts.newDecoder?.();
    if (decoder === undefined) throw new EpochvisorError('PACKET_MALFORMED', 'only who joins is sent a snapshot');
    return {
      push: (piece: Uint8Array) => decoder.push(piece),
      get complete() {
        return decoder.complete;
      },
      finish: () => decoder.finish().guest,
    };
  }

  #snapshotOf(guest: GuestState, origin: SavedOrigin | undefined): MachineSnapshot {
    const { machine, moduleHash, options } = this.#parts.configuration;
    return { machine, moduleHash, options, origin, guest };
  }

  // ---- what the launcher hears

  #tell(news: ReplicaNews): void {
    this.#parts.tell(news);
  }

  get #progress(): ReplicaProgress {
    const { positions } = this.#parts.thread;
    const { options } = this.#parts.configuration;
    const { channel, logBytes, roundTrips, interruptsTold } = this.#driver;
    const nowMs = TIMERS.nowMs();
    const { bytes: heldBytes, sinceMs = nowMs, times: heldFor } = channel.held;
    return {
      epoch: positions[WORD_EPOCH] ?? 0,
      epochLength: positions[WORD_EPOCH_LENGTH] ?? 0,
      count: positions[WORD_COUNT] ?? 0,
      outstanding: positions[WORD_OUTSTANDING] ?? 0,
      ...channel.protection,
      lagMs: Math.round(channel.lagMs(nowMs)),
      lagEntries: channel.lagEntries,
      logEnd: channel.logEnd,
      acknowledged: channel.acknowledged,
      interruptsTold,
      interruptsDelivered: positions[WORD_DELIVERED] ?? 0,
      logBytes,
      instructionsPerSecond: this.#instructions.perSecond,
      logBytesPerSecond: this.#logged.perSecond,
      heldBytes,
      heldMs: Math.round(nowMs - sinceMs),
      rssBytes: this.#rss.bytes,
      heldFor,
      roundTrips,
      verification: { share: options.verifyShare ?? VERIFY_SHARE.usual, ...readVerification(positions) },
    };
  }

  /** What is known here of what is under way. */
  get #known(): KnownInFlight {
    const { positions } = this.#parts.thread;
    const { view, role, heldBytes } = this.#driver.channel;
    return {
      viewNow: view,
      role,
      epoch: positions[WORD_EPOCH] ?? 0,
      count: positions[WORD_COUNT] ?? 0,
      outstanding: positions[WORD_OUTSTANDING] ?? 0,
      heldBytes,
    };
  }

  #noteFigures(): void {
    const nowMs = TIMERS.nowMs();
    this.#instructions.note(nowMs, this.#parts.thread.positions[WORD_COUNT] ?? 0);
    this.#logged.note(nowMs, this.#driver.logBytes);
    if (nowMs - this.#rss.atMs < MEMORY_EVERY_MS) return;
    // In whole mebibytes: what moves in an idle process is no news.
    this.#rss = { bytes: 2 ** 20 * Math.round(process.memoryUsage.rss() / 2 ** 20), atMs: nowMs };
  }

  #tellProgress(): void {
    this.#noteFigures();
    const progress = this.#progress;
    const text = JSON.stringify(progress);
    if (text === this.#lastProgress) return;
    this.#lastProgress = text;
    this.#parts.tell({ type: 'progress', progress });
  }

  #end(halted: boolean): void {
    this.#over = true;
    if (halted) {
      this.#parts.end(true);
      return;
    }
    this.#tellProgress();
    // What may be kept of the machine is kept: that nothing could be written is told, too.
    void Promise.allSettled(this.#writing).then(() => this.#parts.end(false));
  }
}

/** A link of the channel, in messages. */
export function peerLink(link: Link): PeerLink {
  return {
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    get arrivedBytes() {
      return link.arrivedBytes;
    },
    whenTaken: act => link.whenTaken(act),
    listen: handlers =>
      link.listen({
        message: packet => {
          const piece = snapshotPiece(packet);
          if (piece === undefined) handlers.message(decodePeer(packet));
          else handlers.piece(piece);
        },
        closed: reason => handlers.closed(reason.message),
      }),
    send: message => void link.send(encodePeer(message)),
    sendPiece: piece => void link.send(encodeSnapshotPiece(piece)),
    close: () => void link.close(),
    terminate: () => link.terminate(),
    flush: () => link.flush(),
  };
}

/** What this replica shows to those that it calls, and that call it. */
export function membershipOf(
  configuration: ReplicaConfiguration,
): Pick<ConnectOptions, 'hello' | 'credentials' | 'encrypted'> {
  const { machine, secret, encrypted = false, incarnation, moduleHash, options } = configuration;
  return {
    hello: { type: 'hello', incarnation, moduleHash, options: comparedOptions(options) },
    credentials: { machine, secret },
    encrypted,
  };
}
