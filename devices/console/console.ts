// The console: standard input, output and error as byte streams.
//
// Bytes pass as they are. A write counts as done when the operating system has taken it, so a slow reader is felt by
// the bus and, through it, by the guest. Node writes to pipes without blocking and to files and terminals at once.

import { fstatSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { assert, EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import {
  type Completion,
  NO_DATA,
  type OperationDevice,
  STATUS_REFUSED,
  type StreamDevice,
  type StreamSink,
} from '../device.js';
import { CONSOLE_READER_GONE, CONSOLE_STOP, READ_STREAMS, STATUS_GONE } from './console-commands.js';
import { CONSOLE_INPUTS, STDERR, STDIN, STDOUT, streamName } from './console-streams.js';

export interface ConsoleStreams {
  readonly stdin: Readable;
  /** Left out: it goes elsewhere. */
  readonly stdout?: Writable | undefined;
  readonly stderr?: Writable | undefined;
}

export class Console implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = CONSOLE_INPUTS;
  readonly outputs: readonly number[];
  readonly #stdin: Readable;
  readonly #outputs: ReadonlyMap<number, Writable>;
  readonly #failed = new Set<number>();
  /** There where the guest is told of readers that have gone: it decides what that means. */
  #readers: Readers | undefined;
  #stop = () => {};
  #sink: StreamSink | undefined;

  /**
   * The console of this process. Where it was started without standard input there is nothing to read.
   * @param elsewhere outputs that go to files
   * @throws EpochvisorError STDIN_UNREADABLE where it is a directory, which Node would take for an empty one
   */
  static ofProcess(elsewhere: readonly number[] = []): Console {
    if (fstatSync(STDIN).isDirectory()) throw unreadable('it is a directory');
    const { stdin, stdout, stderr } = process;
    return new Console({
      stdin,
      stdout: elsewhere.includes(STDOUT) ? undefined : stdout,
      stderr: elsewhere.includes(STDERR) ? undefined : stderr,
    });
  }

  constructor(streams: ConsoleStreams) {
    this.#stdin = streams.stdin;
    const { stdout, stderr } = streams;
    this.#outputs = new Map([
      ...(stdout === undefined ? [] : [[STDOUT, stdout] as const]),
      ...(stderr === undefined ? [] : [[STDERR, stderr] as const]),
    ]);
    this.outputs = [...this.#outputs.keys()];
  }

  /** From now on a reader that has gone is no failure: what is written is thrown away, and the device that is answered tells of it. */
  watchReaders(): OperationDevice {
    this.#readers = new Readers();
    return this.#readers;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    const stdin = this.#stdin;
    const data = (chunk: Buffer) =>
      sink.input(STDIN, new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), false);
    const end = () => sink.input(STDIN, NO_DATA, true);
    const error = (cause: Error) => this.#fail(STDIN, unreadable(cause.message));
    stdin.on('error', error).on('end', end).on('data', data);
    const outputErrors = [...this.#outputs].map(([stream, output]) => {
      const failed = (cause: Error) => {
        if (!this.#isForgiven(stream, cause)) this.#fail(stream, unwritable(stream, cause));
      };
      output.on('error', failed);
      return { output, failed };
    });
    this.#stop = () => {
      stdin.off('data', data).off('end', end).off('error', error).pause();
      // Else a read from a terminal or a pipe keeps the process.
      if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
      for (const { output, failed } of outputErrors) output.off('error', failed);
    };
  }

  write(stream: number, offset: number, bytes: Uint8Array): void {
    const output = this.#outputs.get(stream);
    assert(output !== undefined, 'the bus writes to output streams only');
    const written = () => this.#sink?.written(stream, offset + bytes.length);
    if (this.#readers?.isGone(stream) === true) {
      setImmediate(written);
      return;
    }
    if (this.#failed.has(stream)) return;
    output.write(bytes, error => {
      if (error === null || error === undefined || this.#isForgiven(stream, error)) written();
      else this.#fail(stream, unwritable(stream, error));
    });
  }

  pause(): void {
    this.#stdin.pause();
  }

  resume(): void {
    this.#stdin.resume();
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    this.#stop();
  }

  /** Whether it is the guest who is to hear of it. */
  #isForgiven(stream: number, error: NodeJS.ErrnoException): boolean {
    if (this.#readers === undefined || !isReaderGone(error)) return false;
    this.#readers.gone(stream);
    return true;
  }

  #fail(stream: number, reason: EpochvisorError): void {
    if (this.#failed.has(stream)) return;
    this.#failed.add(stream);
    this.#sink?.failed(stream, reason);
  }
}

function unreadable(why: string): EpochvisorError {
  return new EpochvisorError('STDIN_UNREADABLE', `stdin can't be read: ${why}`, 'redirect it from /dev/null');
}

function isReaderGone({ code }: NodeJS.ErrnoException): boolean {
  // What is written after the error that told of it is told otherwise.
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED';
}

/** Whom nobody reads, told as completions (console-commands.ts). */
class Readers implements OperationDevice {
  readonly class = 'idempotent';
  readonly sizeBytes = 0;
  readonly #gone = new Set<number>();
  #waiting: { readonly stream: number; readonly answer: (completion: Completion) => void }[] = [];
  /** The guest has ended, or the bus. */
  #stopped = false;

  isGone(stream: number): boolean {
    return this.#gone.has(stream);
  }

  gone(stream: number): void {
    this.#gone.add(stream);
    this.#answer();
  }

  perform({ command, argument }: Operation): Promise<Completion> {
    const stream = Number(argument);
    if (command === CONSOLE_STOP) {
      this.#stop();
      return Promise.resolve({ status: 0, data: NO_DATA });
    }
    if (this.#stopped || command !== CONSOLE_READER_GONE || !READ_STREAMS.includes(stream)) {
      return Promise.resolve({ status: STATUS_REFUSED, data: NO_DATA });
    }
    return new Promise(answer => {
      this.#waiting.push({ stream, answer });
      this.#answer();
    });
  }

  #answer(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ stream }) => !this.#stopped && !this.#gone.has(stream));
    for (const { stream, answer } of waiting) {
      if (this.#gone.has(stream)) answer({ status: STATUS_GONE, data: NO_DATA });
      else if (this.#stopped) answer({ status: STATUS_REFUSED, data: NO_DATA });
    }
  }

  #stop(): void {
    this.#stopped = true;
    this.#answer();
  }

  async close(): Promise<void> {
    this.#stop();
  }
}

function unwritable(stream: number, error: NodeJS.ErrnoException): EpochvisorError {
  const name = streamName(stream);
  if (isReaderGone(error)) {
    return new EpochvisorError('OUTPUT_CLOSED', `the reader of ${name} has gone`);
  }
  return new EpochvisorError('OUTPUT_FAILED', `${name} can't be written: ${error.message}`);
}
