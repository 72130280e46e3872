// Listening sockets, and their connections as streams: accepted, read, written, half-closed, reset, closed.
//
// A byte counts as written when the operating system has taken it, so a client that reads slowly is felt by the bus and, through
// it, by the guest's write to that connection, and by no other. A connection's end is an end, its break a reset, both ways.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { assert, EpochvisorError } from '../../engine/errors/errors.js';
import { NO_DATA, type SourceDevice, type SourceSink } from '../device.js';
import { describeListenAddress, FIRST_LISTENING, type ListenAddress } from './listening-streams.js';

/**
 * Connections that wait while the guest is told of no more: beyond them a client is turned away at once, as by a kernel whose
 * backlog is full.
 */
export const WAITING_MAX = 1024;
/** How long a client may go on sending to a connection that the guest has closed, ms; to break off at once could lose an answer. */
const DRAIN_MS = 1_000;

interface Listening {
  readonly stream: number;
  readonly address: ListenAddress;
  readonly server: Server;
  /** Accepted, and not told of. */
  readonly waiting: Socket[];
  paused: boolean;
}

interface Connection {
  readonly stream: number;
  readonly socket: Socket;
  /** The outside has broken off. */
  reset: boolean;
  /** Nothing more is read. */
  deaf: boolean;
}

export class SocketListener implements SourceDevice {
  readonly class = 'stream';
  readonly inputs = [];
  readonly outputs = [];
  readonly sources: readonly number[];
  readonly #listening: readonly Listening[];
  readonly #connections = new Map<number, Connection>();
  #sink: SourceSink | undefined;

  /**
   * Listens on all addresses or, where one can't be had, on none.
   * @throws EpochvisorError LISTEN_IN_USE, LISTEN_FAILED
   */
  static async open(addresses: readonly ListenAddress[]): Promise<SocketListener> {
    const listening: Listening[] = [];
    try {
      for (const [index, address] of addresses.entries()) {
        const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
        await listen(server, address);
        listening.push({ stream: FIRST_LISTENING + index, address, server, waiting: [], paused: false });
      }
    } catch (error) {
      for (const { server } of listening) server.close();
      throw error;
    }
    return new SocketListener(listening);
  }

  private constructor(listening: readonly Listening[]) {
    this.#listening = listening;
    this.sources = listening.map(({ stream }) => stream);
    for (const one of listening) one.server.on('connection', socket => this.#accepted(one, socket));
  }

  /** Where it listens, ports of the kernel's choice filled in. */
  get addresses(): readonly ListenAddress[] {
    return this.#listening.map(({ address, server }) =>
      address.kind === 'tcp' ? { ...address, port: (server.address() as AddressInfo).port } : address,
    );
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    for (const one of this.#listening) this.#tell(one);
  }

  // ---- connections

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
    while (this.#sink !== undefined && !one.paused) {
      const socket = one.waiting.shift();
      if (socket === undefined) return;
      if (!socket.destroyed) this.#open(this.#sink, one, socket);
    }
  }

  #open(sink: SourceSink, { stream: source, address }: Listening, socket: Socket): void {
    const { remoteAddress: host, remotePort: port } = socket;
    const peer: ListenAddress = host === undefined || port === undefined ? address : { kind: 'tcp', host, port };
    const stream = sink.opened(source, Buffer.from(describeListenAddress(peer)));
    const connection: Connection = { stream, socket, reset: false, deaf: false };
    this.#connections.set(stream, connection);
    socket.on('data', (bytes: Buffer) => {
      if (!connection.deaf) sink.input(stream, bytes, false);
    });
    socket.on('end', () => {
      if (!connection.deaf) sink.input(stream, NO_DATA, true);
    });
    socket.on('error', () => this.#broken(connection));
    socket.on('close', () => {
      // Without an end of either side, whoever broke it off.
      if (!socket.readableEnded || !socket.writableFinished) this.#broken(connection);
    });
    socket.resume();
  }

  #broken(connection: Connection): void {
    if (connection.reset) return;
    connection.reset = true;
    // Once it is closed, its close is what is answered.
    if (this.#connections.has(connection.stream)) this.#sink?.reset(connection.stream);
  }

  #at(stream: number): Connection {
    const connection = this.#connections.get(stream);
    assert(connection !== undefined, 'the bus speaks of connections that were opened and are not closed');
    return connection;
  }

  // ---- what the bus asks for

  write(stream: number, offset: number, bytes: Uint8Array): void {
    const { socket } = this.#at(stream);
    socket.write(bytes, error => {
      if (!error) this.#sink?.written(stream, offset + bytes.length);
    });
  }

  endStream(stream: number, offset: number): void {
    this.#finished(this.#at(stream), () => this.#sink?.written(stream, offset + 1));
  }

  closeStream(stream: number, offset: number): void {
    const connection = this.#at(stream);
    const { socket } = connection;
    connection.deaf = true;
    const answer = () => {
      this.#connections.delete(stream);
      this.#sink?.written(stream, offset + 1);
    };
    if (connection.reset) {
      setImmediate(answer);
      return;
    }
    // What still comes in is thrown away, for a while: to break off at once would take the answer with it.
    socket.resume();
    this.#finished(connection, () => {
      answer();
      const late = setTimeout(() => socket.destroy(), DRAIN_MS);
      socket.once('end', () => socket.destroy());
      socket.once('close', () => clearTimeout(late));
      if (socket.readableEnded) socket.destroy();
    });
  }

  /** Calls back when the operating system has taken everything, and the end; never, where the outside breaks off before. */
  #finished({ socket }: Connection, then: () => void): void {
    if (socket.writableFinished) setImmediate(then);
    else {
      socket.once('finish', then);
      socket.end();
    }
  }

  pause(stream: number): void {
    const listening = this.#listening.find(one => one.stream === stream);
    if (listening === undefined) this.#connections.get(stream)?.socket.pause();
    else listening.paused = true;
  }

  resume(stream: number): void {
    const listening = this.#listening.find(one => one.stream === stream);
    if (listening === undefined) {
      this.#connections.get(stream)?.socket.resume();
      return;
    }
    listening.paused = false;
    this.#tell(listening);
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    for (const { server, waiting } of this.#listening) {
      server.close();
      for (const socket of waiting) socket.destroy();
    }
    for (const { socket } of this.#connections.values()) socket.destroySoon();
    this.#connections.clear();
  }
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refused(address, error)));
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.removeAllListeners('error');
      // A connection that can't be accepted (no file descriptors) is its client's trouble: others are served.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function refused(address: ListenAddress, { code, message }: NodeJS.ErrnoException): EpochvisorError {
  const where = describeListenAddress(address);
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
