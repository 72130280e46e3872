// Calling a listener: again and again until it is there, or the deadline has passed.
//
// Who answers and does not belong to the machine may be somebody else with a port of the dead, or somebody on the way who wants
// this side to give up. It is not asked again at once, and what to make of it is left to those who call.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import WebSocket from 'ws';
import { EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { callable } from './addresses.js';
import { type Credentials, newNonce } from './credentials.js';
import { bindingOf, callerEncryption, tlsFailure } from './encryption.js';
import { formatGreeting, GREETING, type Greeting, parseGreeting } from './greeting.js';
import { exchangeHellos, HELLO_MAX_MS, unproven } from './hello.js';
import { Link, SOCKET_OPTIONS } from './link.js';

export interface ConnectOptions {
  /** `ws://HOST:PORT` or `wss://HOST:PORT`, as a listener gives it. */
  readonly address: string;
  readonly hello: Hello;
  readonly credentials: Credentials;
  /** Whether the channel is encrypted; one that is not is on loopback. */
  readonly encrypted?: boolean;
  /** Until when to try, from now; 0: once. */
  readonly deadlineMs: number;
  /** Pause between attempts. */
  readonly retryMs?: number;
  /** Ends the attempts: the promise rejects with LINK_CLOSED. */
  readonly signal?: AbortSignal;
}

const RETRY_MS = 20;

/** Never tried again. */
const FINAL: readonly string[] = [
  ...['PEER_REFUSED', 'PEER_UNPROVEN'],
  ...['ADDRESS_MALFORMED', 'CHANNEL_IN_CLEAR', 'ENCRYPTION_DIFFERS'],
];

/**
 * Resolves with a link whose hellos are exchanged.
 * @throws EpochvisorError PEER_REFUSED (one of this machine says so), PEER_UNPROVEN (who answers does not belong to it),
 *   ADDRESS_MALFORMED, CHANNEL_IN_CLEAR, ENCRYPTION_DIFFERS (none of them tried again), PEER_UNREACHABLE (the deadline has
 *   passed), LINK_CLOSED
 */
export async function connect(options: ConnectOptions): Promise<Link> {
  const { address, deadlineMs, retryMs = RETRY_MS, signal } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const leftMs = deadline - performance.now();
    try {
      return await attempt(options, Math.max(leftMs, 1));
    } catch (error) {
      if (signal?.aborted === true) throw new EpochvisorError('LINK_CLOSED', `the call to ${address} was given up`);
      if (error instanceof EpochvisorError && FINAL.includes(error.code)) throw error;
      if (performance.now() + retryMs >= deadline) {
        const why = error instanceof Error ? error.message : String(error);
        throw new EpochvisorError('PEER_UNREACHABLE', `${address} can't be reached: ${why}`);
      }
    }
    await pause(retryMs, signal);
  }
}

async function attempt(options: ConnectOptions, leftMs: number): Promise<Link> {
  const { address, hello, credentials, signal } = options;
  const nonce = newNonce();
  const { link, stream, greeting } = await open(options, nonce, Math.min(leftMs, HELLO_MAX_MS));
  const abort = () => link.terminate();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const binding = stream instanceof TLSSocket ? bindingOf(stream) : new Uint8Array(0);
    const peer = `who listens at ${address}`;
    link.peer = await exchangeHellos(link, { role: 'caller', hello, credentials, nonce, binding, peer }, greeting);
    return link;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

interface Opened {
  readonly link: Link;
  readonly stream: Socket;
  readonly greeting: Greeting | undefined;
}

async function open(options: ConnectOptions, nonce: string, handshakeTimeout: number): Promise<Opened> {
  const { address, credentials, encrypted = false, signal } = options;
  const to = await callable(address, encrypted);
  return await new Promise((resolve, reject) => {
    // Masks guard caches between browsers and servers against crafted bytes; none is here, and a mask of zeros is free.
    const generateMask = (mask: Buffer) => void mask.fill(0);
    const socket = new WebSocket(to, {
      ...SOCKET_OPTIONS,
      ...(encrypted ? callerEncryption(credentials) : {}),
      handshakeTimeout,
      generateMask,
      headers: { [GREETING]: formatGreeting(nonce) },
    });
    const abort = () => socket.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    const settled = () => {
      signal?.removeEventListener('abort', abort);
      socket.removeAllListeners();
    };
    socket.once('upgrade', ({ socket: stream, headers }: IncomingMessage) => {
      socket.once('open', () => {
        settled();
        // Now: the listener's proof may have come with its 101.
        resolve({ link: new Link(socket, stream), stream, greeting: parseGreeting(headers[GREETING]) });
      });
    });
    socket.once('error', error => {
      settled();
      // Ending a socket that is not yet open is reported once more.
      socket.on('error', () => {});
      socket.terminate();
      const failure = tlsFailure(error);
      reject(failure === undefined ? error : unproven(`who listens at ${address}`, failure));
    });
    if (signal?.aborted === true) abort();
  });
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted === true) done();
  });
}
