// The bus: the side of the devices in the protocol (FN, ON, OF, RL, RB, XT), a state machine that knows no sockets.
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
// What is performed is the business of streams.ts and bus-operations.ts.

import { assert } from '../../errors/errors.js';
import { BOUNDS } from '../bounds.js';
import { BUS_HEARTBEAT_MS, type FromBus, type StreamOffset, type ToBus } from '../messages.js';
import type { Rule } from '../rules.js';
import type { Interrupt, OperationId, Outcome, Output } from '../vocabulary.js';
import type { BusEffect, BusEvent, BusOptions, Connection } from './bus-events.js';
import { type BusMemory, type BusRecord, NO_MARK } from './bus-memory.js';
import { Operations } from './bus-operations.js';
import { Streams, type Voice } from './streams.js';

export type * from './bus-events.js';
export type { StreamOffsets } from './bus-memory.js';
export { STATUS_REFUSED } from './bus-operations.js';

/** How long the end of a machine waits for who takes nothing from an opened stream, in heartbeats of the bus. */
export const LINGER_TICKS = 2_000 / BUS_HEARTBEAT_MS;

/** A replica on a connection, and how many outputs have come on it. */
interface Attached {
  readonly incarnation: string;
  taken: number;
}

export class Bus {
  readonly #attached = new Map<Connection, Attached>();
  readonly #streams: Streams;
  readonly #operations: Operations;
  #effects: BusEffect[] = [];

  readonly #keeps: boolean;
  /** The view that is kept. */
  #kept: BusMemory['view'];
  #view: number;
  /** Who fenced the present view; `connection` is undefined while it is detached. */
  #owner: { readonly incarnation: string; connection: Connection | undefined } | undefined;

  /** Rule XT: the first outcome; `ended` once it is performed. */
  #outcome: Outcome | undefined;
  #ended = false;
  #ticksSinceOutcome = 0;

  constructor(options: BusOptions) {
    const bounds = options.bounds ?? BOUNDS;
    const { memory } = options;
    this.#keeps = memory !== undefined;
    this.#kept = memory?.view;
    const view = latestOf(options.view, memory?.view);
    this.#view = view?.number ?? 0;
    if (view !== undefined) this.#owner = { incarnation: view.primary, connection: undefined };
    this.#outcome = memory?.outcome;
    this.#ended = this.#outcome !== undefined;
    const voice: Voice = {
      keep: record => this.#keep(record),
      effect: effect => this.#effects.push(effect),
      interrupt: interrupt => this.#tellInterrupt(interrupt),
      confirmed: (stream, offset) => this.#tellOwner('OF', { type: 'confirmed', stream, offset }),
    };
    this.#streams = new Streams(options, bounds, voice);
    this.#operations = new Operations(options.operationIds, bounds, voice, () => this.#owner);
  }

  /** The highest view that was fenced. */
  get view(): number {
    return this.#view;
  }

  /** Incarnation of the replica that fenced it. */
  get owner(): string | undefined {
    return this.#owner?.incarnation;
  }

  /** How the machine ended; undefined: it has not. */
  get outcome(): Outcome | undefined {
    return this.#ended ? this.#outcome : undefined;
  }

  /** Ids that the bus knows: in progress, or with a result that is not released (ON, RL). */
  get knownOperations(): OperationId[] {
    return this.#operations.known;
  }

  /** How much of each input is released (RL). */
  get released(): StreamOffset[] {
    return this.#streams.released;
  }

  get operationsInProgress(): number {
    return this.#operations.inProgress;
  }

  /** The number of the stream that is opened next. */
  get nextStream(): number {
    return this.#streams.next;
  }

  /** Opened streams that are not closed. */
  get openStreams(): number[] {
    return this.#streams.open;
  }

  step(event: BusEvent): readonly BusEffect[] {
    this.#effects = [];
    switch (event.type) {
      case 'attached':
        this.#attach(event.connection, event.incarnation);
        break;
      case 'message':
        this.#message(event.connection, event.message);
        break;
      case 'detached':
        this.#detach(event.connection);
        break;
      case 'opened':
        this.#streams.opened(event.source, event.stream, event.data);
        break;
      case 'written':
        this.#streams.written(event.stream, event.offset, event.mark ?? NO_MARK);
        this.#endIfDone();
        break;
      case 'input':
        this.#streams.input(event.stream, event.bytes, event.end);
        break;
      case 'reset':
        this.#streams.reset(event.stream);
        this.#endIfDone();
        break;
      case 'completed':
        this.#operations.completed(event.token, event.status, event.data);
        this.#endIfDone();
        break;
      case 'tick':
        this.#tick();
        break;
    }
    return this.#effects;
  }

  // ---- connections

  #attach(connection: Connection, incarnation: string): void {
    assert(!this.#attached.has(connection), 'a connection attaches once');
    this.#attached.set(connection, { incarnation, taken: 0 });
    if (this.#ended) this.#send('XT', connection, { type: 'finished', outcome: this.#outcome! });
  }

  #detach(connection: Connection): void {
    this.#attached.delete(connection);
    if (this.#owner?.connection === connection) this.#owner.connection = undefined;
  }

  #message(connection: Connection, message: ToBus): void {
    const attached = this.#attached.get(connection);
    // What was under way when the connection was closed for a defect.
    if (attached === undefined) return;
    const { incarnation } = attached;
    if (message.type === 'output') attached.taken += 1;
    if (this.#ended) {
      this.#send('XT', connection, { type: 'finished', outcome: this.#outcome! });
    } else if (message.type === 'fence') {
      this.#fence(connection, incarnation, message.view);
    } else {
      this.#output(connection, incarnation, message.view, message.output);
    }
  }

  #tick(): void {
    for (const [connection, { taken }] of this.#attached) {
      this.#send('RS', connection, { type: 'heartbeat', taken });
    }
    if (this.#outcome === undefined || this.#ended) return;
    this.#ticksSinceOutcome += 1;
    if (this.#ticksSinceOutcome >= LINGER_TICKS) this.#streams.giveUp();
    this.#endIfDone();
  }

  #keep(record: BusRecord): void {
    if (this.#keeps) this.#effects.push({ rule: 'RB', type: 'keep', record });
  }

  #refuse(rule: Rule, connection: Connection, reason: string): void {
    this.#detach(connection);
    this.#effects.push({ rule, type: 'close', connection, reason });
  }

  #send(rule: Rule, connection: Connection, message: FromBus): void {
    this.#effects.push({ rule, type: 'send', connection, message });
  }

  #tellOwner(rule: Rule, message: FromBus): void {
    const connection = this.#owner?.connection;
    if (connection !== undefined) this.#send(rule, connection, message);
  }

  #tellInterrupt(interrupt: Interrupt): void {
    this.#tellOwner(interrupt.kind === 'completion' ? 'ON' : 'RL', { type: 'interrupt', interrupt });
  }

  // ---- views (FN)

  #fence(connection: Connection, incarnation: string, view: number): void {
    const foreign = view === this.#view && this.#owner !== undefined && this.#owner.incarnation !== incarnation;
    if (view < this.#view || foreign) {
      this.#send('FN', connection, { type: 'stale', view, current: this.#view });
      return;
    }
    this.#succeed(connection, incarnation, view);
    if (view !== this.#kept?.number || incarnation !== this.#kept.primary) {
      this.#keep({ type: 'fenced', view, owner: incarnation });
      this.#kept = { number: view, primary: incarnation };
    }
    this.#owner = { incarnation, connection };
    this.#view = view;
    this.#send('FN', connection, { type: 'fenced', view, streams: this.#streams.places, next: this.#streams.next });
    this.#streams.tellAgain();
  }

  /** The connection that was listened to until now is told why it is no longer. */
  #succeed(connection: Connection, incarnation: string, view: number): void {
    const previous = this.#owner;
    if (previous !== undefined && previous.connection === connection) return;
    this.#operations.forgetTold();
    if (previous?.connection === undefined) return;
    if (previous.incarnation === incarnation) {
      this.#refuse('FN', previous.connection, 'the replica has attached again');
    } else {
      this.#send('FN', previous.connection, { type: 'stale', view: this.#view, current: view });
    }
  }

  #output(connection: Connection, incarnation: string, view: number, output: Output): void {
    if (view > this.#view) {
      this.#refuse('FN', connection, `output of view ${view}, which was not fenced`);
      return;
    }
    if (view < this.#view || this.#owner?.connection !== connection) {
      this.#send('FN', connection, { type: 'stale', view, current: this.#view });
      return;
    }
    switch (output.type) {
      case 'stream':
      case 'end':
      case 'close':
        this.#refuseIf('OF', connection, this.#streams.output(output));
        break;
      case 'operation':
        this.#operations.start(connection, incarnation, output.operation);
        break;
      case 'releaseInput':
        this.#refuseIf('RL', connection, this.#streams.release(output.stream, output.offset));
        break;
      case 'releaseOperation':
        this.#operations.release(output.operation);
        break;
      case 'outcome':
        this.#outcome ??= output.outcome;
        this.#endIfDone();
        break;
    }
  }

  #refuseIf(rule: Rule, connection: Connection, reason: string | undefined): void {
    if (reason !== undefined) this.#refuse(rule, connection, reason);
  }

  // ---- the end of the machine (XT)

  /** The outcome is performed when all output before it is written and every operation before it is complete. */
  #endIfDone(): void {
    if (this.#outcome === undefined || this.#ended) return;
    if (this.#streams.isUnwritten || this.#operations.inProgress > 0) return;
    this.#ended = true;
    this.#keep({ type: 'ended', outcome: this.#outcome });
    for (const connection of this.#attached.keys()) {
      this.#send('XT', connection, { type: 'finished', outcome: this.#outcome });
    }
    this.#effects.push({ rule: 'XT', type: 'end', outcome: this.#outcome });
  }
}

function latestOf(one: BusMemory['view'], other: BusMemory['view']): BusMemory['view'] {
  return (one?.number ?? 0) > (other?.number ?? 0) ? one : other;
}
