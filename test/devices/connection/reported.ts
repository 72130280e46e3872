// What a device of connections reports to the bus, in order.

import type { SourceSink } from '../../../devices/device.js';
import { FIRST_OPENED_STREAM } from '../../../engine/protocol/vocabulary.js';

export class Reported implements SourceSink {
  readonly said: unknown[] = [];
  /** What was said of each that was opened. */
  readonly data: Uint8Array[] = [];
  #next = FIRST_OPENED_STREAM;

  opened(source: number, data: Uint8Array): number {
    this.said.push(['opened', source]);
    this.data.push(data);
    return this.#next++;
  }
  input(stream: number, bytes: Uint8Array, end: boolean): void {
    this.said.push(['input', stream, end ? 'end' : Buffer.from(bytes).toString()]);
  }
  written(stream: number, offset: number): void {
    this.said.push(['written', stream, offset]);
  }
  reset(stream: number): void {
    this.said.push(['reset', stream]);
  }
  failed(): void {
    this.said.push('failed');
  }
}
