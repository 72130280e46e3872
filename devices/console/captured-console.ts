// A console that keeps what is written to it, byte for byte and with the time; its stdin is given beforehand.
//
// Failover tests compare what came out of two runs, and ask when the first byte after a kill came: nothing here may
// change a byte, join two writes or wait for a reader.

import { assert } from '../../engine/errors/errors.js';
import { NO_DATA, type StreamDevice, type StreamSink } from '../device.js';
import { CONSOLE_INPUTS, CONSOLE_OUTPUTS, STDERR, STDIN, STDOUT } from './console-streams.js';

/** Most bytes of stdin told at once: what one read of a pipe gives. */
const INPUT_CHUNK_BYTES = 4096;

/** Bytes that came in one write. `atMs` is on the host's monotonic clock, the same for all its processes. */
export interface CapturedChunk {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** The host's monotonic clock, ms: comparable between processes, as `performance.now()` is not. */
export function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class CapturedConsole implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = CONSOLE_INPUTS;
  readonly outputs = CONSOLE_OUTPUTS;
  readonly #chunks = new Map<number, CapturedChunk[]>([
    [STDOUT, []],
    [STDERR, []],
  ]);
  /** Bytes captured so far, by stream. */
  readonly #lengths = new Map<number, number>();
  readonly #heard: (stream: number, bytes: Uint8Array) => void;
  #input: Uint8Array;
  #sink: StreamSink | undefined;
  #paused = false;
  #ended = false;
  #giving: NodeJS.Immediate | undefined;

  /**
   * @param input what the guest reads from stdin before its end
   * @param heard is told of each write, as it comes
   */
  constructor(input: Uint8Array = NO_DATA, heard: (stream: number, bytes: Uint8Array) => void = () => undefined) {
    this.#input = input;
    this.#heard = heard;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
    this.#giveLater();
  }

  write(stream: number, offset: number, bytes: Uint8Array): void {
    const chunks = this.#chunks.get(stream);
    const length = this.#lengths.get(stream) ?? 0;
    assert(chunks !== undefined, 'the bus writes to output streams only');
    assert(offset === length, 'the bytes of a stream follow each other without a gap');
    // A copy (a Buffer's slice is none): the bytes may lie in a buffer that the socket uses again.
    chunks.push({ atMs: hostMs(), bytes: new Uint8Array(bytes) });
    this.#lengths.set(stream, length + bytes.length);
    this.#heard(stream, bytes);
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

  /** Everything written to a stream. */
  bytes(stream: number): Uint8Array {
    return Buffer.concat(this.chunks(stream).map(chunk => chunk.bytes));
  }

  chunks(stream: number): readonly CapturedChunk[] {
    return this.#chunks.get(stream) ?? [];
  }

  /** When the first byte came, on any stream, at or after a moment; undefined where none did. */
  firstByteAfter(momentMs: number): number | undefined {
    const times = [...this.#chunks.values()].map(chunks => chunks.find(({ atMs }) => atMs >= momentMs)?.atMs);
    const first = Math.min(...times.map(time => time ?? Infinity));
    return first === Infinity ? undefined : first;
  }

  #giveLater(): void {
    this.#giving ??= setImmediate(() => {
      this.#giving = undefined;
      this.#give();
    });
  }

  #give(): void {
    const sink = this.#sink;
    if (sink === undefined || this.#paused || this.#ended) return;
    const chunk = this.#input.subarray(0, INPUT_CHUNK_BYTES);
    this.#input = this.#input.subarray(chunk.length);
    this.#ended = chunk.length === 0;
    sink.input(STDIN, chunk, this.#ended);
    this.#giveLater();
  }
}
