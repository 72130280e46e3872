// What the bus does for the sockets of a machine, as little of it as a machine without replicas needs: numbers for connections,
// and windows, so that nothing piles up between a fast side and a slow one.

import type { SourceDevice, SourceSink } from '../../devices/device.js';
import { assert } from '../errors/errors.js';
import { BOUNDS } from '../protocol/bounds.js';
import { FIRST_OPENED_STREAM } from '../protocol/vocabulary.js';
import type { SocketAction, SocketEvent } from './socket-messages.js';

/** A listener, whose items are connections, or a connection, whose items are bytes. */
interface Input {
  /** Offsets: what came in, what the guest has consumed. */
  told: number;
  released: number;
  paused: boolean;
  readonly most: number;
}

interface Output {
  /** Offsets: what the device was given, what the guest knows to have left. */
  given: number;
  taken: number;
  closed: boolean;
}

export class SocketWindows implements SourceSink {
  readonly #device: SourceDevice;
  readonly #tell: (event: SocketEvent) => void;
  readonly #inputs = new Map<number, Input>();
  readonly #outputs = new Map<number, Output>();
  #next = FIRST_OPENED_STREAM;

  /** @param tell tells the guest */
  constructor(device: SourceDevice, tell: (event: SocketEvent) => void) {
    this.#device = device;
    this.#tell = tell;
    for (const stream of device.sources) this.#inputs.set(stream, newInput(BOUNDS.unreleasedStreams));
  }

  // ---- what the device reports

  opened(source: number, data: Uint8Array): number {
    const stream = this.#next++;
    this.#inputs.set(stream, newInput(BOUNDS.openedInputBytes));
    this.#outputs.set(stream, { given: 0, taken: 0, closed: false });
    const listener = this.#inputs.get(source)!;
    this.#tell({ kind: 'opened', stream: source, offset: listener.told, opened: stream, data });
    this.#told(source, listener, 1);
    return stream;
  }

  input(stream: number, bytes: Uint8Array, end: boolean): void {
    const input = this.#inputs.get(stream);
    // It is closed.
    if (input === undefined) return;
    this.#tell({ kind: 'stream', stream, offset: input.told, bytes, end });
    this.#told(stream, input, bytes.length);
  }

  written(stream: number, offset: number): void {
    const output = this.#outputs.get(stream);
    if (output === undefined) return;
    if (output.closed) {
      if (offset === output.given) this.#outputs.delete(stream);
    } else if (offset - output.taken >= BOUNDS.openedOutputBytes / 2) {
      output.taken = offset;
      this.#tell({ kind: 'taken', stream, offset });
    }
  }

  reset(stream: number): void {
    if (this.#inputs.has(stream)) this.#tell({ kind: 'reset', stream });
  }

  failed(stream: number): void {
    this.reset(stream);
  }

  #told(stream: number, input: Input, items: number): void {
    input.told += items;
    if (input.paused || input.told - input.released < input.most) return;
    input.paused = true;
    this.#device.pause(stream);
  }

  // ---- what the guest does

  perform(action: SocketAction): void {
    const { stream } = action;
    if (action.type === 'consumed') {
      this.#release(stream, action.offset);
      return;
    }
    const output = this.#outputs.get(stream);
    assert(output !== undefined, 'the guest speaks of connections that it has not closed');
    const offset = output.given;
    output.given += action.type === 'write' ? action.bytes.length : 1;
    if (action.type === 'write') this.#device.write(stream, offset, action.bytes);
    else if (action.type === 'endStream') this.#device.endStream(stream, offset);
    else {
      output.closed = true;
      this.#inputs.delete(stream);
      this.#device.closeStream(stream, offset);
    }
  }

  #release(stream: number, offset: number): void {
    const input = this.#inputs.get(stream);
    if (input === undefined) return;
    input.released = offset;
    if (!input.paused || input.told - input.released >= input.most) return;
    input.paused = false;
    this.#device.resume(stream);
  }
}

function newInput(most: number): Input {
  return { told: 0, released: 0, paused: false, most };
}
