// The toy guest: a deterministic program made from a seed, whose every output commits to all that it has seen so far.
//
// It stands for any program: it computes, reads clocks and randomness, writes to two streams, consumes a third, serves those
// that the outside opens or that it asks for itself, starts operations at a disk (idempotent) and a teller (opaque) and repeats the uncertain ones as a driver does, sets timers,
// waits, and ends by exit or trap, at times with operations outstanding. What it does next depends on a hash of all
// results and interrupts: two replicas that see different things are soon at different instructions.

import { FIRST_CONNECTING, operationOf } from '../../devices/connection/connection-streams.js';
import { CONNECT, FIRST_CONNECTOR } from '../../devices/connector/connector-commands.js';
import { DISK_READ, DISK_WRITE, FIRST_DISK, SECTOR_BYTES } from '../../devices/disk/disk-commands.js';
import { TELLER, TELLER_DISPENSE } from '../../devices/teller/teller-commands.js';
import { outputRoomBytes } from '../protocol/bounds.js';
import { SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Interrupt, Operation, OperationId, Outcome } from '../protocol/vocabulary.js';
import { mix, mixBytes, mixWide, Random } from './random.js';

export const STREAM_INPUT = 0;
export const STREAM_OUTPUT = 1;
export const STREAM_ERROR = 2;
/** By which the outside opens streams, and by which those are opened that the guest asks for. */
export const STREAM_SOURCE = 3;
export const STREAM_DIALLED = FIRST_CONNECTING;

/** What the guest does next; all but `compute` are one instruction. The answer to `environment` is its result. */
export type GuestAction =
  | { readonly type: 'compute'; readonly instructions: number }
  | { readonly type: 'environment'; readonly source: number }
  | { readonly type: 'write'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'endStream' | 'closeStream'; readonly stream: number }
  | { readonly type: 'start'; readonly operation: Operation }
  | { readonly type: 'consumed'; readonly stream: number; readonly offset: number }
  | { readonly type: 'timer'; readonly deadlineNs: number }
  /** Over as soon as more than `seen` interrupts have come. */
  | { readonly type: 'wait'; readonly seen: number }
  | { readonly type: 'outcome'; readonly outcome: Outcome };

export interface GuestOptions {
  readonly seed: number;
  /** Steps of the program; each is a few actions. */
  readonly steps: number;
  /** Whether the bus performs an id once: if not, the driver of the teller must not repeat. */
  readonly operationIds: boolean;
  /** Now and then it writes as much as this, several times as much as may be under way; 0: never. */
  readonly floodBytes: number;
  /** Streams that are opened by the outside, or because the guest asks for one, all in all. */
  readonly visits: number;
  /** What it puts out to them before it hears that it was taken. */
  readonly bounds: Parameters<typeof outputRoomBytes>[0];
}

/** A stream that the outside has opened, as the guest knows it. */
interface Served {
  readonly stream: number;
  readonly input: Uint8Array[];
  received: number;
  consumed: number;
  ended: boolean;
  reset: boolean;
  written: number;
  taken: number;
  finished: boolean;
  /** The operation that asked for it, while the guest does not know how that ended. */
  dialledBy: OperationId | undefined;
}

type OperationState = 'outstanding' | 'uncertain' | 'ended' | 'unknown';

export class Guest {
  readonly #options: GuestOptions;
  readonly #random: Random;
  /** Commits to everything the guest was told and did. */
  #hash: number;
  /** Instructions executed. */
  #count = 0;
  /** Interrupts delivered so far. */
  #arrived = 0;

  readonly #operations = new Map<OperationId, { readonly operation: Operation; state: OperationState }>();
  #nextOperation = 1n;
  readonly #input: Uint8Array[] = [];
  #inputReceived = 0;
  #inputConsumed = 0;
  #inputEnded = false;
  /** Streams that are open, and those of them that nobody will have: a repeat has made another. */
  readonly #served = new Map<number, Served>();
  readonly #surplus: Served[] = [];
  /** How many each source has opened, and how many of them the guest has taken: the others wait. */
  readonly #opened = new Map<number, number>([
    [STREAM_SOURCE, 0],
    [STREAM_DIALLED, 0],
  ]);
  readonly #accepted = new Map<number, number>();
  #timerArmed = false;
  /** Greatest value of each clock, and of Tme. */
  readonly #clocks = new Map<number, bigint>();
  #complaint: string | undefined;

  constructor(options: GuestOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#hash = mix(options.seed, 0x6e0c);
  }

  get hash(): number {
    return this.#hash;
  }

  get count(): number {
    return this.#count;
  }

  get arrived(): number {
    return this.#arrived;
  }

  /** What the guest saw that no single machine shows: a clock that goes back, input with a gap. */
  get complaint(): string | undefined {
    return this.#complaint;
  }

  /** A bit of its memory is flipped: from here on it is another guest. */
  flip(): void {
    this.#hash ^= 1;
  }

  /** The driver of the guest says how many instructions were executed. */
  executed(instructions: number): void {
    this.#count += instructions;
  }

  /** The interrupt handler. */
  deliver(interrupt: Interrupt): void {
    this.#arrived += 1;
    switch (interrupt.kind) {
      case 'timer':
        this.#see('Tme', SOURCE_MONOTONIC, BigInt(interrupt.timeNs));
        if (!this.#timerArmed) this.#complain('a timer interrupt that was not asked for');
        this.#timerArmed = false;
        this.#mix(mixWide(1, BigInt(interrupt.timeNs)));
        return;
      case 'stream':
        this.#deliverInput(interrupt);
        return;
      case 'opened':
        if (interrupt.offset !== this.#opened.get(interrupt.stream))
          this.#complain(`stream ${interrupt.offset} is opened, ${this.#opened.get(interrupt.stream)} was due`);
        this.#opened.set(interrupt.stream, interrupt.offset + 1);
        this.#served.set(interrupt.opened, {
          stream: interrupt.opened,
          input: [],
          received: 0,
          consumed: 0,
          ended: false,
          reset: false,
          written: 0,
          taken: 0,
          finished: false,
          dialledBy: interrupt.stream === STREAM_DIALLED ? operationOf(interrupt.data) : undefined,
        });
        this.#mix(mix(interrupt.opened, mixBytes(5, interrupt.data)));
        return;
      case 'taken': {
        const served = this.#served.get(interrupt.stream);
        if (served === undefined || interrupt.offset <= served.taken || interrupt.offset > served.written) {
          this.#complain(`output of stream ${interrupt.stream} is taken up to ${interrupt.offset}`);
        } else {
          served.taken = interrupt.offset;
        }
        this.#mix(mix(interrupt.stream, interrupt.offset));
        return;
      }
      case 'reset': {
        const served = this.#served.get(interrupt.stream);
        if (served === undefined || served.reset) this.#complain(`stream ${interrupt.stream} is reset`);
        else served.reset = true;
        this.#mix(mix(interrupt.stream, -7));
        return;
      }
      case 'completion':
        this.#end(interrupt.operation, 'ended');
        this.#dialled(interrupt.operation, interrupt.status);
        this.#mix(mixBytes(mix(Number(interrupt.operation), interrupt.status), interrupt.data));
        return;
      case 'uncertain':
        this.#end(interrupt.operation, 'uncertain');
        this.#mix(mix(Number(interrupt.operation), -99));
    }
  }

  /** A stream is told of before the operation that asked for it is complete; those of the same operation are too many. */
  #dialled(operation: OperationId, status: number): void {
    if (this.#operations.get(operation)?.operation.device !== FIRST_CONNECTOR) return;
    if (status >= 0 && this.#served.get(status)?.dialledBy !== operation)
      this.#complain(`operation ${operation} is complete, and its stream ${status} is not known`);
    for (const served of this.#served.values()) {
      if (served.dialledBy !== operation) continue;
      served.dialledBy = undefined;
      if (served.stream !== status) this.#surplus.push(served);
    }
  }

  #deliverInput({ stream, offset, bytes, end }: Interrupt & { kind: 'stream' }): void {
    const served = this.#served.get(stream);
    if (stream !== STREAM_INPUT && served === undefined) this.#complain(`input of stream ${stream}, which is not open`);
    const [received, ended] =
      served === undefined ? [this.#inputReceived, this.#inputEnded] : [served.received, served.ended];
    if (offset !== received || ended) this.#complain(`input at ${offset}, ${received} was due`);
    if (served === undefined) {
      this.#input.push(bytes);
      this.#inputReceived += bytes.length;
      this.#inputEnded ||= end;
    } else {
      served.input.push(bytes);
      served.received += bytes.length;
      served.ended ||= end;
    }
    this.#mix(mix(stream, mix(offset, bytes.length + (end ? 1 : 0))));
  }

  /** The program, one action at a time. */
  *run(): Generator<GuestAction, void, bigint> {
    for (let step = 0; step < this.#options.steps; step++) {
      yield* this.#repeatUncertain();
      yield { type: 'compute', instructions: 1 + (mix(this.#hash, step) & 63) };
      yield* this.#step();
    }
    if (this.#random.chance(0.3)) yield* this.#readAll();
    if (this.#random.chance(0.5)) yield* this.#serveAll();
    if (this.#random.chance(0.8)) yield* this.#waitFor(() => this.#outstanding() === 0);
    yield* this.#write(STREAM_OUTPUT);
    const trap = this.#random.chance(0.2);
    const outcome: Outcome = trap
      ? { kind: 'trap', message: `unreachable (${this.#hash})`, count: this.#count, exact: true }
      : { kind: 'exit', status: this.#hash & 0x7f };
    yield { type: 'outcome', outcome };
  }

  *#step(): Generator<GuestAction, void, bigint> {
    // The choice depends on the history as well as on the seed.
    const choice = (mix(this.#hash, this.#random.below(1 << 20)) >>> 0) % 16;
    const { visits } = this.#options;
    if (visits > 0 && (mix(this.#hash, 13) & 3) < 2) {
      yield* this.#serve();
      return;
    }
    if (choice < 4) yield* this.#write(choice === 0 ? STREAM_ERROR : STREAM_OUTPUT);
    else if (choice === 4) yield* this.#read(SOURCE_REAL_TIME);
    else if (choice === 5) yield* this.#read(SOURCE_MONOTONIC);
    else if (choice === 6) yield* this.#read(SOURCE_RANDOM);
    else if (choice < 9) yield* this.#start(FIRST_DISK);
    else if (choice < 11) yield* this.#start(TELLER);
    else if (choice === 11) yield* this.#waitFor(() => this.#outstanding() === 0);
    else if (choice === 12) yield* this.#sleep();
    else if (choice < 15) yield* this.#consume();
    else yield* this.#readLine();
  }

  *#read(source: number): Generator<GuestAction, bigint, bigint> {
    const value = yield { type: 'environment', source };
    if (source !== SOURCE_RANDOM) this.#see('a clock', source, value);
    this.#mix(mixWide(source, value));
    return value;
  }

  *#write(stream: number, length = this.#length(stream)): Generator<GuestAction, void, bigint> {
    const bytes = new Uint8Array(length);
    let word = this.#hash;
    for (let at = 0; at < bytes.length; at++) {
      if (at % 4 === 0 && at > 0) word = mix(word, at);
      bytes[at] = word >>> (8 * (at % 4));
    }
    this.#mix(bytes.length);
    yield { type: 'write', stream, bytes };
  }

  #length(stream: number): number {
    const { floodBytes } = this.#options;
    const length = 4 + (mix(this.#hash, stream) & 31);
    return floodBytes > 0 && (mix(this.#hash, 11) & 3) === 0 ? floodBytes + length : length;
  }

  *#start(device: number): Generator<GuestAction, void, bigint> {
    const id = this.#nextOperation++;
    const writes = (this.#hash & 1) === 1;
    const command =
      device === TELLER ? TELLER_DISPENSE : device === FIRST_CONNECTOR ? CONNECT : writes ? DISK_WRITE : DISK_READ;
    const operation: Operation = {
      id,
      device,
      command,
      argument: BigInt(SECTOR_BYTES * ((this.#hash >>> 4) & 3)),
      length: device === FIRST_DISK && !writes ? 4 : 0,
      data: device === FIRST_DISK && writes ? Uint8Array.of(this.#hash, this.#hash >>> 8, 0, 1) : new Uint8Array(0),
    };
    this.#operations.set(id, { operation, state: 'outstanding' });
    this.#mix(Number(id));
    yield { type: 'start', operation };
  }

  /** The drivers: an uncertain operation is repeated with its id, unless that could do harm. */
  *#repeatUncertain(): Generator<GuestAction, void, bigint> {
    for (let served = this.#surplus.shift(); served !== undefined; served = this.#surplus.shift()) {
      // It may have been served to its end since.
      if (this.#served.has(served.stream)) yield* this.#close(served);
    }
    for (const entry of this.#operations.values()) {
      if (entry.state !== 'uncertain') continue;
      if (entry.operation.device === TELLER && !this.#options.operationIds) {
        entry.state = 'unknown';
        continue;
      }
      entry.state = 'outstanding';
      this.#mix(7);
      yield { type: 'start', operation: entry.operation };
    }
  }

  *#sleep(): Generator<GuestAction, void, bigint> {
    const nowNs = yield* this.#read(SOURCE_MONOTONIC);
    this.#timerArmed = true;
    yield { type: 'timer', deadlineNs: Number(nowNs) + 1 + (mix(this.#hash, 3) & 0xfffff) };
    yield* this.#waitFor(() => !this.#timerArmed);
  }

  /** Takes what has been delivered. */
  *#consume(): Generator<GuestAction, void, bigint> {
    const bytes = this.#input.shift();
    if (bytes === undefined) return;
    this.#inputConsumed += bytes.length;
    this.#mix(mixBytes(0, bytes.length > 64 ? bytes.subarray(-64) : bytes));
    if (bytes.length > 0) yield { type: 'consumed', stream: STREAM_INPUT, offset: this.#inputConsumed };
  }

  *#readLine(): Generator<GuestAction, void, bigint> {
    yield* this.#waitFor(() => this.#input.length > 0 || this.#inputEnded);
    yield* this.#consume();
  }

  *#readAll(): Generator<GuestAction, void, bigint> {
    while (!this.#inputEnded || this.#input.length > 0) yield* this.#readLine();
  }

  /** Something for one of the open streams; waits for one where none is, but more will come. */
  *#serve(): Generator<GuestAction, void, bigint> {
    if ((mix(this.#hash, 41) & 1) === 1) yield* this.#accept();
    if ((mix(this.#hash, 47) & 3) === 0 && this.#openedInAll() < this.#options.visits) {
      yield* this.#start(FIRST_CONNECTOR);
    }
    const open = [...this.#served.values()].filter(isKnown);
    const served = open[(mix(this.#hash, 17) >>> 0) % Math.max(1, open.length)];
    if (served === undefined) {
      const { visits } = this.#options;
      yield* this.#acceptAll();
      if (this.#openedInAll() < visits && (this.#hash & 1) === 1) yield* this.#waitFor(() => this.#served.size > 0);
      return;
    }
    const choice = (mix(this.#hash, 19) >>> 0) % 8;
    if (choice < 3) yield* this.#consumeFrom(served);
    else if (choice < 6) yield* this.#answer(served);
    else if (choice === 6) yield* this.#finish(served);
    else if (served.ended || served.reset || (this.#hash & 7) === 0) yield* this.#close(served);
  }

  /** All who come, until they have gone. */
  *#serveAll(): Generator<GuestAction, void, bigint> {
    const { visits } = this.#options;
    while (this.#openedInAll() < visits || this.#served.size > 0) {
      yield* this.#acceptAll();
      yield* this.#waitFor(() => this.#served.size > 0);
      for (const served of [...this.#served.values()]) {
        // It may be closed as one too many.
        yield* this.#waitFor(() => isKnown(served));
        if (!this.#served.has(served.stream)) continue;
        yield* this.#waitFor(() => served.input.length > 0 || served.ended || served.reset);
        // Or meanwhile.
        if (!this.#served.has(served.stream)) continue;
        while (served.input.length > 0) yield* this.#consumeFrom(served);
        yield* this.#answer(served);
        if (served.ended || served.reset) yield* this.#close(served);
      }
    }
  }

  /** Takes the one that has waited longest; another may come in its place. */
  *#accept(): Generator<GuestAction, void, bigint> {
    for (const [source, opened] of this.#opened) {
      const offset = (this.#accepted.get(source) ?? 0) + 1;
      if (offset > opened) continue;
      this.#accepted.set(source, offset);
      this.#mix(43);
      yield { type: 'consumed', stream: source, offset };
      return;
    }
  }

  *#acceptAll(): Generator<GuestAction, void, bigint> {
    const accepted = () => [...this.#accepted.values()].reduce((sum, count) => sum + count, 0);
    while (accepted() < this.#openedInAll()) yield* this.#accept();
  }

  #openedInAll(): number {
    return [...this.#opened.values()].reduce((sum, count) => sum + count, 0);
  }

  *#consumeFrom(served: Served): Generator<GuestAction, void, bigint> {
    const bytes = served.input.shift();
    if (bytes === undefined) return;
    served.consumed += bytes.length;
    this.#mix(mixBytes(served.stream, bytes.length > 64 ? bytes.subarray(-64) : bytes));
    if (bytes.length > 0) yield { type: 'consumed', stream: served.stream, offset: served.consumed };
  }

  /** No more than the window has room for; where there is none it waits, for that stream alone. */
  *#answer(served: Served): Generator<GuestAction, void, bigint> {
    if (served.finished) return;
    const { bounds } = this.#options;
    const untaken = ({ written, taken }: Served) => written - taken;
    const inAll = () => [...this.#served.values()].reduce((sum, one) => sum + untaken(one), 0);
    const room = () => outputRoomBytes(bounds, untaken(served), inAll());
    yield* this.#waitFor(() => room() > 0 || served.reset);
    // It may have been closed meanwhile, as one too many.
    if (!this.#served.has(served.stream) || (served.reset && room() <= 0)) return;
    const wanted = 1 + (mix(this.#hash, 23) & 63);
    const long = (mix(this.#hash, 29) & 3) === 0;
    const length = Math.min(room(), long ? bounds.openedOutputBytes : wanted);
    served.written += length;
    yield* this.#write(served.stream, length);
  }

  *#finish(served: Served): Generator<GuestAction, void, bigint> {
    if (served.finished) return;
    served.finished = true;
    served.written += 1;
    this.#mix(31);
    yield { type: 'endStream', stream: served.stream };
  }

  *#close(served: Served): Generator<GuestAction, void, bigint> {
    this.#served.delete(served.stream);
    this.#mix(37);
    yield { type: 'closeStream', stream: served.stream };
  }

  *#waitFor(condition: () => boolean): Generator<GuestAction, void, bigint> {
    for (;;) {
      // What arrives during the repeats ends the wait.
      const seen = this.#arrived;
      yield* this.#repeatUncertain();
      if (condition()) return;
      yield { type: 'wait', seen };
    }
  }

  #outstanding(): number {
    let count = 0;
    for (const { state } of this.#operations.values()) {
      if (state === 'outstanding' || state === 'uncertain') count += 1;
    }
    return count;
  }

  #end(id: OperationId, state: OperationState): void {
    const entry = this.#operations.get(id);
    if (entry?.state !== 'outstanding') this.#complain(`operation ${id} ended, though it is not outstanding`);
    else entry.state = state;
  }

  #see(what: string, source: number, value: bigint): void {
    if (value < (this.#clocks.get(source) ?? 0n)) this.#complain(`${what} went back to ${value}`);
    else this.#clocks.set(source, value);
  }

  #complain(what: string): void {
    this.#complaint ??= what;
  }

  #mix(value: number): void {
    this.#hash = mix(this.#hash, value);
  }
}

/** Whether the guest knows that a stream is its own. */
function isKnown({ dialledBy }: Served): boolean {
  return dialledBy === undefined;
}
