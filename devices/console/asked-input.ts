// A stdin that is asked for, piece by piece and by offsets, of whoever has all of it: a process that is started again goes on where
// the one before had come, and no byte is lost that it had read and not told of.

import type { StreamDevice, StreamSink } from '../device.js';
import { CONSOLE_INPUTS, STDIN } from './console-streams.js';

export class AskedInput implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = CONSOLE_INPUTS;
  readonly outputs = [];
  readonly #ask: (offset: number) => void;
  #sink: StreamSink | undefined;
  #offset: number;
  #isEnded: boolean;
  #isPaused = false;
  #isAsked = false;

  /**
   * @param offset of what is asked for first
   * @param isEnded nothing follows it
   * @param ask answered, some time, by `given`
   */
  constructor(offset: number, isEnded: boolean, ask: (offset: number) => void) {
    this.#offset = offset;
    this.#isEnded = isEnded;
    this.#ask = ask;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    this.#askNext();
  }

  /** What begins at the offset that was asked for. @param end nothing follows it */
  given(bytes: Uint8Array, end: boolean): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.#isAsked = false;
    this.#offset += bytes.length;
    this.#isEnded = end;
    sink.input(STDIN, bytes, end);
    this.#askNext();
  }

  write(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#askNext();
  }

  async close(): Promise<void> {
    this.#sink = undefined;
  }

  #askNext(): void {
    if (this.#sink === undefined || this.#isPaused || this.#isEnded || this.#isAsked) return;
    this.#isAsked = true;
    this.#ask(this.#offset);
  }
}
