// Listeners with the connections that wait on them, and connections with what came in and went out, as a guest has them: state
// of the guest, the same on every replica, for what is delivered and what the guest does change it, and nothing else.
//
// How many wait to be accepted is bounded by the bus: what a listener opened is released by its accept, and there
// (`unreleasedStreams`) it stops to open more.

import { FIRST_CONNECTING, operationOf } from '../../devices/connection/connection-streams.js';
import { assert } from '../errors/errors.js';
import { BOUNDS, outputRoomBytes } from '../protocol/bounds.js';
import type { Interrupt, OperationId } from '../protocol/vocabulary.js';
import { Input, type InputState } from './input.js';

export interface Connection {
  readonly input: Input;
  /** Offsets: what the guest wrote, what has left. */
  writtenBytes: number;
  leftBytes: number;
  /** The guest has shut down its side: nothing more is written, what comes in is not wanted. */
  finished: boolean;
  deaf: boolean;
  reset: boolean;
}

interface Listener {
  /** Streams of connections, the one that came first first. */
  readonly waiting: number[];
  /** How many were taken from it. */
  accepted: number;
}

/** What the machine is to be asked for, when it may be. */
export interface Due {
  /** Connections that nobody will have. */
  readonly close: readonly number[];
  /** Sources, and how much of each is done with. */
  readonly release: readonly { readonly source: number; readonly offset: number }[];
}

interface ConnectionState extends Omit<Connection, 'input'> {
  readonly stream: number;
  readonly input: InputState;
}

export interface SocketsState {
  readonly listeners: readonly {
    readonly stream: number;
    readonly waiting: readonly number[];
    readonly accepted: number;
  }[];
  readonly connections: readonly ConnectionState[];
  readonly dialled: readonly (readonly [stream: number, operation: OperationId])[];
  readonly due: Due;
}

const NOTHING_DUE: Due = { close: [], release: [] };

export class Sockets {
  readonly #listeners = new Map<number, Listener>();
  readonly #connections = new Map<number, Connection>();
  /** Connections that an operation has made, while the guest does not know how it ended. */
  readonly #dialled = new Map<number, OperationId>();
  #due: Due = NOTHING_DUE;
  /** Put out to connections, and not known to be taken. */
  #untakenBytes = 0;

  constructor(listeners: readonly number[], state?: SocketsState) {
    if (state === undefined) {
      for (const stream of listeners) this.#listeners.set(stream, { waiting: [], accepted: 0 });
      return;
    }
    for (const { stream, waiting, accepted } of state.listeners) {
      this.#listeners.set(stream, { waiting: [...waiting], accepted });
    }
    for (const { stream, input, ...rest } of state.connections) {
      this.#connections.set(stream, { ...rest, input: new Input(input) });
      this.#untakenBytes += rest.writtenBytes - rest.leftBytes;
    }
    for (const [stream, operation] of state.dialled) this.#dialled.set(stream, operation);
    this.#due = state.due;
  }

  isListener(stream: number): boolean {
    return this.#listeners.has(stream);
  }

  find(stream: number): Connection | undefined {
    return this.#connections.get(stream);
  }

  at(stream: number): Connection {
    const connection = this.#connections.get(stream);
    assert(connection !== undefined, `connection ${stream} is open`);
    return connection;
  }

  // ---- what is delivered

  /** Takes note of a connection, or of what became of one; of one that is closed nothing is told. */
  deliver(interrupt: Interrupt & { readonly kind: 'opened' | 'stream' | 'taken' | 'reset' }): void {
    if (interrupt.kind === 'opened') {
      this.#opened(interrupt);
      return;
    }
    const connection = this.#connections.get(interrupt.stream);
    if (connection === undefined) return;
    if (interrupt.kind === 'reset') {
      connection.reset = true;
      // What was still to be taken never is.
      this.#taken(connection, connection.writtenBytes);
    } else if (interrupt.kind === 'taken') this.#taken(connection, interrupt.offset);
    else if (!connection.deaf) connection.input.deliver(interrupt.bytes, interrupt.end);
  }

  #taken(connection: Connection, offset: number): void {
    const leftBytes = Math.max(connection.leftBytes, Math.min(offset, connection.writtenBytes));
    this.#untakenBytes -= leftBytes - connection.leftBytes;
    connection.leftBytes = leftBytes;
  }

  #opened({ stream: source, offset, opened, data }: Interrupt & { readonly kind: 'opened' }): void {
    const listener = this.#listeners.get(source);
    if (listener === undefined && source < FIRST_CONNECTING) {
      // The listener is closed.
      this.#owe([opened], source, offset + 1);
      return;
    }
    this.#connections.set(opened, {
      input: new Input(),
      writtenBytes: 0,
      leftBytes: 0,
      finished: false,
      deaf: false,
      reset: false,
    });
    if (listener !== undefined) {
      listener.waiting.push(opened);
      return;
    }
    this.#dialled.set(opened, operationOf(data));
    this.#owe([], source, offset + 1);
  }

  /**
   * An operation has ended; of its connections (a repeat without operation ids makes another) the guest has the one that its
   * status names. Answers that, undefined where there is none.
   */
  completed(operation: OperationId, status: number): number | undefined {
    let claimed: number | undefined;
    for (const [stream, by] of this.#dialled) {
      if (by !== operation) continue;
      this.#dialled.delete(stream);
      if (stream === status) {
        claimed = stream;
        continue;
      }
      this.#forget(stream);
      this.#owe([stream]);
    }
    return claimed;
  }

  #owe(close: readonly number[], source?: number, offset = 0): void {
    this.#due = {
      close: [...this.#due.close, ...close],
      release: source === undefined ? this.#due.release : [...this.#due.release, { source, offset }],
    };
  }

  /** What the machine is to be asked for, as soon as it may be; told once. */
  takeDue(): Due {
    const due = this.#due;
    this.#due = NOTHING_DUE;
    return due;
  }

  // ---- what the guest does

  hasWaiting(listener: number): boolean {
    return (this.#listeners.get(listener)?.waiting.length ?? 0) > 0;
  }

  /** The connection that came first, and how many the listener has given: so much of it is consumed. */
  accept(listener: number): { readonly stream: number; readonly offset: number } | undefined {
    const state = this.#listeners.get(listener);
    const stream = state?.waiting.shift();
    if (state === undefined || stream === undefined) return undefined;
    state.accepted += 1;
    return { stream, offset: state.accepted };
  }

  /** Bytes that may be written to a connection now. */
  roomBytes({ writtenBytes, leftBytes }: Connection): number {
    return outputRoomBytes(BOUNDS, writtenBytes - leftBytes, this.#untakenBytes);
  }

  wrote(connection: Connection, bytes: number): void {
    connection.writtenBytes += bytes;
    this.#untakenBytes += bytes;
  }

  /** A connection, or a listener with those that wait on it: answers the connections to be closed. */
  close(stream: number): readonly number[] {
    const listener = this.#listeners.get(stream);
    if (listener === undefined) return this.#forget(stream) ? [stream] : [];
    const { waiting, accepted } = listener;
    this.#listeners.delete(stream);
    for (const closed of waiting) this.#forget(closed);
    if (waiting.length > 0) this.#owe([], stream, accepted + waiting.length);
    return waiting;
  }

  #forget(stream: number): boolean {
    const connection = this.#connections.get(stream);
    if (connection !== undefined) this.#taken(connection, connection.writtenBytes);
    return this.#connections.delete(stream);
  }

  save(): SocketsState {
    return {
      listeners: [...this.#listeners].map(([stream, { waiting, accepted }]) => ({
        stream,
        waiting: [...waiting],
        accepted,
      })),
      connections: [...this.#connections].map(([stream, { input, ...rest }]) => ({
        stream,
        ...rest,
        input: input.save(),
      })),
      dialled: [...this.#dialled],
      due: this.#due,
    };
  }
}
