// A console for measurements: it keeps nothing, and says at once how many bytes have come.

import { NO_DATA, STDERR, STDIN, STDOUT, type StreamDevice, type StreamSink } from '../device.js';

export class CountingConsole implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = [STDIN];
  readonly outputs = [STDOUT, STDERR];
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
