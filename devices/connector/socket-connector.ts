// Connections that a guest makes, to the addresses that its user has named and no others.
//
// It is two things to the bus: operations, one device an address, whose completion names the connection; and the source of
// those connections. A connection is told of before its operation is complete, so whoever hears of the end has it.

import { createConnection, type Socket } from 'node:net';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { ConnectionDevice } from '../connection/connection-device.js';
import { FIRST_CONNECTING, madeFor } from '../connection/connection-streams.js';
import { netAddress, type SocketAddress } from '../connection/socket-address.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_IO_ERROR, STATUS_REFUSED } from '../device.js';
import { CONNECT, STATUS_CONNECTION_REFUSED, STATUS_TIMED_OUT, STATUS_UNREACHABLE } from './connector-commands.js';

/** Nobody has answered in this time, ms: a guest that waits for it does nothing else. */
const ANSWER_MS = 10_000;

const STATUSES: Readonly<Record<string, number>> = {
  ECONNREFUSED: STATUS_CONNECTION_REFUSED,
  // There is no such socket file.
  ENOENT: STATUS_CONNECTION_REFUSED,
  ETIMEDOUT: STATUS_TIMED_OUT,
  EHOSTUNREACH: STATUS_UNREACHABLE,
  ENETUNREACH: STATUS_UNREACHABLE,
  ENOTFOUND: STATUS_UNREACHABLE,
  EAI_AGAIN: STATUS_UNREACHABLE,
};

export class SocketConnector extends ConnectionDevice {
  readonly sources: readonly number[];
  /** By the numbers of their addresses. */
  readonly devices: readonly OperationDevice[];
  readonly #dialling = new Set<Socket>();

  constructor(addresses: readonly SocketAddress[]) {
    super();
    this.sources = addresses.map((_, index) => FIRST_CONNECTING + index);
    this.devices = addresses.map((address, index) => ({
      class: 'opaque',
      sizeBytes: 0,
      perform: operation => this.#perform(address, FIRST_CONNECTING + index, operation),
      close: async () => undefined,
    }));
  }

  async #perform(address: SocketAddress, source: number, { id, command }: Operation): Promise<Completion> {
    if (this.sink === undefined || command !== CONNECT) return { status: STATUS_REFUSED, data: NO_DATA };
    const socket = await this.#dial(address);
    if (typeof socket === 'number') return { status: socket, data: NO_DATA };
    if (this.sink === undefined) {
      socket.destroy();
      return { status: STATUS_REFUSED, data: NO_DATA };
    }
    return { status: this.open(this.sink, source, socket, madeFor(id)), data: NO_DATA };
  }

  /** Answers the socket, or the status that says why there is none. */
  #dial(address: SocketAddress): Promise<Socket | number> {
    return new Promise(resolve => {
      const socket = createConnection({ ...netAddress(address), allowHalfOpen: true, noDelay: true });
      this.#dialling.add(socket);
      const late = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), ANSWER_MS);
      const over = (answer: Socket | number) => {
        clearTimeout(late);
        this.#dialling.delete(socket);
        resolve(answer);
      };
      socket.pause();
      socket.once('connect', () => over(socket));
      socket.once('error', ({ code }: NodeJS.ErrnoException) => over(STATUSES[code ?? ''] ?? STATUS_IO_ERROR));
      socket.once('close', () => over(STATUS_REFUSED));
    });
  }

  /** What a guest connects to is bounded by its operations. */
  protected pauseSource(): void {}
  protected resumeSource(): void {}

  override async close(): Promise<void> {
    for (const socket of this.#dialling) socket.destroy();
    await super.close();
  }
}
