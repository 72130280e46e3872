// The streams of a bare guest: the console's, listeners and connections; and of which of them something new was delivered.
//
// A guest that serves thousands of connections asks for the news (`takeReady`): what was delivered puts a stream on that list,
// being named takes it off. Guest state, like everything here.

import { CONSOLE_OUTPUTS, STDIN } from '../../devices/console/console-streams.js';
import { isReleaseDue } from '../protocol/bounds.js';
import type { Interrupt, OperationId } from '../protocol/vocabulary.js';
import { Input, type InputState } from '../streams/input.js';
import { Sockets, type SocketsState } from '../streams/sockets.js';
import type { Guest } from './guest.js';
import {
  type Dispatch,
  INTERRUPT_OPENED,
  INTERRUPT_RESET,
  INTERRUPT_ROOM,
  INTERRUPT_STREAM,
} from './interrupt-controller.js';
import type { MachineOptions } from './machine-options.js';

/** Answers of hypercalls, and statuses of interrupts. */
const REFUSED = -1;
const END_OF_STREAM = -3;
const RESET = -104;

export interface GuestStreamsState {
  readonly standardInput: InputState;
  readonly sockets: SocketsState;
  readonly ready: readonly number[];
}

export class GuestStreams {
  readonly #guest: Pick<Guest, 'perform'>;
  readonly #standardInput: Input;
  readonly #sockets: Sockets;
  /** In the order in which they are named. */
  readonly #ready: Set<number>;

  /** @param state what `save` gave: they go on from there */
  constructor(guest: Pick<Guest, 'perform'>, sockets: MachineOptions['sockets'], state?: GuestStreamsState) {
    this.#guest = guest;
    this.#standardInput = new Input(state?.standardInput);
    this.#sockets = new Sockets(sockets?.listeners ?? [], state?.sockets);
    this.#ready = new Set(state?.ready);
  }

  save(): GuestStreamsState {
    return {
      standardInput: this.#standardInput.save(),
      sockets: this.#sockets.save(),
      ready: [...this.#ready],
    };
  }

  // ---- what is delivered

  /** Answers what the handler is to be called with; undefined: it is of a stream that the guest has closed. */
  deliver(interrupt: Interrupt & { readonly kind: 'opened' | 'stream' | 'taken' | 'reset' }): Dispatch | undefined {
    const { stream } = interrupt;
    if (interrupt.kind === 'stream' && stream === STDIN) {
      this.#standardInput.deliver(interrupt.bytes, interrupt.end);
      return this.#inputDispatch(stream, this.#standardInput, interrupt.end);
    }
    this.#sockets.deliver(interrupt);
    const connection = this.#sockets.find(stream);
    if (connection === undefined && !this.#sockets.isListener(stream)) return undefined;
    this.#ready.add(stream);
    switch (interrupt.kind) {
      case 'opened':
        return { kind: INTERRUPT_OPENED, id: BigInt(stream), status: 0 };
      case 'stream':
        return this.#inputDispatch(stream, connection!.input, interrupt.end);
      case 'taken':
        return { kind: INTERRUPT_ROOM, id: BigInt(stream), status: this.#sockets.roomBytes(connection!) };
      case 'reset':
        return { kind: INTERRUPT_RESET, id: BigInt(stream), status: RESET };
    }
  }

  #inputDispatch(stream: number, { readableBytes }: Input, end: boolean): Dispatch {
    return { kind: INTERRUPT_STREAM, id: BigInt(stream), status: end ? END_OF_STREAM : readableBytes };
  }

  /** An operation has ended: if it has made a connection, that is the guest's now, with all that came of it before. */
  completed(operation: OperationId, status: number): void {
    const stream = this.#sockets.completed(operation, status);
    if (stream !== undefined) this.#ready.add(stream);
  }

  /** Asks the machine for what follows from that. */
  settle(): void {
    const { close, release } = this.#sockets.takeDue();
    for (const stream of close) this.#guest.perform({ type: 'closeStream', stream });
    for (const { source, offset } of release) this.#guest.perform({ type: 'consumed', stream: source, offset });
  }

  // ---- what the guest does

  /** The streams with news, each named once until there is more; `most` at most. */
  takeReady(most: number): number[] {
    const named: number[] = [];
    for (const stream of this.#ready) {
      if (named.length === most) break;
      named.push(stream);
      this.#ready.delete(stream);
    }
    return named;
  }

  read(stream: number, target: Uint8Array): number {
    const connection = this.#sockets.find(stream);
    const input = stream === STDIN ? this.#standardInput : connection?.input;
    if (input === undefined) return this.#sockets.isListener(stream) ? 0 : REFUSED;
    if (input.readableBytes === 0 && target.length > 0) {
      if (connection?.reset === true) return RESET;
      if (input.ended) return END_OF_STREAM;
    }
    const read = input.read(target, false);
    if (isReleaseDue(input.consumed, read, input.readableBytes)) {
      this.#guest.perform({ type: 'consumed', stream, offset: input.consumed });
    }
    return read;
  }

  write(stream: number, source: Uint8Array): number {
    let { length } = source;
    if (!CONSOLE_OUTPUTS.includes(stream)) {
      const connection = this.#sockets.find(stream);
      if (connection === undefined) return REFUSED;
      if (connection.reset) return RESET;
      if (connection.finished) return END_OF_STREAM;
      length = Math.min(length, this.#sockets.roomBytes(connection));
      this.#sockets.wrote(connection, length);
    }
    // A copy: in `revised` the guest's bytes outlive the call, and the ring takes them in pieces.
    if (length > 0) this.#guest.perform({ type: 'write', stream, bytes: source.slice(0, length) });
    return length;
  }

  /** The stream of the connection that came first; 0: none waits. */
  accept(listener: number): number {
    if (!this.#sockets.isListener(listener)) return REFUSED;
    const accepted = this.#sockets.accept(listener);
    if (accepted === undefined) return 0;
    this.#guest.perform({ type: 'consumed', stream: listener, offset: accepted.offset });
    return accepted.stream;
  }

  end(stream: number): number {
    const connection = this.#sockets.find(stream);
    if (connection === undefined) return REFUSED;
    if (connection.finished) return 0;
    connection.finished = true;
    this.#guest.perform({ type: 'endStream', stream });
    return 0;
  }

  /** A listener can't be closed: who connects to it waits. */
  close(stream: number): number {
    if (this.#sockets.find(stream) === undefined) return REFUSED;
    this.#sockets.close(stream);
    this.#ready.delete(stream);
    this.#guest.perform({ type: 'closeStream', stream });
    return 0;
  }
}
