// The bus as a server: connections on one side, devices on the other, the rules (protocol/bus.ts) in between.
//
// A bus that may be started again has a memory, and its devices have theirs: what it is told is carried out when it is kept
// (engine/driver/bus-driver.ts).
//
// It decides nothing: what arrives becomes an event, what the rules answer is carried out in order. Devices and links
// answer later, never from within the call, so a step is over before the next one begins.

import { randomUUID } from 'node:crypto';
import type { OperationDevice, SourceDevice, SourceSink, StreamDevice } from '../../devices/device.js';
import { NO_DATA, STATUS_REFUSED } from '../../devices/device.js';
import type { Credentials } from '../channel/credentials.js';
import type { Link } from '../channel/link.js';
import { Listener } from '../channel/listener.js';
import { isObserver, Observers } from '../channel/observed.js';
import { BusDriver } from '../driver/bus-driver.js';
import type { EpochvisorError } from '../errors/errors.js';
import {
  Bus,
  type BusEffect,
  type BusEvent,
  type BusOptions,
  type Connection,
  type StreamOffsets,
  type Token,
} from '../protocol/bus/bus.js';
import { NOTHING_REMEMBERED, openOf, releasedOf } from '../protocol/bus/bus-memory.js';
import { BUS_HEARTBEAT_MS, type FromBus } from '../protocol/messages.js';
import type { Operation, Outcome } from '../protocol/vocabulary.js';
import { decodeToBus, encodeFromBus } from '../wire/packets.js';
import { type BusReport, busReport } from './bus-report.js';
import type { KeptMemory } from './kept-memory.js';

/** Close code: what a replica sent breaks the rules; the reason says which. */
export const DEFECT = 4400;
/** Of a stream: what may be confirmed a little late. An owner may send, and a guest write, several times as much meanwhile. */
const LATE_BYTES = 8 * 1024;
/** Of input, told at once: what a read of a pipe gives. A device may have more, which as one interrupt fits no ring. */
const INPUT_PIECE_BYTES = 64 * 1024;
/** What fits in the close frame of ws. */
const REASON_MAX = 120;

/** What a launcher may want to know; all are said after the fact. */
export interface BusObserver {
  readonly attached?: (incarnation: string) => void;
  readonly detached?: (incarnation: string, reason: EpochvisorError) => void;
  /** A connection that was not taken. */
  readonly refused?: (reason: EpochvisorError) => void;
  /** A replica has fenced the bus: it is the primary. `silentMs`: so long ago the owner before had been heard. */
  readonly fenced?: (view: number, incarnation: string, silentMs?: number) => void;
  /** A replica was cut off for a defect. */
  readonly defect?: (incarnation: string, reason: string) => void;
  /** A stream can't be read or written any more. */
  readonly failed?: (stream: number, reason: EpochvisorError) => void;
}

/** What the server needs of a link. */
export type BusLink = Pick<Link, 'peer' | 'listen' | 'send' | 'sendLate' | 'close'>;
/** And of a memory. */
export type ServerMemory = Pick<KeptMemory, 'generation' | 'memory' | 'append' | 'whenKept' | 'close'>;

export interface BusServerOptions {
  readonly credentials: Credentials;
  /** Whether the channel is encrypted; one that is not is on loopback. */
  readonly encrypted?: boolean;
  readonly moduleHash: string;
  /** Every option that shapes execution, as canonical JSON. */
  readonly options: string;
  readonly operationIds: boolean;
  readonly streams: readonly (StreamDevice | SourceDevice)[];
  /** By the numbers that guests use. */
  readonly devices: ReadonlyMap<number, OperationDevice>;
  /** `ADDRESS:PORT`; without it, a port of the kernel's choice on 127.0.0.1. */
  readonly listen?: string;
  /** Where the bus is started again: the latest view, as the arbiter has it. */
  readonly view?: { readonly number: number; readonly primary: string };
  /** Where the machine is resumed from a snapshot: how far its streams had come. */
  readonly offsets?: StreamOffsets;
  /** What this bus is to go on from when it is started again (RB); its devices have been opened with it. In place of `offsets`. */
  readonly memory?: ServerMemory;
  /** Of who tests it: each link of a replica, as soon as it stands. */
  readonly around?: (link: Link) => BusLink;
  readonly observer?: BusObserver;
  /** The guest's module, for hosts that lack it; undefined: this one does, too. */
  readonly module?: () => Uint8Array | undefined;
}

/** Devices whose outputs outlive the process say how far they have come, and that is kept before they are used. */
function recover(memory: ServerMemory, streams: BusServerOptions['streams']): Promise<void> {
  const { outputs } = memory.memory;
  const records = streams.flatMap(device =>
    device.recover === undefined
      ? []
      : device.outputs.map(stream => {
          const known = outputs.find(output => output.stream === stream);
          return { type: 'written', stream, ...device.recover!(stream, known) } as const;
        }),
  );
  if (records.length > 0) memory.append(records);
  return new Promise(resolve => memory.whenKept(resolve));
}

export class BusServer {
  /**
   * The outcome of the machine, when it is performed; never rejects. A bus that is started again on the memory of a machine that is
   * over has it at once, and is to tell replicas for some seconds: the one before may have died before it could.
   */
  readonly finished: Promise<Outcome>;
  readonly #options: BusServerOptions;
  readonly #bus: Bus;
  readonly #driver: BusDriver;
  readonly #links = new Map<Connection, BusLink>();
  readonly #observers = new Observers({
    report: () => this.#report,
    module: () => this.#options.module?.(),
  });
  /** Whose each stream is; opened ones until the outside has taken their close. */
  readonly #streams = new Map<number, StreamDevice>();
  /** Opened streams by their devices, which alone can end and close them; and where their close is. */
  readonly #opened = new Map<number, { readonly device: SourceDevice; closedAt: number }>();
  #listener: Listener | undefined;
  #nextConnection: Connection = 1;
  /** What of each stream was confirmed without delay. */
  readonly #confirmed = new Map<number, number>();
  #finish: (outcome: Outcome) => void = () => {};
  /** When the owner said something last. */
  #ownerHeardMs = 0;
  #takeoverMs = -1;
  /** By a replica that has come to this process. */
  #isFenced = false;
  #closed = false;
  #heartbeats: NodeJS.Timeout | undefined;

  /** @throws EpochvisorError as `Listener.start` */
  static async start(options: BusServerOptions): Promise<BusServer> {
    if (options.memory !== undefined) await recover(options.memory, options.streams);
    const server = new BusServer(options);
    const { credentials, encrypted = false, moduleHash, options: shaping, listen, observer } = options;
    const { incarnation } = server;
    server.#listener = await Listener.start({
      hello: { type: 'hello', incarnation, moduleHash, options: shaping },
      credentials,
      encrypted,
      ...(listen === undefined ? {} : { listen }),
      onLink: link => server.#attach(link),
      // Many clients ask at once, each on a socket of its own: what came in one turn is told together.
      plan: act => void setImmediate(act),
      ...(observer?.refused === undefined ? {} : { onRefused: observer.refused }),
    });
    server.#startStreams();
    if (server.#bus.outcome !== undefined) server.#finish(server.#bus.outcome);
    server.#heartbeats = setInterval(() => server.#step({ type: 'tick' }), BUS_HEARTBEAT_MS);
    return server;
  }

  private constructor(options: BusServerOptions) {
    this.#options = options;
    for (const device of options.streams) {
      const sources = 'sources' in device ? device.sources : [];
      for (const stream of [...device.inputs, ...device.outputs, ...sources]) this.#streams.set(stream, device);
    }
    const busOptions: BusOptions = {
      operationIds: options.operationIds,
      outputStreams: options.streams.flatMap(device => device.outputs),
      inputStreams: options.streams.flatMap(device => device.inputs),
      sourceStreams: options.streams.flatMap(device => ('sources' in device ? device.sources : [])),
      ...(options.view === undefined ? {} : { view: options.view }),
      ...(options.offsets === undefined ? {} : { offsets: options.offsets }),
      ...(options.memory === undefined ? {} : { memory: options.memory.memory }),
    };
    this.#bus = new Bus(busOptions);
    this.#driver = new BusDriver({
      bus: this.#bus,
      journal: options.memory,
      recovered: options.streams.flatMap(device => (device.recover === undefined ? [] : device.outputs)),
      carryOut: effect => this.#perform(effect),
    });
    const generation = options.memory === undefined ? '' : `${options.memory.generation}-`;
    this.incarnation = `bus-${generation}${randomUUID()}`;
    this.finished = new Promise(resolve => {
      this.#finish = resolve;
    });
  }

  /** Another one each time that a bus is started. */
  readonly incarnation: string;
  /** What replicas connect to: `ws://ADDRESS:PORT` or `wss://ADDRESS:PORT`. */
  get address(): string {
    return this.#listener!.address;
  }

  /** The highest view that was fenced. */
  get view(): number {
    return this.#bus.view;
  }

  /** Ends all connections after what was sent to them, frees the port, closes the devices. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeats);
    await Promise.all([...this.#links.values()].map(link => link.close()));
    await this.#listener!.close();
    await Promise.all([...this.#options.streams, ...this.#options.devices.values()].map(device => device.close()));
    await this.#options.memory?.close();
  }

  get #report(): BusReport {
    const { outputs, inputs, sources, open } = this.#options.memory?.memory ?? NOTHING_REMEMBERED;
    return busReport(this.incarnation, {
      view: this.#bus.view,
      owner: this.#bus.owner ?? '',
      replicas: this.#links.size,
      connections: this.#opened.size,
      operations: this.#bus.operationsInProgress,
      takeoverMs: this.#takeoverMs,
      outputs: outputs.map(({ stream, offset }) => ({ stream, offset })),
      released: releasedOf({ inputs, sources }),
      open: openOf({ open, sources }).filter(({ stream }) => !this.#opened.has(stream)),
    });
  }

  #attach(caller: Link): void {
    const { incarnation } = caller.peer;
    if (isObserver(incarnation)) {
      this.#observers.add(caller);
      return;
    }
    const link = this.#options.around?.(caller) ?? caller;
    const connection = this.#nextConnection++;
    this.#links.set(connection, link);
    this.#step({ type: 'attached', connection, incarnation });
    this.#options.observer?.attached?.(incarnation);
    link.listen({
      message: bytes => {
        this.#step({ type: 'message', connection, message: decodeToBus(bytes) });
        if (incarnation === this.#bus.owner) this.#ownerHeardMs = performance.now();
      },
      closed: reason => {
        this.#links.delete(connection);
        this.#step({ type: 'detached', connection });
        this.#options.observer?.detached?.(incarnation, reason);
      },
    });
  }

  #startStreams(): void {
    for (const device of this.#options.streams) {
      const sink: SourceSink = {
        input: (stream, bytes, end) => this.#input(stream, bytes, end),
        written: (stream, offset, mark) => this.#written(stream, offset, mark),
        opened: (source, data) => this.#openedBy(device as SourceDevice, source, data),
        reset: stream => this.#reset(stream),
        failed: (stream, reason) => this.#options.observer?.failed?.(stream, reason),
      };
      device.start(sink);
    }
  }

  #input(stream: number, bytes: Uint8Array, end: boolean): void {
    let at = 0;
    do {
      const piece = bytes.subarray(at, at + INPUT_PIECE_BYTES);
      at += piece.length;
      this.#step({ type: 'input', stream, bytes: piece, end: end && at === bytes.length });
    } while (at < bytes.length);
  }

  #openedBy(device: SourceDevice, source: number, data: Uint8Array): number {
    const stream = this.#bus.nextStream;
    this.#streams.set(stream, device);
    this.#opened.set(stream, { device, closedAt: Infinity });
    this.#step({ type: 'opened', source, stream, data });
    return stream;
  }

  #written(stream: number, offset: number, mark: number | undefined): void {
    if (offset > (this.#opened.get(stream)?.closedAt ?? Infinity)) this.#forget(stream);
    this.#step({ type: 'written', stream, offset, ...(mark === undefined ? {} : { mark }) });
  }

  #reset(stream: number): void {
    if (this.#opened.get(stream)?.closedAt !== Infinity) this.#forget(stream);
    this.#step({ type: 'reset', stream });
  }

  #forget(stream: number): void {
    this.#confirmed.delete(stream);
    this.#streams.delete(stream);
    this.#opened.delete(stream);
  }

  #step(event: BusEvent): void {
    if (this.#closed) return;
    const { view, owner } = this.#bus;
    this.#driver.step(event, undefined);
    // The owner of a bus that was started again is known before it comes.
    const isFirst =
      !this.#isFenced && event.type === 'message' && event.message.type === 'fence' && this.#isOwners(event);
    if (this.#bus.owner !== undefined && (this.#bus.view !== view || this.#bus.owner !== owner || isFirst)) {
      this.#isFenced = true;
      // Of an owner that is only remembered nothing was heard.
      const isAnother = owner !== undefined && owner !== this.#bus.owner && this.#ownerHeardMs > 0;
      if (isAnother) this.#takeoverMs = performance.now() - this.#ownerHeardMs;
      const silent = isAnother ? [this.#takeoverMs] : [];
      this.#options.observer?.fenced?.(this.#bus.view, this.#bus.owner, ...silent);
    }
  }

  #isOwners({ connection }: { readonly connection: Connection }): boolean {
    return this.#links.get(connection)?.peer.incarnation === this.#bus.owner;
  }

  #perform(effect: Exclude<BusEffect, { readonly type: 'keep' }>): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect.connection, effect.message);
        break;
      case 'write':
        this.#streams.get(effect.stream)!.write(effect.stream, effect.offset, effect.bytes);
        break;
      case 'endStream':
        this.#opened.get(effect.stream)!.device.endStream(effect.stream, effect.offset);
        break;
      case 'closeStream': {
        const opened = this.#opened.get(effect.stream)!;
        opened.closedAt = effect.offset;
        opened.device.closeStream(effect.stream, effect.offset);
        break;
      }
      case 'perform':
        void this.#operate(effect.token, effect.operation);
        break;
      case 'pauseInput':
        this.#streams.get(effect.stream)?.pause(effect.stream);
        break;
      case 'resumeInput':
        this.#streams.get(effect.stream)?.resume(effect.stream);
        break;
      case 'end':
        this.#finish(effect.outcome);
        break;
      case 'close': {
        const link = this.#links.get(effect.connection);
        void link?.close(DEFECT, effect.reason.slice(0, REASON_MAX));
        if (link !== undefined) this.#options.observer?.defect?.(link.peer.incarnation, effect.reason);
        break;
      }
    }
  }

  /** Owners wait for the confirmation of much; that of an answer or two goes with what they are told next. */
  #send(connection: Connection, message: FromBus): void {
    const link = this.#links.get(connection);
    const bytes = encodeFromBus(message);
    if (message.type === 'confirmed') {
      const { stream, offset } = message;
      if (offset - (this.#confirmed.get(stream) ?? 0) < LATE_BYTES) {
        link?.sendLate(bytes);
        return;
      }
      // Not of one whose close this is: its number never comes again.
      if (this.#streams.has(stream)) this.#confirmed.set(stream, offset);
    }
    link?.send(bytes);
  }

  async #operate(token: Token, operation: Operation): Promise<void> {
    const device = this.#options.devices.get(operation.device);
    const refused = { status: STATUS_REFUSED, data: NO_DATA };
    const { status, data } = (await device?.perform(operation)) ?? refused;
    this.#step({ type: 'completed', token, status, data });
  }
}
