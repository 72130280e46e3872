// The bus: the side of the devices in the protocol (FN, ON, OF, RL, XT), a state machine that knows no sockets.
//
// The server (or the simulator) steps it with what replicas say and what devices report, and carries out the effects
// in order. The bus stands outside the fault model, so it decides alone; what makes it simple is that only one replica
// is listened to: the owner, who fenced the present view.
//
//   fence(v)    v < view            stale               a paused primary wakes up: it halts (LS)
//               v = view, other     stale               the view has an owner
//               v = view, the same  fenced, input       re-attachment
//               v > view            fenced, input       the new owner; the old one is told that it is stale
//   output(v)   by the owner, v = view: performed; by anyone else: stale, and nothing happens
//
// Output goes by offsets: what is there already is dropped, so that a new primary may send all that it is not sure of.
// Operations go by ids: a repeat joins the one in progress or gets the first result, until the result is released.
// With operation ids off (the paper's world) every request is performed, and answered to the replica that made it.
//
//   stream    0 ......... written ......... received            written: performed; received: accepted, being written
//   input     0 ......... released ........ received            what lies between is kept, and sent again after a fence

import { assert } from '../errors/errors.js';
import { BOUNDS, type Bounds } from './bounds.js';
import type { FromBus, StreamOffset, ToBus } from './messages.js';
import type { Rule } from './rules.js';
import type { Interrupt, Operation, OperationId, Outcome, Output } from './vocabulary.js';

/** A connection, named by the server; never used twice. */
export type Connection = number;
/** One performance of an operation; with operation ids off, an id may be performed several times. */
export type Token = number;

export type BusEvent =
  /** The server has checked the hello of a replica. */
  | { readonly type: 'attached'; readonly connection: Connection; readonly incarnation: string }
  | { readonly type: 'message'; readonly connection: Connection; readonly message: ToBus }
  | { readonly type: 'detached'; readonly connection: Connection }
  /** From a stream's device: everything below `offset` has been taken by the outside. */
  | { readonly type: 'written'; readonly stream: number; readonly offset: number }
  /** From a stream's device; `end`: nothing follows. */
  | { readonly type: 'input'; readonly stream: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** From an operation's device: `perform` with this token is done. */
  | { readonly type: 'completed'; readonly token: Token; readonly status: number; readonly data: Uint8Array }
  /** BUS_HEARTBEAT_MS have passed: the bus says that it is there. */
  | { readonly type: 'tick' };

export type BusEffect =
  | { readonly rule: Rule; readonly type: 'send'; readonly connection: Connection; readonly message: FromBus }
  /** Bytes for a stream's device, in order and without gaps; answered by `written`. */
  | {
      readonly rule: Rule;
      readonly type: 'write';
      readonly stream: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** An operation for its device; answered by `completed`. */
  | { readonly rule: Rule; readonly type: 'perform'; readonly token: Token; readonly operation: Operation }
  /** The input window is full (or has room again): the stream's device stops reading (goes on). */
  | { readonly rule: Rule; readonly type: 'pauseInput' | 'resumeInput'; readonly stream: number }
  /** The outcome is performed; the bus has nothing more to do than to tell late comers. */
  | { readonly rule: Rule; readonly type: 'end'; readonly outcome: Outcome }
  | { readonly rule: Rule; readonly type: 'close'; readonly connection: Connection; readonly reason: string };

/** Status of a completion: the operation was refused and not performed. */
export const STATUS_REFUSED = -1;

/** How far the streams of a machine that is resumed had come, by stream. */
export interface StreamOffsets {
  readonly outputs: readonly StreamOffset[];
  readonly inputs: readonly StreamOffset[];
}

export interface BusOptions {
  /** Rule ON; false is the paper's world. */
  readonly operationIds: boolean;
  /** Streams whose device takes output; output of another one is a defect of its sender. */
  readonly outputStreams: readonly number[];
  /** Streams whose device gives input. */
  readonly inputStreams: readonly number[];
  /** The view to start in and its primary's incarnation: what the arbiter says where a bus is started again. */
  readonly view?: { readonly number: number; readonly primary: string };
  /** Where the streams begin; at 0 without it. */
  readonly offsets?: StreamOffsets;
  /** What may pile up; those of production by default. */
  readonly bounds?: Bounds;
}

interface OutputStream {
  /** Accepted: certain to be written. */
  received: number;
  written: number;
}

interface InputStream {
  /** What was not released, in order; the first begins at `released`. */
  chunks: Uint8Array[];
  released: number;
  received: number;
  ended: boolean;
  paused: boolean;
}

/** An operation id that the bus knows: in progress, or with the result that a repeat gets. */
interface Performance {
  readonly token: Token;
  readonly operation: OperationId;
  /** Who asked; where ids are off, only this replica is answered. */
  readonly incarnation: string;
  /** Who asked last, and has not been told: whoever did not ask does not hear of it. */
  asker: Connection | undefined;
  /** Bytes counted against `operationBytes`: to write, or asked for. */
  readonly bytes: number;
  result?: { readonly status: number; readonly data: Uint8Array };
}

/** A replica on a connection, and how many outputs have come on it. */
interface Attached {
  readonly incarnation: string;
  taken: number;
}

const NO_DATA = new Uint8Array(0);

function offsetOf(offsets: readonly StreamOffset[], stream: number): number {
  return offsets.find(one => one.stream === stream)?.offset ?? 0;
}

export class Bus {
  readonly #operationIds: boolean;
  readonly #bounds: Bounds;
  readonly #attached = new Map<Connection, Attached>();
  readonly #outputs = new Map<number, OutputStream>();
  readonly #inputs = new Map<number, InputStream>();

  #view: number;
  /** Who fenced the present view; `connection` is undefined while it is detached. */
  #owner: { readonly incarnation: string; connection: Connection | undefined } | undefined;

  /** Operations in progress, by token. */
  readonly #inProgress = new Map<Token, Performance>();
  /** Rule ON: what is known of each id that was not released. */
  readonly #known = new Map<OperationId, Performance>();
  #nextToken: Token = 1;
  #operationBytes = 0;
  /** Bytes of results that the owner was told and has not released, and results that wait until it has. */
  readonly #told = new Map<OperationId, number>();
  #toldBytes = 0;
  #untold: OperationId[] = [];

  #unwrittenBytes = 0;
  /** Rule XT: the first outcome; `ended` once it is performed. */
  #outcome: Outcome | undefined;
  #ended = false;

  constructor(options: BusOptions) {
    this.#operationIds = options.operationIds;
    this.#bounds = options.bounds ?? BOUNDS;
    this.#view = options.view?.number ?? 0;
    if (options.view !== undefined) this.#owner = { incarnation: options.view.primary, connection: undefined };
    const { outputs = [], inputs = [] } = options.offsets ?? {};
    for (const stream of options.outputStreams) {
      const offset = offsetOf(outputs, stream);
      this.#outputs.set(stream, { received: offset, written: offset });
    }
    for (const stream of options.inputStreams) {
      const offset = offsetOf(inputs, stream);
      this.#inputs.set(stream, { chunks: [], released: offset, received: offset, ended: false, paused: false });
    }
  }

  /** The highest view that was fenced. */
  get view(): number {
    return this.#view;
  }

  /** Incarnation of the replica that fenced it. */
  get owner(): string | undefined {
    return this.#owner?.incarnation;
  }

  /** Ids that the bus knows: in progress, or with a result that is not released (ON, RL). */
  get knownOperations(): OperationId[] {
    return [...this.#known.keys()];
  }

  /** How much of each input stream is released (RL). */
  get released(): StreamOffset[] {
    return [...this.#inputs].map(([stream, { released: offset }]) => ({ stream, offset }));
  }

  get operationsInProgress(): number {
    return this.#inProgress.size;
  }

  step(event: BusEvent): readonly BusEffect[] {
    const effects: BusEffect[] = [];
    switch (event.type) {
      case 'attached':
        this.#attach(event.connection, event.incarnation, effects);
        break;
      case 'message':
        this.#message(event.connection, event.message, effects);
        break;
      case 'detached':
        this.#detach(event.connection);
        break;
      case 'written':
        this.#written(event.stream, event.offset, effects);
        break;
      case 'input':
        this.#input(event.stream, event.bytes, event.end, effects);
        break;
      case 'completed':
        this.#completed(event.token, event.status, event.data, effects);
        break;
      case 'tick':
        for (const [connection, { taken }] of this.#attached) {
          this.#send(effects, 'RS', connection, { type: 'heartbeat', taken });
        }
        break;
    }
    return effects;
  }

  // ---- connections

  #attach(connection: Connection, incarnation: string, effects: BusEffect[]): void {
    assert(!this.#attached.has(connection), 'a connection attaches once');
    this.#attached.set(connection, { incarnation, taken: 0 });
    if (this.#ended) this.#send(effects, 'XT', connection, { type: 'finished', outcome: this.#outcome! });
  }

  #detach(connection: Connection): void {
    this.#attached.delete(connection);
    if (this.#owner?.connection === connection) this.#owner.connection = undefined;
  }

  #message(connection: Connection, message: ToBus, effects: BusEffect[]): void {
    const attached = this.#attached.get(connection);
    // What was under way when the connection was closed for a defect.
    if (attached === undefined) return;
    const { incarnation } = attached;
    if (message.type === 'output') attached.taken += 1;
    if (this.#ended) {
      this.#send(effects, 'XT', connection, { type: 'finished', outcome: this.#outcome! });
    } else if (message.type === 'fence') {
      this.#fence(connection, incarnation, message.view, effects);
    } else {
      this.#output(connection, incarnation, message.view, message.output, effects);
    }
  }

  #refuse(effects: BusEffect[], rule: Rule, connection: Connection, reason: string): void {
    this.#detach(connection);
    effects.push({ rule, type: 'close', connection, reason });
  }

  #send(effects: BusEffect[], rule: Rule, connection: Connection, message: FromBus): void {
    effects.push({ rule, type: 'send', connection, message });
  }

  #tellOwner(effects: BusEffect[], rule: Rule, message: FromBus): void {
    const connection = this.#owner?.connection;
    if (connection !== undefined) this.#send(effects, rule, connection, message);
  }

  #tellInterrupt(effects: BusEffect[], rule: Rule, interrupt: Interrupt): void {
    this.#tellOwner(effects, rule, { type: 'interrupt', interrupt });
  }

  // ---- views (FN)

  #fence(connection: Connection, incarnation: string, view: number, effects: BusEffect[]): void {
    const foreign = view === this.#view && this.#owner !== undefined && this.#owner.incarnation !== incarnation;
    if (view < this.#view || foreign) {
      this.#send(effects, 'FN', connection, { type: 'stale', view, current: this.#view });
      return;
    }
    this.#succeed(connection, incarnation, view, effects);
    this.#owner = { incarnation, connection };
    this.#view = view;
    const received = [...this.#outputs].map(([stream, { received: offset }]) => ({ stream, offset }));
    const written = [...this.#outputs].map(([stream, { written: offset }]) => ({ stream, offset }));
    this.#send(effects, 'FN', connection, { type: 'fenced', view, received, written });
    for (const stream of this.#inputs.keys()) this.#sendUnreleased(stream, effects);
  }

  /** The connection that was listened to until now is told why it is no longer. */
  #succeed(connection: Connection, incarnation: string, view: number, effects: BusEffect[]): void {
    const previous = this.#owner;
    if (previous !== undefined && previous.connection === connection) return;
    // Whoever owns it now asks anew for all that is unfinished (RS).
    this.#told.clear();
    this.#toldBytes = 0;
    this.#untold = [];
    if (previous?.connection === undefined) return;
    if (previous.incarnation === incarnation) {
      this.#refuse(effects, 'FN', previous.connection, 'the replica has attached again');
    } else {
      this.#send(effects, 'FN', previous.connection, { type: 'stale', view: this.#view, current: view });
    }
  }

  #output(connection: Connection, incarnation: string, view: number, output: Output, effects: BusEffect[]): void {
    if (view > this.#view) {
      this.#refuse(effects, 'FN', connection, `output of view ${view}, which was not fenced`);
      return;
    }
    if (view < this.#view || this.#owner?.connection !== connection) {
      this.#send(effects, 'FN', connection, { type: 'stale', view, current: this.#view });
      return;
    }
    switch (output.type) {
      case 'stream':
        this.#write(connection, output.stream, output.offset, output.bytes, effects);
        break;
      case 'operation':
        this.#start(connection, incarnation, output.operation, effects);
        break;
      case 'releaseInput':
        this.#releaseInput(connection, output.stream, output.offset, effects);
        break;
      case 'releaseOperation':
        this.#releaseOperation(output.operation, effects);
        break;
      case 'outcome':
        this.#outcome ??= output.outcome;
        this.#endIfDone(effects);
        break;
    }
  }

  // ---- output streams (OF)

  #write(connection: Connection, stream: number, offset: number, bytes: Uint8Array, effects: BusEffect[]): void {
    const state = this.#outputs.get(stream);
    if (state === undefined) {
      this.#refuse(effects, 'OF', connection, `output of stream ${stream}, which takes none`);
      return;
    }
    if (offset > state.received) {
      this.#refuse(effects, 'OF', connection, `output of stream ${stream} at ${offset}, expected ${state.received}`);
      return;
    }
    const fresh = bytes.subarray(Math.min(bytes.length, state.received - offset));
    if (fresh.length === 0) {
      // It counts against its sender's window: it is answered, now or when the outside has it.
      if (state.written >= offset + bytes.length) {
        this.#tellOwner(effects, 'OF', { type: 'confirmed', stream, offset: state.written });
      }
      return;
    }
    if (this.#unwrittenBytes > this.#bounds.unwrittenBytes) {
      this.#refuse(effects, 'OF', connection, `${this.#unwrittenBytes} bytes of output wait for the outside`);
      return;
    }
    effects.push({ rule: 'OF', type: 'write', stream, offset: state.received, bytes: fresh });
    state.received += fresh.length;
    this.#unwrittenBytes += fresh.length;
  }

  #written(stream: number, offset: number, effects: BusEffect[]): void {
    const state = this.#outputs.get(stream);
    assert(
      state !== undefined && offset > state.written && offset <= state.received,
      'a device writes what it was given',
    );
    this.#unwrittenBytes -= offset - state.written;
    state.written = offset;
    this.#tellOwner(effects, 'OF', { type: 'confirmed', stream, offset });
    this.#endIfDone(effects);
  }

  // ---- operations (ON)

  #start(connection: Connection, incarnation: string, operation: Operation, effects: BusEffect[]): void {
    const first = this.#operationIds ? this.#known.get(operation.id) : undefined;
    if (first !== undefined) {
      // A repeat: joins the one in progress, or gets its result.
      first.asker = connection;
      if (first.result !== undefined) this.#answer(first, effects);
      return;
    }
    const bytes = operation.data.length + operation.length;
    const count = this.#operationIds ? this.#known.size : this.#inProgress.size;
    const { operations, operationBytes } = this.#bounds;
    if (count >= operations || this.#operationBytes + bytes > operationBytes) {
      this.#complete(effects, operation.id, STATUS_REFUSED, NO_DATA);
      return;
    }
    const token = this.#nextToken++;
    const performance: Performance = { token, operation: operation.id, incarnation, asker: connection, bytes };
    this.#operationBytes += bytes;
    this.#inProgress.set(token, performance);
    if (this.#operationIds) this.#known.set(operation.id, performance);
    effects.push({ rule: 'ON', type: 'perform', token, operation });
  }

  #completed(token: Token, status: number, data: Uint8Array, effects: BusEffect[]): void {
    const performance = this.#inProgress.get(token);
    assert(performance !== undefined, 'a device completes what it was given, once');
    this.#inProgress.delete(token);
    if (this.#operationIds) {
      performance.result = { status, data };
      this.#answer(performance, effects);
    } else {
      this.#operationBytes -= performance.bytes;
      // The paper's world: the completion interrupt goes to the host that made the request, or nowhere.
      if (this.#owner?.incarnation === performance.incarnation) {
        this.#complete(effects, performance.operation, status, data);
      }
    }
    this.#endIfDone(effects);
  }

  /** Tells the owner a result that it asked for, once what it was told before leaves room for it. */
  #answer(performance: Performance, effects: BusEffect[]): void {
    const { operation, asker, result } = performance;
    if (result === undefined || asker === undefined || asker !== this.#owner?.connection) return;
    const bytes = result.data.length;
    const again = this.#told.get(operation);
    // In order: were smaller ones let past, a large one would wait for as long as they come.
    const room = this.#toldBytes === 0 || this.#toldBytes + bytes <= this.#bounds.completionBytes;
    if (again === undefined && (!room || this.#untold.length > 0)) {
      if (!this.#untold.includes(operation)) this.#untold.push(operation);
      return;
    }
    performance.asker = undefined;
    this.#toldBytes += bytes - (again ?? 0);
    this.#told.set(operation, bytes);
    this.#complete(effects, operation, result.status, result.data);
  }

  #complete(effects: BusEffect[], operation: OperationId, status: number, data: Uint8Array): void {
    this.#tellInterrupt(effects, 'ON', { kind: 'completion', operation, status, data });
  }

  /** Rule RL. A release sent twice, or of an operation that was refused, finds nothing. */
  #releaseOperation(operation: OperationId, effects: BusEffect[]): void {
    const performance = this.#known.get(operation);
    if (performance?.result === undefined) return;
    this.#known.delete(operation);
    this.#operationBytes -= performance.bytes;
    this.#toldBytes -= this.#told.get(operation) ?? 0;
    this.#told.delete(operation);
    const waiting = this.#untold;
    this.#untold = [];
    for (const id of waiting) {
      const untold = this.#known.get(id);
      if (untold !== undefined) this.#answer(untold, effects);
    }
  }

  // ---- input streams (RL)

  #input(stream: number, bytes: Uint8Array, end: boolean, effects: BusEffect[]): void {
    const state = this.#inputs.get(stream);
    assert(state !== undefined && !state.ended, 'a device gives input of its streams, and nothing after the end');
    const offset = state.received;
    if (bytes.length > 0) state.chunks.push(bytes);
    state.received += bytes.length;
    state.ended = end;
    if (bytes.length > 0 || end) this.#tellInterrupt(effects, 'RL', { kind: 'stream', stream, offset, bytes, end });
    if (!state.paused && !end && state.received - state.released >= this.#bounds.inputWindowBytes) {
      state.paused = true;
      effects.push({ rule: 'RL', type: 'pauseInput', stream });
    }
  }

  #releaseInput(connection: Connection, stream: number, offset: number, effects: BusEffect[]): void {
    const state = this.#inputs.get(stream);
    if (state === undefined || offset > state.received) {
      this.#refuse(effects, 'RL', connection, `release of input of stream ${stream} at ${offset}, which was not sent`);
      return;
    }
    while (state.released < offset) {
      const first = state.chunks[0]!;
      const bytes = Math.min(first.length, offset - state.released);
      if (bytes === first.length) state.chunks.shift();
      else state.chunks[0] = first.subarray(bytes);
      state.released += bytes;
    }
    if (state.paused && state.received - state.released <= this.#bounds.inputWindowBytes / 2) {
      state.paused = false;
      effects.push({ rule: 'RL', type: 'resumeInput', stream });
    }
  }

  #sendUnreleased(stream: number, effects: BusEffect[]): void {
    const state = this.#inputs.get(stream)!;
    let offset = state.released;
    for (const bytes of state.chunks) {
      const end = state.ended && offset + bytes.length === state.received;
      this.#tellInterrupt(effects, 'RL', { kind: 'stream', stream, offset, bytes, end });
      offset += bytes.length;
    }
    if (state.chunks.length === 0 && state.ended) {
      this.#tellInterrupt(effects, 'RL', { kind: 'stream', stream, offset, bytes: NO_DATA, end: true });
    }
  }

  // ---- the end of the machine (XT)

  /** The outcome is performed when all output before it is written and every operation before it is complete. */
  #endIfDone(effects: BusEffect[]): void {
    if (this.#outcome === undefined || this.#ended) return;
    if (this.#unwrittenBytes > 0 || this.#inProgress.size > 0) return;
    this.#ended = true;
    for (const connection of this.#attached.keys()) {
      this.#send(effects, 'XT', connection, { type: 'finished', outcome: this.#outcome });
    }
    effects.push({ rule: 'XT', type: 'end', outcome: this.#outcome });
  }
}
