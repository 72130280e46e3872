// The process that hosts the bus, and the outside: terminal, disk and teller, with delays of their own.

import { madeFor } from '../../devices/connection/connection-streams.js';
import { FIRST_CONNECTOR, STATUS_CONNECTION_REFUSED } from '../../devices/connector/connector-commands.js';
import { STATUS_IO_ERROR, STATUS_NO_SPACE } from '../../devices/device-commands.js';
import { DISK_WRITE } from '../../devices/disk/disk-commands.js';
import { TELLER } from '../../devices/teller/teller-commands.js';
import { BusDriver } from '../driver/bus-driver.js';
import { assert } from '../errors/errors.js';
import type { BusEffect, BusEvent, Connection as ConnectionId, Token } from '../protocol/bus/bus.js';
import type { BusMemory } from '../protocol/bus/bus-memory.js';
import type { FromBus, StreamOffset, ToBus } from '../protocol/messages.js';
import type { Operation, OperationId, Outcome } from '../protocol/vocabulary.js';
import { Actor } from './actor.js';
import type { Connection } from './network.js';
import type { BusPart } from './parts.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';
import type { Seen } from './seen.js';
import { SimulatedJournal } from './simulated-journal.js';
import { STREAM_DIALLED, STREAM_ERROR, STREAM_INPUT, STREAM_OUTPUT, STREAM_SOURCE } from './toy-guest.js';
import { type InputChunk, type Visit, Visitors, type VisitorsObserver } from './visitors.js';
import { fromBusWire } from './wires.js';

/** What somebody said to the bus: the cause of what it does. */
export interface Cause {
  readonly incarnation: string;
  readonly message: ToBus;
}

/** What the outside saw; the judge compares it with what should have been. */
export interface BusObserver extends VisitorsObserver {
  /** Before the bus acts on it. */
  heard(cause: Cause): void;
  did(effect: BusEffect, cause: Cause | undefined): void;
  performed(operation: Operation, status: number, data: Uint8Array): void;
  /** @param bus what it still knows */
  /** The bus dies. @param forgets and what it appended last is lost */
  died(forgets: boolean): void;
  ended(outcome: Outcome, bus: Pick<BusPart, 'knownOperations' | 'released' | 'openStreams'>): void;
}

/** How an operation ended. */
interface Answer {
  readonly status: number;
  readonly data: Uint8Array;
}

/** The bus's end of a connection. */
export type BusEnd = Pick<Connection<unknown, unknown>, 'sendFromSecond' | 'end'>;

export interface BusHostOptions {
  /** @param memory what it goes on from; undefined: this bus keeps nothing */
  readonly newBus: (memory: BusMemory | undefined) => BusPart;
  /** Of a bus that may be started again: how long its disk takes at the most, and the disk's luck. */
  readonly journal: { readonly syncNs: number; readonly random: Random } | undefined;
  /** Whether a teller knows an operation again that it has performed. */
  readonly operationIds: boolean;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly deviceNs: readonly [number, number];
  readonly heartbeatMs: number;
  /** Whether what is sent is sent as bytes. */
  readonly encodes: boolean;
  /** Whether any replica is left that could hear the bus: else its heartbeats would go on for ever. */
  readonly isHeard: () => boolean;
  readonly input: readonly InputChunk[];
  readonly visits: readonly Visit[];
  readonly observer: BusObserver;
  readonly see: (seen: Seen) => void;
}

export class BusHost {
  readonly #options: BusHostOptions;
  readonly #connections = new Map<ConnectionId, BusEnd>();
  readonly #incarnations = new Map<ConnectionId, string>();
  #nextConnection: ConnectionId = 1;
  /** When the terminal will have taken what it was given, per stream. */
  readonly #busyUntilNs = new Map<number, number>();
  /** When the bus will have been told so. */
  readonly #toldNs = new Map<number, number>();
  readonly #sectors = new Map<bigint, Uint8Array>();
  #dispensed = 0;
  readonly #paid = new Map<OperationId, number>();
  /** How long the files are that standard output and error go to. */
  readonly #lengths = new Map<number, number>();
  #inputNext = 0;
  #inputPaused = false;
  #inputPlanned = false;
  #beats = false;
  #process: Actor;
  readonly #journal: SimulatedJournal | undefined;
  #bus: BusPart;
  #driver: BusDriver<Cause | undefined>;
  /** Of the step that is being made. */
  #cause: Cause | undefined;
  #isOver = false;
  readonly #visitors: Visitors;
  #stalledUntilNs = 0;
  /** What is being written to files, in order. */
  readonly #landing = new Map<number, { readonly offset: number; readonly bytes: Uint8Array }[]>();

  constructor(options: BusHostOptions) {
    this.#options = options;
    this.#process = new Actor(options.schedule);
    const { journal } = options;
    this.#journal =
      journal === undefined
        ? undefined
        : new SimulatedJournal(options.schedule, journal.random, journal.syncNs, this.#process);
    this.#bus = options.newBus(this.#journal?.memory);
    this.#driver = this.#newDriver();
    this.#planInput();
    const { visits, schedule, observer } = options;
    const visitorsOptions = {
      source: STREAM_SOURCE,
      dialled: STREAM_DIALLED,
      visits,
      schedule,
      observer,
      delayNs: () => this.#delayNs(),
      nextStream: () => this.#bus.nextStream,
      step: (event: BusEvent) => this.#step(event),
    };
    this.#visitors = new Visitors(visitorsOptions, this.#process);
  }

  #newDriver(): BusDriver<Cause | undefined> {
    const { observer } = this.#options;
    const bus = this.#bus;
    return new BusDriver({
      bus: {
        step: event => {
          const effects = bus.step(event);
          for (const effect of effects) observer.did(effect, this.#cause);
          return effects;
        },
      },
      journal: this.#journal,
      recovered: [STREAM_OUTPUT, STREAM_ERROR],
      carryOut: effect => this.#carryOut(effect),
    });
  }

  /** SIGSTOP, then SIGCONT. */
  pause(durationNs: number): void {
    const process = this.#process;
    process.pause();
    this.#options.schedule.after(durationNs, () => process.resume());
  }

  /** SIGKILL, or the host's loss of power; after a while it is started again. */
  restart(afterNs: number, power: boolean): void {
    const { schedule, observer, see } = this.#options;
    const journal = this.#journal;
    if (journal === undefined || this.#process.dead) return;
    this.#process.kill();
    this.#breakOffWrites();
    for (const connection of this.#connections.values()) connection.end(1, true, 'the bus has died');
    this.#connections.clear();
    this.#incarnations.clear();
    const loss = journal.crash(power);
    see({ type: 'busDied', journal: loss });
    observer.died(power || loss.behind);
    if (power || loss.behind) this.#readAgain(journal.memory);
    schedule.after(afterNs, () => this.#startAgain(journal));
  }

  /** What whoever goes on with a dead machine finds: what the bus remembers, and how much of each output is there. */
  get found(): { readonly memory: BusMemory; readonly outside: readonly StreamOffset[] } {
    assert(this.#journal !== undefined, 'a bus that remembers nothing is not gone on with');
    const { memory } = this.#journal;
    const outside = [...this.#lengths].map(([stream, mark]) => ({
      stream,
      offset: foundOf(memory, stream, mark).offset,
    }));
    return { memory, outside };
  }

  get isDead(): boolean {
    return this.#process.dead;
  }

  #startAgain(journal: SimulatedJournal): void {
    this.#process = new Actor(this.#options.schedule);
    journal.open(this.#process);
    this.#options.see({ type: 'busStarted' });
    for (const [stream, mark] of this.#lengths) {
      journal.append([{ type: 'written', ...foundOf(journal.memory, stream, mark) }]);
    }
    this.#bus = this.#options.newBus(journal.memory);
    this.#driver = this.#newDriver();
    this.#beats = false;
    this.#busyUntilNs.clear();
    const { memory } = journal;
    this.#visitors.restarted(
      this.#process,
      memory.sources.reduce((sum, { opened }) => sum + opened, 0),
    );
    this.#inputPaused = false;
    this.#inputPlanned = false;
    this.#planInput();
    const { outcome } = this.#bus;
    if (outcome !== undefined && !this.#isOver) this.#end(outcome);
  }

  /**
   * What was read and is not kept was not told. Whoever writes it on the same host has lost its power, too, and does so again; where
   * the disk was full, nobody can but whoever wrote it.
   */
  #readAgain({ inputs }: BusMemory): void {
    const { released = 0, chunks = [], ended = false } = inputs.find(({ stream }) => stream === STREAM_INPUT) ?? {};
    let bytes = chunks.reduce((sum, { length }) => sum + length, released);
    const { input } = this.#options;
    this.#inputNext = 0;
    for (let chunk = input[0]; chunk !== undefined && bytes >= chunk.bytes.length; chunk = input[this.#inputNext]) {
      if (chunk.end && !ended) break;
      bytes -= chunk.bytes.length;
      this.#inputNext += 1;
    }
  }

  #end(outcome: Outcome): void {
    this.#isOver = true;
    this.#options.observer.ended(outcome, this.#bus);
  }

  /** There is no room for its journal for a while. */
  fillDisk(durationNs: number): void {
    this.#journal?.fill(durationNs);
  }

  /** Nobody takes output for a while. */
  stall(durationNs: number): void {
    this.#stalledUntilNs = Math.max(this.#stalledUntilNs, this.#options.schedule.nowNs + durationNs);
  }

  /** Whether it takes connections. */
  get answers(): boolean {
    return this.#process.running;
  }

  /** The server has checked the hello. */
  attach(connection: BusEnd, incarnation: string): ConnectionId {
    const id = this.#nextConnection++;
    this.#connections.set(id, connection);
    this.#incarnations.set(id, incarnation);
    this.#step({ type: 'attached', connection: id, incarnation });
    if (!this.#beats) this.#beat();
    return id;
  }

  receive(id: ConnectionId, message: ToBus): void {
    this.#process.do(() => this.#received(id, message));
  }

  detach(id: ConnectionId): void {
    this.#process.do(() => this.#detached(id));
  }

  #received(id: ConnectionId, message: ToBus): void {
    const incarnation = this.#incarnations.get(id);
    if (incarnation === undefined) return;
    const cause = { incarnation, message };
    this.#options.observer.heard(cause);
    this.#step({ type: 'message', connection: id, message }, cause);
  }

  #detached(id: ConnectionId): void {
    if (!this.#connections.delete(id)) return;
    this.#incarnations.delete(id);
    this.#step({ type: 'detached', connection: id });
  }

  /** As long as there is anyone to hear it. */
  #beat(): void {
    this.#beats = this.#connections.size > 0 && this.#options.isHeard();
    if (!this.#beats) return;
    this.#step({ type: 'tick' });
    this.#process.timer(this.#options.heartbeatMs * 1e6, () => this.#beat());
  }

  #step(event: BusEvent, cause?: Cause): void {
    this.#cause = cause;
    this.#driver.step(event, cause);
  }

  #carryOut(effect: Exclude<BusEffect, { readonly type: 'keep' }>): void {
    if ('stream' in effect && this.#visitors.carryOut(effect)) return;
    switch (effect.type) {
      case 'send':
        this.#send(effect.connection, effect.message);
        return;
      case 'write':
        this.#write(effect.stream, effect.offset, effect.bytes);
        break;
      case 'perform':
        this.#perform(effect.token, effect.operation);
        break;
      case 'pauseInput':
        this.#inputPaused = true;
        return;
      case 'resumeInput':
        this.#inputPaused = false;
        this.#planInput();
        break;
      case 'close':
        this.#connections.get(effect.connection)?.end(1, false, effect.reason);
        this.#connections.delete(effect.connection);
        this.#incarnations.delete(effect.connection);
        return;
      case 'end':
        this.#end(effect.outcome);
    }
  }

  #send(id: ConnectionId, message: FromBus): void {
    const { packet, bytes } = fromBusWire.write(message, this.#options.encodes);
    this.#connections.get(id)?.sendFromSecond(packet, bytes);
  }

  #delayNs(): number {
    const { random, deviceNs } = this.#options;
    return random.between(deviceNs[0], deviceNs[1]);
  }

  #write(stream: number, offset: number, bytes: Uint8Array): void {
    const { observer, schedule } = this.#options;
    const process = this.#process;
    const freeNs = Math.max(this.#stalledUntilNs, schedule.nowNs);
    const atNs = Math.max(this.#busyUntilNs.get(stream) ?? 0, freeNs + this.#delayNs());
    this.#busyUntilNs.set(stream, atNs);
    const mark = offset + bytes.length;
    const lands = (): void => {
      observer.wrote(stream, offset, bytes);
      this.#lengths.set(stream, mark);
    };
    if (this.#journal === undefined) {
      lands();
      schedule.at(atNs, () => process.do(() => this.#step({ type: 'written', stream, offset: mark, mark })));
      return;
    }
    // A file is written beside all else: what has not landed when the process dies never does, or in part.
    const landing = this.#landing.get(stream) ?? [];
    this.#landing.set(stream, landing);
    landing.push({ offset, bytes });
    schedule.at(atNs, () => {
      if (process.dead) return;
      landing.shift();
      lands();
      const toldNs = Math.max(this.#toldNs.get(stream) ?? 0, schedule.nowNs + this.#delayNs());
      this.#toldNs.set(stream, toldNs);
      schedule.at(toldNs, () => process.do(() => this.#step({ type: 'written', stream, offset: mark, mark })));
    });
  }

  /** Of what was being written to a file as the process died, at times the beginning is there. */
  #breakOffWrites(): void {
    const { random, observer } = this.#options;
    for (const [stream, [first]] of this.#landing) {
      if (first === undefined || first.bytes.length < 2 || random.chance(0.5)) continue;
      const landed = first.bytes.subarray(0, random.between(1, first.bytes.length - 1));
      observer.wrote(stream, first.offset, landed);
      this.#lengths.set(stream, first.offset + landed.length);
    }
    this.#landing.clear();
  }

  /** Operations overlap and overtake each other. */
  #perform(token: Token, operation: Operation): void {
    const { schedule, observer } = this.#options;
    const process = this.#process;
    const completes = ({ status, data }: Answer): void => {
      process.after(this.#delayNs(), () => this.#step({ type: 'completed', token, status, data }));
    };
    // Whoever dials has the connection, and the bus with it: both are of one process.
    if (operation.device === FIRST_CONNECTOR)
      process.after(this.#delayNs(), () => {
        const answer = this.#dial(operation);
        observer.performed(operation, answer.status, answer.data);
        completes(answer);
      });
    else
      schedule.after(this.#delayNs(), () => {
        // What had not come to the device when the process died never does.
        if (process.dead) return;
        const paid = this.#options.operationIds ? this.#paid.get(operation.id) : undefined;
        if (paid !== undefined) {
          completes({ status: paid, data: new Uint8Array(0) });
          return;
        }
        const answer = this.#atDevice(operation);
        observer.performed(operation, answer.status, answer.data);
        completes(answer);
      });
  }

  #dial({ id }: Operation): Answer {
    const refuses = this.#options.random.chance(0.2);
    const stream = refuses ? undefined : this.#visitors.come(STREAM_DIALLED, madeFor(id));
    return { status: stream ?? STATUS_CONNECTION_REFUSED, data: new Uint8Array(0) };
  }

  #atDevice(operation: Operation): Answer {
    const nothing = new Uint8Array(0);
    if (operation.device === TELLER) {
      this.#dispensed += 1;
      this.#paid.set(operation.id, this.#dispensed);
      return { status: this.#dispensed, data: nothing };
    }
    if (this.#options.random.chance(0.1)) return { status: STATUS_IO_ERROR, data: nothing };
    if (operation.command === DISK_WRITE) {
      if (this.#options.random.chance(0.05)) return { status: STATUS_NO_SPACE, data: nothing };
      this.#sectors.set(operation.argument, operation.data);
      return { status: operation.data.length, data: nothing };
    }
    const data = this.#sectors.get(operation.argument) ?? new Uint8Array(operation.length);
    return { status: data.length, data };
  }

  #planInput(): void {
    const chunk = this.#options.input[this.#inputNext];
    if (chunk === undefined || this.#inputPlanned || this.#inputPaused) return;
    this.#inputPlanned = true;
    this.#process.after(chunk.afterNs, () => {
      this.#inputPlanned = false;
      this.#inputNext += 1;
      this.#step({ type: 'input', stream: STREAM_INPUT, bytes: chunk.bytes, end: chunk.end });
      this.#planInput();
    });
  }
}

/** How far an output has come, by the length of its file. */
function foundOf({ outputs }: BusMemory, stream: number, mark: number) {
  const known = outputs.find(output => output.stream === stream) ?? { offset: 0, mark: 0 };
  return { stream, offset: known.offset + Math.max(0, mark - known.mark), mark };
}
