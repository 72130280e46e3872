// A listener: takes connections, and hands on those that belong to the machine. Encrypted or in the clear, never both.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { bracketed, loopbackOf, parseListen } from './addresses.js';
import { type Credentials, newNonce } from './credentials.js';
import { bindingOf, listenerEncryption, tlsFailure } from './encryption.js';
import { formatGreeting, GREETING, parseGreeting } from './greeting.js';
import { exchangeHellos, HELLO_MAX_BYTES, unproven } from './hello.js';
import { Link, type LinkOptions, SOCKET_OPTIONS } from './link.js';
import { STRANGERS_MAX, type Stranger, Strangers } from './strangers.js';

/** Those that belong to the machine: its replicas, twice while they reconnect, and who asks for its status. */
export const MEMBERS_MAX = 64;
/** Close code: MEMBERS_MAX are there. */
export const FULL = 4402;
/** Descriptors: strangers that gave way are gone a moment later. */
const CONNECTIONS_MAX = MEMBERS_MAX + 2 * STRANGERS_MAX;

export interface ListenerOptions extends LinkOptions {
  readonly hello: Hello;
  readonly credentials: Credentials;
  /** Whether the channel is encrypted; one that is not is on loopback. */
  readonly encrypted?: boolean;
  /** `ADDRESS:PORT` (`[ADDRESS]:PORT` for IPv6); port 0, and no value, take what the kernel gives. */
  readonly listen?: string;
  /** A link whose hellos are exchanged; listen to it at once. */
  readonly onLink: (link: Link) => void;
  /** A connection that was not taken, and why: once for each, in one line. */
  readonly onRefused?: (reason: EpochvisorError) => void;
}

export class Listener {
  /** What `connect` wants: `ws://ADDRESS:PORT`, or `wss://ADDRESS:PORT` where it is encrypted. */
  readonly address: string;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #options: ListenerOptions;
  readonly #strangers: Strangers;
  #members = 0;

  /** @throws EpochvisorError ADDRESS_MALFORMED, CHANNEL_IN_CLEAR, PORT_IN_USE, LISTEN_FAILED */
  static async start(options: ListenerOptions): Promise<Listener> {
    const { credentials, encrypted = false, listen = '127.0.0.1:0' } = options;
    const { host, port } = parseListen(listen);
    const http = encrypted ? createSecureServer(listenerEncryption(credentials)) : createServer();
    http.maxConnections = CONNECTIONS_MAX;
    try {
      const address = encrypted ? host : await loopbackOf(host, listen);
      await new Promise<void>((resolve, reject) => {
        http.once('error', reject);
        http.listen(port, address, resolve);
      });
    } catch (error) {
      throw error instanceof EpochvisorError ? error : listenError(error as NodeJS.ErrnoException, host, port);
    }
    http.removeAllListeners('error');
    return new Listener(http, options);
  }

  private constructor(http: Server, options: ListenerOptions) {
    this.#http = http;
    this.#options = options;
    this.#strangers = new Strangers(reason => options.onRefused?.(reason));
    const { address, port } = http.address() as AddressInfo;
    this.address = `${options.encrypted === true ? 'wss' : 'ws'}://${bracketed(address)}:${port}`;
    http.on('connection', socket => this.#strangers.arrived(socket));
    http.on('tlsClientError', (error, socket) => this.#failed(socket, error));
    http.on('clientError', (error, socket) => this.#failed(socket, error));
    http.on('drop', () => options.onRefused?.(new EpochvisorError('LISTENER_FULL', 'too many call at once')));
    http.on('request', (request, response) => {
      const stranger = this.#strangers.of(request.socket);
      stranger?.refused(unproven(stranger.who, 'it speaks HTTP'));
      response.writeHead(426, { connection: 'close' }).end();
    });
    this.#webSockets = new WebSocketServer({ ...SOCKET_OPTIONS, server: http });
    this.#webSockets.on('wsClientError', (error, socket) => this.#failed(socket, error));
    const nonces = new WeakMap<IncomingMessage, string>();
    this.#webSockets.on('headers', (headers, request) => {
      const nonce = newNonce();
      nonces.set(request, nonce);
      headers.push(`${GREETING}: ${formatGreeting(nonce)}`);
    });
    this.#webSockets.on('connection', (socket, request) => void this.#greet(socket, request, nonces.get(request)!));
  }

  /** Ends every connection at once and frees the port. */
  async close(): Promise<void> {
    for (const socket of this.#webSockets.clients) socket.terminate();
    this.#strangers.turnAllAway();
    this.#webSockets.close();
    await new Promise(resolve => this.#http.close(resolve));
  }

  /** What came is no WebSocket, or no TLS with this machine's key. */
  #failed(socket: Duplex, error: Error): void {
    const stranger = this.#strangers.of(socket as Socket);
    const why = tlsFailure(error) ?? `it speaks no WebSocket (${error.message.split('\n')[0]})`;
    stranger?.turnAway(unproven(stranger.who, why));
  }

  async #greet(socket: WebSocket, request: IncomingMessage, nonce: string): Promise<void> {
    const stranger = this.#strangers.of(request.socket);
    if (stranger === undefined) {
      // Gone already.
      socket.terminate();
      return;
    }
    stranger.isHeard = true;
    const link = new Link(socket, request.socket, this.#options);
    const uncount = countBytes(request.socket);
    try {
      link.peer = await exchangeHellos(link, this.#party(stranger, request.socket, nonce), greetingOf(request));
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      stranger.refused(error);
      return;
    } finally {
      uncount();
    }
    this.#strangers.accepted(stranger);
    this.#welcome(link, request.socket);
  }

  #party({ who }: Stranger, socket: Socket, nonce: string) {
    const { hello, credentials } = this.#options;
    const binding = socket instanceof TLSSocket ? bindingOf(socket) : new Uint8Array(0);
    return { role: 'listener', hello, credentials, nonce, binding, peer: who } as const;
  }

  #welcome(link: Link, socket: Socket): void {
    if (this.#members >= MEMBERS_MAX) {
      this.#options.onRefused?.(new EpochvisorError('LISTENER_FULL', `${MEMBERS_MAX} members are connected already`));
      void link.close(FULL, 'too many members');
      return;
    }
    if (!socket.closed) {
      this.#members += 1;
      socket.once('close', () => {
        this.#members -= 1;
      });
    }
    this.#options.onLink(link);
  }
}

function greetingOf(request: IncomingMessage) {
  return parseGreeting(request.headers[GREETING]);
}

/** Ends a socket over which more comes than a hello can be; until the answer is called. */
function countBytes(socket: Socket): () => void {
  let bytes = 0;
  const count = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > HELLO_MAX_BYTES) socket.destroy();
  };
  socket.on('data', count);
  return () => socket.off('data', count);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): EpochvisorError {
  if (error.code === 'EADDRINUSE') {
    return new EpochvisorError('PORT_IN_USE', `port ${port} of ${host} is in use`, 'choose another, or 0 for any');
  }
  return new EpochvisorError('LISTEN_FAILED', `can't listen on ${host}:${port}: ${error.message}`);
}
