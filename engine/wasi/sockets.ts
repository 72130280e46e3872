// Listening streams with the connections that wait on them, and connections with what came in and went out.

import { assert } from '../errors/errors.js';
import { BOUNDS } from '../protocol/bounds.js';
import { Input, type InputState } from './input.js';

/** A connection that nobody accepts costs memory on every replica: more than this are closed again. */
const BACKLOG_MAX = 128;

export interface Connection {
  readonly input: Input;
  /** Offsets: what the program wrote, what has left. */
  writtenBytes: number;
  leftBytes: number;
  /** The program has shut down its side: nothing more is written, what comes in is not wanted. */
  finished: boolean;
  deaf: boolean;
  reset: boolean;
}

interface ConnectionState extends Omit<Connection, 'input'> {
  readonly stream: number;
  readonly input: InputState;
}

export interface SocketsState {
  readonly listeners: readonly { readonly stream: number; readonly backlog: readonly number[] }[];
  readonly connections: readonly ConnectionState[];
  readonly refused: readonly number[];
}

export class Sockets {
  /** Connections that wait to be accepted, by listening stream. */
  readonly #listeners = new Map<number, number[]>();
  readonly #connections = new Map<number, Connection>();
  /** Connections that nobody will accept: to be closed as soon as the machine may be asked. */
  #refused: number[] = [];

  constructor(listeners: readonly number[], state?: SocketsState) {
    if (state === undefined) {
      for (const stream of listeners) this.#listeners.set(stream, []);
      return;
    }
    for (const { stream, backlog } of state.listeners) this.#listeners.set(stream, [...backlog]);
    for (const { stream, input, ...rest } of state.connections) {
      this.#connections.set(stream, { ...rest, input: new Input(input) });
    }
    this.#refused = [...state.refused];
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

  connected(listener: number, stream: number): void {
    const backlog = this.#listeners.get(listener);
    if (backlog === undefined || backlog.length >= BACKLOG_MAX) {
      this.#refused.push(stream);
      return;
    }
    const input = new Input();
    this.#connections.set(stream, {
      input,
      writtenBytes: 0,
      leftBytes: 0,
      finished: false,
      deaf: false,
      reset: false,
    });
    backlog.push(stream);
  }

  received(stream: number, bytes: Uint8Array, end: boolean): void {
    const connection = this.#connections.get(stream);
    if (connection !== undefined && !connection.deaf) connection.input.deliver(bytes, end);
  }

  /** Connections to be closed; asked for once. */
  takeRefused(): number[] {
    const refused = this.#refused;
    this.#refused = [];
    return refused;
  }

  // ---- what the program does

  hasWaiting(listener: number): boolean {
    return (this.#listeners.get(listener)?.length ?? 0) > 0;
  }

  /** The connection that came first. */
  accept(listener: number): number | undefined {
    return this.#listeners.get(listener)?.shift();
  }

  /** Bytes that may be written to a connection now. */
  roomBytes({ writtenBytes, leftBytes }: Connection): number {
    return Math.max(0, BOUNDS.openedOutputBytes - (writtenBytes - leftBytes));
  }

  /** Answers the streams that go with it. */
  close(stream: number): number[] {
    const backlog = this.#listeners.get(stream) ?? [];
    this.#listeners.delete(stream);
    for (const closed of [stream, ...backlog]) this.#connections.delete(closed);
    return [stream, ...backlog];
  }

  save(): SocketsState {
    return {
      listeners: [...this.#listeners].map(([stream, backlog]) => ({ stream, backlog: [...backlog] })),
      connections: [...this.#connections].map(([stream, { input, ...rest }]) => ({
        stream,
        ...rest,
        input: input.save(),
      })),
      refused: [...this.#refused],
    };
  }
}
