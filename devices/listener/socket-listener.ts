// Listening sockets: who connects is a connection, told to the guest in the order of coming.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { ConnectionDevice } from '../connection/connection-device.js';
import { FIRST_LISTENING } from '../connection/connection-streams.js';
import { describeSocketAddress, netAddress, type SocketAddress } from '../connection/socket-address.js';
import type { SourceSink } from '../device.js';
import { listenedBefore, noteListening, removeLeftBehind } from './listener-memory.js';

/**
 * Connections that wait while the guest is told of no more, Linux's own backlog (somaxconn): beyond them a client is turned
 * away at once. Each takes a descriptor of this process, and nothing is read from it.
 */
export const WAITING_MAX = 4096;

interface Listening {
  readonly stream: number;
  readonly address: SocketAddress;
  readonly server: Server;
  /** Accepted, and not told of. */
  readonly waiting: Socket[];
  paused: boolean;
}

export class SocketListener extends ConnectionDevice {
  readonly sources: readonly number[];
  readonly #listening: readonly Listening[];

  /**
   * Listens on all addresses or, where one can't be had, on none.
   * @param memory as of `DeviceKind.open`: who is started again has the same ports, and its sockets' files are its own
   * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED; MEMORY_CORRUPT, MEMORY_FAILED, MEMORY_FULL
   */
  static async open(addresses: readonly SocketAddress[], memory?: string): Promise<SocketListener> {
    const before = memory === undefined ? undefined : listenedBefore(memory, addresses);
    const listening: Listening[] = [];
    try {
      for (const [index, address] of (before ?? addresses).entries()) {
        const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
        if (before !== undefined) await removeLeftBehind(address);
        await listen(server, address);
        listening.push({ stream: FIRST_LISTENING + index, address, server, waiting: [], paused: false });
      }
      const listener = new SocketListener(listening);
      if (memory !== undefined && before === undefined) await noteListening(memory, listener.addresses);
      return listener;
    } catch (error) {
      for (const { server } of listening) server.close();
      throw error;
    }
  }

  private constructor(listening: readonly Listening[]) {
    super();
    this.#listening = listening;
    this.sources = listening.map(({ stream }) => stream);
    for (const one of listening) one.server.on('connection', socket => this.#accepted(one, socket));
  }

  /** Where it listens, ports of the kernel's choice filled in. */
  get addresses(): readonly SocketAddress[] {
    return this.#listening.map(({ address, server }) =>
      address.kind === 'tcp' ? { ...address, port: (server.address() as AddressInfo).port } : address,
    );
  }

  override start(sink: SourceSink): void {
    super.start(sink);
    for (const one of this.#listening) this.#tell(one);
  }

  #accepted(one: Listening, socket: Socket): void {
    // Broken off before anybody was told of it.
    socket.on('error', () => undefined);
    if (one.waiting.length >= WAITING_MAX) {
      socket.destroy();
      return;
    }
    one.waiting.push(socket);
    this.#tell(one);
  }

  #tell(one: Listening): void {
    while (this.sink !== undefined && !one.paused) {
      const socket = one.waiting.shift();
      if (socket === undefined) return;
      if (!socket.destroyed) this.open(this.sink, one.stream, socket, Buffer.from(describePeer(socket, one.address)));
    }
  }

  protected pauseSource(source: number): void {
    this.#at(source).paused = true;
  }

  protected resumeSource(source: number): void {
    const listening = this.#at(source);
    listening.paused = false;
    this.#tell(listening);
  }

  #at(source: number): Listening {
    return this.#listening[source - FIRST_LISTENING]!;
  }

  override async close(): Promise<void> {
    for (const { server, waiting } of this.#listening) {
      server.close();
      for (const socket of waiting) socket.destroy();
    }
    await super.close();
  }
}

function describePeer({ remoteAddress: host, remotePort: port }: Socket, address: SocketAddress): string {
  return describeSocketAddress(host === undefined || port === undefined ? address : { kind: 'tcp', host, port });
}

function listen(server: Server, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refused(address, error)));
    server.listen({ ...netAddress(address), backlog: WAITING_MAX }, () => {
      server.removeAllListeners('error');
      // A connection that can't be accepted (no file descriptors) is its client's trouble: others are served.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function refused(address: SocketAddress, { code, message }: NodeJS.ErrnoException): EpochvisorError {
  const where = describeSocketAddress(address);
  if (code === 'EADDRINUSE') {
    const hint =
      address.kind === 'unix' ? 'remove it, if nobody uses it any more' : 'end who listens there, or take another port';
    return new EpochvisorError('LISTEN_IN_USE', `${where} is in use`, hint);
  }
  return new EpochvisorError(
    'LISTEN_FAILED',
    `nobody can listen on ${where}: ${code ?? message}`,
    'name an address of this host',
  );
}
