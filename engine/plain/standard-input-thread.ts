// The thread that reads a pipe or a terminal for the plain machine, and posts what comes.
import { Socket } from 'node:net';
import { isatty, ReadStream } from 'node:tty';
import { type MessagePort, workerData } from 'node:worker_threads';
import { Bell } from './bell.js';

/** What the reading thread is given. */
export interface InputThreadData {
  port: MessagePort;
  /** [0] messages posted, [1] messages taken: 32-bit counters that wrap. */
  counters: Int32Array;
  bell: SharedArrayBuffer;
}

/** Chunks posted and not taken, at most: 4 MiB of pipe. */
const CHUNKS_MAX = 64;

const { port, counters, bell: memory } = workerData as InputThreadData;
const bell = new Bell(memory);

function post(chunk: Uint8Array | null): void {
  const posted = Atomics.load(counters, 0);
  for (let taken = Atomics.load(counters, 1); ((posted - taken) | 0) >= CHUNKS_MAX; taken = Atomics.load(counters, 1)) {
    Atomics.wait(counters, 1, taken);
  }
  port.postMessage(chunk);
  Atomics.add(counters, 0, 1);
  bell.ring();
}

const input = isatty(0) ? new ReadStream(0) : new Socket({ fd: 0, readable: true, writable: false });
input.on('data', chunk => post(new Uint8Array(chunk)));
input.on('end', () => post(null));
// A connection that breaks is, to the program, an input that ends.
input.on('error', () => post(null));
