// Standard input for a thread that blocks: bytes are there or not, and the wait for them can have a time limit.
//
// A file answers at once and is read in place. A pipe or a terminal is read by a thread of its own, which posts what
// comes and wakes the sleeper; it stops reading while too much lies unread. (A thread that sat in a blocking read
// would keep the process from ending, so that one reads by its event loop.)
import { fstatSync, readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { PlainEvent } from './plain-machine.js';
import type { InputThreadData } from './standard-input-thread.js';

const CHUNK_BYTES = 1 << 16;

/** What the machine needs of its input. */
export interface StandardInput {
  /** The next bytes, or the end once, or null where nothing has come. */
  next(): PlainEvent | null;
  /** Returns when `next` may have something, or after `leftMs`. */
  sleep(leftMs: number): void;
}

/** Opens this process's stdin. */
export function openStandardInput(): StandardInput {
  const status = fstatSync(0);
  return status.isFile() || (status.isCharacterDevice() && !isatty(0)) ? new FileInput() : new ThreadInput();
}

class FileInput implements StandardInput {
  readonly #never = new Int32Array(new SharedArrayBuffer(4));
  #ended = false;

  next(): PlainEvent | null {
    if (this.#ended) return null;
    const bytes = new Uint8Array(CHUNK_BYTES);
    const count = readSync(0, bytes);
    if (count > 0) return { kind: 'input', bytes: bytes.subarray(0, count) };
    this.#ended = true;
    return { kind: 'end' };
  }

  sleep(leftMs: number): void {
    if (this.#ended) Atomics.wait(this.#never, 0, 0, leftMs);
  }
}

class ThreadInput implements StandardInput {
  readonly #port: MessagePort;
  readonly #counters = new Int32Array(new SharedArrayBuffer(8));

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const workerData: InputThreadData = { port: port2, counters: this.#counters };
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

  sleep(leftMs: number): void {
    const taken = Atomics.load(this.#counters, 1);
    if (Atomics.load(this.#counters, 0) === taken) Atomics.wait(this.#counters, 0, taken, leftMs);
  }
}
