// A listener: takes connections, and hands on those whose hello is right.
//
// Until its hello is checked a connection is a stranger's: it has HELLO_MAX_MS and HELLO_MAX_BYTES, and there are at
// most CONNECTIONS_MAX of them, so that strangers can cost neither memory nor descriptors without end.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { exchangeHellos, HELLO_MAX_BYTES, HELLO_MAX_MS } from './hello.js';
import { Link, type LinkOptions, SOCKET_OPTIONS } from './link.js';

/** Connections at a time: replicas of one machine, twice while they reconnect, and some strangers. */
export const CONNECTIONS_MAX = 64;

export interface ListenerOptions extends LinkOptions {
  readonly hello: Hello;
  /** `ADDRESS:PORT` (`[ADDRESS]:PORT` for IPv6); port 0, and no value, take what the kernel gives. */
  readonly listen?: string;
  /** A link whose hellos are exchanged; listen to it at once. */
  readonly onLink: (link: Link) => void;
  /** A connection that was not taken, and why. */
  readonly onRefused?: (reason: EpochvisorError) => void;
}

export class Listener {
  /** What `connect` wants: `ws://ADDRESS:PORT`. */
  readonly address: string;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #options: ListenerOptions;
  /** Connections without a checked hello, with the timer that ends them. */
  readonly #strangers = new Map<Socket, NodeJS.Timeout>();

  /** @throws EpochvisorError ADDRESS_MALFORMED, PORT_IN_USE, LISTEN_FAILED */
  static async start(options: ListenerOptions): Promise<Listener> {
    const { host, port } = parseAddress(options.listen ?? '127.0.0.1:0');
    const http = createServer((_, response) => response.writeHead(426, { connection: 'close' }).end());
    http.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      http.once('error', error => reject(listenError(error, host, port)));
      http.listen(port, host, resolve);
    });
    http.removeAllListeners('error');
    return new Listener(http, options);
  }

  private constructor(http: Server, options: ListenerOptions) {
    this.#http = http;
    this.#options = options;
    const { address, port, family } = http.address() as AddressInfo;
    this.address = `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    http.on('connection', socket => this.#connected(socket));
    this.#webSockets = new WebSocketServer({ ...SOCKET_OPTIONS, server: http });
    this.#webSockets.on('connection', (socket, request) => void this.#greet(socket, request));
  }

  /** Ends every connection at once and frees the port. */
  async close(): Promise<void> {
    for (const socket of this.#webSockets.clients) socket.terminate();
    for (const [socket, timer] of this.#strangers) {
      clearTimeout(timer);
      socket.destroy();
    }
    this.#webSockets.close();
    await new Promise(resolve => this.#http.close(resolve));
  }

  #connected(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), HELLO_MAX_MS);
    this.#strangers.set(socket, timer);
    socket.once('close', () => this.#known(socket));
  }

  #known(socket: Socket): void {
    clearTimeout(this.#strangers.get(socket));
    this.#strangers.delete(socket);
  }

  async #greet(socket: WebSocket, request: IncomingMessage): Promise<void> {
    const link = new Link(socket, request.socket, this.#options);
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > HELLO_MAX_BYTES) request.socket.destroy();
    };
    request.socket.on('data', count);
    try {
      link.peer = await exchangeHellos(link, this.#options.hello, 'listener');
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      this.#options.onRefused?.(error);
      return;
    } finally {
      request.socket.off('data', count);
    }
    this.#known(request.socket);
    this.#options.onLink(link);
  }
}

function parseAddress(listen: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    throw new EpochvisorError('ADDRESS_MALFORMED', `'${listen}' is no address to listen on`, 'write ADDRESS:PORT');
  }
  return { host, port };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): EpochvisorError {
  if (error.code === 'EADDRINUSE') {
    return new EpochvisorError('PORT_IN_USE', `port ${port} of ${host} is in use`, 'choose another, or 0 for any');
  }
  return new EpochvisorError('LISTEN_FAILED', `can't listen on ${host}:${port}: ${error.message}`);
}
