// Both ends of links, for tests: listeners that collect what they are told, callers, and one that speaks by hand.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, expect, vi } from 'vitest';
import WebSocket from 'ws';
import { type ConnectOptions, connect } from '../../engine/channel/connect.js';
import { type Credentials, newNonce, proofOf } from '../../engine/channel/credentials.js';
import { parseGreeting } from '../../engine/channel/greeting.js';
import type { Link } from '../../engine/channel/link.js';
import { Listener, type ListenerOptions } from '../../engine/channel/listener.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import type { Hello } from '../../engine/protocol/messages.js';
import { PROTOCOL_VERSION } from '../../engine/protocol/vocabulary.js';
import { encodeHello, encodeProof } from '../../engine/wire/packets.js';

export const HELLO: Hello = {
  type: 'hello',
  incarnation: 'replica-a',
  moduleHash: 'abcd',
  options: '{"epochLength":1000,"variant":"deferred"}',
};
export const CREDENTIALS: Credentials = { machine: 'machine-1', secret: 'open sesame' };

const listeners: Listener[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(listeners.splice(0).map(listener => listener.close()));
});

/** A listener that collects links and refusals; closed after the test. */
export async function start(options: Partial<ListenerOptions> = {}) {
  const links: Link[] = [];
  const refused: EpochvisorError[] = [];
  const listener = await Listener.start({
    hello: HELLO,
    credentials: CREDENTIALS,
    onLink: link => links.push(link),
    onRefused: error => refused.push(error),
    ...options,
  });
  listeners.push(listener);
  return { listener, links, refused, address: listener.address };
}

/** A caller of the machine; encrypted if the address is. */
export function call(
  address: string,
  { hello, ...options }: Partial<Omit<ConnectOptions, 'hello'>> & { readonly hello?: Partial<Hello> } = {},
): Promise<Link> {
  return connect({
    address,
    hello: { ...HELLO, incarnation: 'replica-b', ...hello },
    credentials: CREDENTIALS,
    encrypted: address.startsWith('wss:'),
    deadlineMs: 5000,
    ...options,
  });
}

/** Both ends of a link. */
export async function pair(encrypted = false) {
  const { links, address } = await start({ encrypted });
  const near = await call(address);
  await vi.waitFor(() => expect(links).toHaveLength(1));
  return { near, far: links[0]! };
}

/** Everything that a link hears until it ends. */
export function hear(link: Link) {
  const frames: Uint8Array[] = [];
  const ended = new Promise<EpochvisorError>(resolve => {
    link.listen({ message: bytes => frames.push(bytes), closed: reason => resolve(reason) });
  });
  return { frames, ended };
}

/** When a socket has ended, however. */
export function ended(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.on('error', () => undefined).once('close', () => resolve());
  });
}

/** A caller by hand, in the clear, that has said its greeting and heard what the listener says to it. */
export async function greet(address: string, protocol = PROTOCOL_VERSION) {
  const nonce = newNonce();
  const socket = new WebSocket(address, { headers: { epochvisor: `${protocol} ${nonce}` } });
  const heard: Buffer[] = [];
  socket.on('message', (bytes: Buffer) => heard.push(bytes));
  const [[response]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
    [IncomingMessage],
    unknown,
  ];
  const greeting = parseGreeting(response.headers.epochvisor)!;
  const session = { callerNonce: nonce, listenerNonce: greeting.nonce, binding: new Uint8Array(0) };
  /** As this machine's, unless it is said otherwise. */
  const prove = (credentials = CREDENTIALS) => socket.send(encodeProof(proofOf('caller', credentials, session)));
  return { socket, stream: response.socket as Socket, heard, session, prove };
}

/** Likewise, that has said its hello, too. */
export async function speak(address: string): Promise<WebSocket> {
  const { socket, prove } = await greet(address);
  prove();
  socket.send(encodeHello({ ...HELLO, incarnation: 'replica-b' }));
  return socket;
}
