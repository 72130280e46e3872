// The sockets of the plain machine, as the guest's thread has them: what has come of them, and what is to be done with them.
//
// What the guest does is gathered, for a message costs more than an answer: it goes when the guest asks for news, when it
// waits, and when there is much of it.

import { once } from 'node:events';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { FIRST_LISTENING } from '../../devices/connection/connection-streams.js';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import type { SocketAction, SocketEvent, SocketsOpened, SocketThreadData } from './socket-messages.js';

/** A quarter of a connection's window: what follows is written while the first leaves. */
const GATHERED_BYTES = 16 * 1024;
/** How long those outside may take for what the guest wrote last, ms. */
const CLOSE_MS = 1_000;

export class PlainSockets {
  /** Where it listens, ports of the kernel's choice filled in. */
  readonly addresses: readonly SocketAddress[];
  /** Streams of the listeners. */
  readonly listeners: readonly number[];
  readonly #thread: Worker;
  readonly #port: MessagePort;
  #actions: SocketAction[] = [];
  #actionBytes = 0;
  #events: readonly SocketEvent[] = [];
  #told = 0;

  /**
   * Listens on all addresses, or on none.
   * @param bell rung when `next` has something
   * @throws EpochvisorError LISTEN_FAILED
   */
  static async open(addresses: readonly SocketAddress[], bell: SharedArrayBuffer): Promise<PlainSockets> {
    const { port1, port2 } = new MessageChannel();
    const workerData: SocketThreadData = { addresses, port: port2, bell };
    const url = new URL('./sockets-thread.js', import.meta.url);
    const thread = new Worker(url, { workerData, transferList: [port2], stdin: false });
    const [opened] = (await once(thread, 'message')) as [SocketsOpened];
    if ('refused' in opened) {
      port1.close();
      throw new EpochvisorError('LISTEN_FAILED', opened.refused.message, opened.refused.hint);
    }
    return new PlainSockets(thread, port1, opened.addresses);
  }

  private constructor(thread: Worker, port: MessagePort, addresses: readonly SocketAddress[]) {
    this.#thread = thread;
    this.#port = port;
    this.addresses = addresses;
    this.listeners = addresses.map((_, index) => FIRST_LISTENING + index);
  }

  /** What has happened next, or null where nothing has. */
  next(): SocketEvent | null {
    if (this.#told === this.#events.length) {
      const received = receiveMessageOnPort(this.#port) as { message: readonly SocketEvent[] } | undefined;
      if (received === undefined) return null;
      this.#events = received.message;
      this.#told = 0;
    }
    return this.#events[this.#told++]!;
  }

  perform(action: SocketAction): void {
    this.#actions.push(action);
    if (action.type === 'write') this.#actionBytes += action.bytes.length;
    if (this.#actionBytes >= GATHERED_BYTES) this.flush();
  }

  /** What was gathered goes. */
  flush(): void {
    if (this.#actions.length === 0) return;
    this.#port.postMessage(this.#actions);
    this.#actions = [];
    this.#actionBytes = 0;
  }

  /** Resolves when those outside have what the guest wrote, or let it lie too long. */
  async close(): Promise<void> {
    this.flush();
    this.#port.postMessage(null);
    const late = setTimeout(() => void this.#thread.terminate(), CLOSE_MS);
    await once(this.#thread, 'exit');
    clearTimeout(late);
  }
}
