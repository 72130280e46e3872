// What the plain machine's two threads say to each other of its sockets: each message is an array of these, in order.

import type { MessagePort } from 'node:worker_threads';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import type { Interrupt } from '../protocol/vocabulary.js';

/** What becomes of sockets outside, as a bus tells it. */
export type SocketEvent = Interrupt & { readonly kind: 'opened' | 'stream' | 'taken' | 'reset' };

/** What the guest does with its sockets. */
export type SocketAction =
  | { readonly type: 'write'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'endStream'; readonly stream: number }
  | { readonly type: 'closeStream'; readonly stream: number }
  /** Of a listener: so many connections were accepted. */
  | { readonly type: 'consumed'; readonly stream: number; readonly offset: number };

/** What the sockets' thread is given. */
export interface SocketThreadData {
  readonly addresses: readonly SocketAddress[];
  /** Events go there, actions come from there; null: the guest is over. */
  readonly port: MessagePort;
  readonly bell: SharedArrayBuffer;
}

/** The thread's first message to who started it. */
export type SocketsOpened =
  | { readonly addresses: readonly SocketAddress[] }
  | { readonly refused: { readonly message: string; readonly hint: string } };
