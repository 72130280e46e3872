// A console for measurements: it keeps nothing of what is written, and says at once how much has come.

import { NO_DATA, type StreamDevice, type StreamSink } from '../device.js';
import { CONSOLE_INPUTS, CONSOLE_OUTPUTS, STDIN } from './console-streams.js';

/** Most bytes of stdin told at once: what one read of a file gives. */
const INPUT_CHUNK_BYTES = 1 << 16;

/** @param bytes so far, on all streams; @param end the offset on this one */
export type Printed = (bytes: number, stream: number, end: number) => void;

export class CountingConsole implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = CONSOLE_INPUTS;
  readonly outputs = CONSOLE_OUTPUTS;
  readonly #printed: Printed;
  #input: Uint8Array;
  #sink: StreamSink | undefined;
  #bytes = 0;
  #paused = false;
  #ended = false;
  #giving: NodeJS.Immediate | undefined;

  /**
   * @param printed hears of every write
   * @param input what the guest reads from stdin before its end
   */
  constructor(printed: Printed, input: Uint8Array = NO_DATA) {
    this.#printed = printed;
    this.#input = input;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    this.#giveLater();
  }

  write(stream: number, offset: number, bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#printed(this.#bytes, stream, offset + bytes.length);
    setImmediate(() => this.#sink?.written(stream, offset + bytes.length));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#giveLater();
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    clearImmediate(this.#giving);
  }

  #giveLater(): void {
    if (this.#ended) return;
    this.#giving ??= setImmediate(() => {
      this.#giving = undefined;
      this.#give();
    });
  }

  #give(): void {
    if (this.#sink === undefined || this.#paused || this.#ended) return;
    const chunk = this.#input.subarray(0, INPUT_CHUNK_BYTES);
    this.#input = this.#input.subarray(chunk.length);
    this.#ended = chunk.length === 0;
    this.#sink.input(STDIN, chunk, this.#ended);
    this.#giveLater();
  }
}
