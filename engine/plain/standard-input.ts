// Standard input for a thread that blocks: bytes are there or not, and a bell wakes it when some have come.
//
// A file answers at once and is read in place. A pipe or a terminal is read by a thread of its own, which posts what
// comes and rings the bell; it stops reading while too much lies unread. (A thread that sat in a blocking read
// would keep the process from ending, so that one reads by its event loop.)
import { fstatSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { PlainEvent } from './plain-port.js';
import type { InputThreadData } from './standard-input-thread.js';

const CHUNK_BYTES = 1 << 16;

/** What the machine needs of its input. */
export interface StandardInput {
  /** The next bytes, or the end once, or null where nothing has come. */
  next(): PlainEvent | null;
  /** Whether it has something for sure, without a ring of the bell. */
  readonly isReady: boolean;
}

/** Opens this process's stdin. @param bell rung when `next` has something */
export function openStandardInput(bell: SharedArrayBuffer): StandardInput {
  const status = fstatSync(0);
  return status.isFile() || (status.isCharacterDevice() && !isatty(0)) ? new FileInput() : new ThreadInput(bell);
}

class FileInput implements StandardInput {
  #ended = false;

  get isReady(): boolean {
    return !this.#ended;
  }

  next(): PlainEvent | null {
    if (this.#ended) return null;
    const bytes = new Uint8Array(CHUNK_BYTES);
    const count = readSync(0, bytes);
    if (count > 0) return { kind: 'input', bytes: bytes.subarray(0, count) };
    this.#ended = true;
    return { kind: 'end' };
  }
}

class ThreadInput implements StandardInput {
  readonly isReady = false;
  readonly #port: MessagePort;
  readonly #counters = new Int32Array(new SharedArrayBuffer(8));

  constructor(bell: SharedArrayBuffer) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: InputThreadData = { port: port2, counters: this.#counters, bell };
    const url = new URL('./standard-input-thread.js', import.meta.url);
    new Worker(url, { workerData, transferList: [port2], stdin: false }).unref();
    port1.unref();
  }

  next(): PlainEvent | null {
    const message = receiveMessageOnPort(this.#port) as { message: Uint8Array | null } | undefined;
    if (message === undefined) return null;
    Atomics.add(this.#counters, 1, 1);
    Atomics.notify(this.#counters, 1);
    return message.message === null ? { kind: 'end' } : { kind: 'input', bytes: message.message };
  }
}
