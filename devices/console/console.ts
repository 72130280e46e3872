// The console: standard input, output and error as byte streams.
//
// Bytes pass as they are. A write counts as done when the operating system has taken it, so a slow reader is felt by
// the bus and, through it, by the guest. Node writes to pipes without blocking and to files and terminals at once.

import { fstatSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { assert, EpochvisorError } from '../../engine/errors/errors.js';
import { NO_DATA, type StreamDevice, type StreamSink } from '../device.js';
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

  start(sink: StreamSink): void {
    this.#sink = sink;
    const stdin = this.#stdin;
    const data = (chunk: Buffer) =>
      sink.input(STDIN, new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), false);
    const end = () => sink.input(STDIN, NO_DATA, true);
    const error = (cause: Error) => this.#fail(STDIN, unreadable(cause.message));
    stdin.on('error', error).on('end', end).on('data', data);
    const outputErrors = [...this.#outputs].map(([stream, output]) => {
      const failed = (cause: Error) => this.#fail(stream, unwritable(stream, cause));
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
    if (this.#failed.has(stream)) return;
    output.write(bytes, error => {
      if (error === null || error === undefined) this.#sink?.written(stream, offset + bytes.length);
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

  #fail(stream: number, reason: EpochvisorError): void {
    if (this.#failed.has(stream)) return;
    this.#failed.add(stream);
    this.#sink?.failed(stream, reason);
  }
}

function unreadable(why: string): EpochvisorError {
  return new EpochvisorError('STDIN_UNREADABLE', `stdin can't be read: ${why}`, 'redirect it from /dev/null');
}

function unwritable(stream: number, error: NodeJS.ErrnoException): EpochvisorError {
  const name = streamName(stream);
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') {
    return new EpochvisorError('OUTPUT_CLOSED', `the reader of ${name} has gone`);
  }
  return new EpochvisorError('OUTPUT_FAILED', `${name} can't be written: ${error.message}`);
}
