// A console for measurements: it keeps nothing, and says at once how many bytes have come.

import { NO_DATA, type StreamDevice, type StreamSink } from '../device.js';
import { CONSOLE_INPUTS, CONSOLE_OUTPUTS, STDIN } from './console-streams.js';

export class CountingConsole implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = CONSOLE_INPUTS;
  readonly outputs = CONSOLE_OUTPUTS;
  readonly #printed: (bytes: number) => void;
  #sink: StreamSink | undefined;
  #bytes = 0;

  /** @param printed hears, at every write, how many bytes there have been so far on all streams */
  constructor(printed: (bytes: number) => void) {
    this.#printed = printed;
  }

  /** Standard input is empty. */
  start(sink: StreamSink): void {
    this.#sink = sink;
    setImmediate(() => this.#sink?.input(STDIN, NO_DATA, true));
  }

  write(stream: number, offset: number, bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#printed(this.#bytes);
    setImmediate(() => this.#sink?.written(stream, offset + bytes.length));
  }

  pause(): void {}

  resume(): void {}

  async close(): Promise<void> {
    this.#sink = undefined;
  }
}
