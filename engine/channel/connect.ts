// Calling a listener: again and again until it is there, or the deadline has passed.

import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { exchangeHellos, HELLO_MAX_MS } from './hello.js';
import { type CountedStream, Link, SOCKET_OPTIONS } from './link.js';

export interface ConnectOptions {
  /** `ws://HOST:PORT`, as a listener gives it. */
  readonly address: string;
  readonly hello: Hello;
  /** Until when to try, from now; 0: once. */
  readonly deadlineMs: number;
  /** Pause between attempts. */
  readonly retryMs?: number;
  /** Ends the attempts: the promise rejects with LINK_CLOSED. */
  readonly signal?: AbortSignal;
}

const RETRY_MS = 20;

/**
 * Resolves with a link whose hellos are exchanged.
 * @throws EpochvisorError PEER_REFUSED (not tried again), PEER_UNREACHABLE (the deadline has passed), LINK_CLOSED
 */
export async function connect(options: ConnectOptions): Promise<Link> {
  const { address, hello, deadlineMs, retryMs = RETRY_MS, signal } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const leftMs = deadline - performance.now();
    try {
      return await attempt(address, hello, Math.max(leftMs, 1), signal);
    } catch (error) {
      if (signal?.aborted === true) throw new EpochvisorError('LINK_CLOSED', `the call to ${address} was given up`);
      if (error instanceof EpochvisorError && error.code === 'PEER_REFUSED') throw error;
      if (performance.now() + retryMs >= deadline) {
        const why = error instanceof Error ? error.message : String(error);
        throw new EpochvisorError('PEER_UNREACHABLE', `${address} can't be reached: ${why}`);
      }
    }
    await pause(retryMs, signal);
  }
}

async function attempt(address: string, hello: Hello, leftMs: number, signal?: AbortSignal): Promise<Link> {
  const { socket, stream } = await open(address, Math.min(leftMs, HELLO_MAX_MS), signal);
  const link = new Link(socket, stream);
  const abort = () => link.terminate();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    link.peer = await exchangeHellos(link, hello, 'caller');
    return link;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

interface Opened {
  readonly socket: WebSocket;
  readonly stream: CountedStream;
}

function open(address: string, handshakeTimeout: number, signal?: AbortSignal): Promise<Opened> {
  return new Promise((resolve, reject) => {
    // Masks guard caches between browsers and servers against crafted bytes; none is here, and a mask of zeros is free.
    const generateMask = (mask: Buffer) => void mask.fill(0);
    const socket = new WebSocket(address, { ...SOCKET_OPTIONS, handshakeTimeout, generateMask });
    const abort = () => socket.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    const settled = () => {
      signal?.removeEventListener('abort', abort);
      socket.removeAllListeners();
    };
    socket.once('upgrade', ({ socket: stream }: IncomingMessage) => {
      socket.once('open', () => {
        settled();
        resolve({ socket, stream });
      });
    });
    socket.once('error', error => {
      settled();
      // Ending a socket that is not yet open is reported once more.
      socket.on('error', () => {});
      socket.terminate();
      reject(error);
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
