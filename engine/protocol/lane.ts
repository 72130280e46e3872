// The outputs of one stream, or all that belong to none, on their way to the bus: in order, with a window of their own.
//
//   held ...... passed | not yet         sent ...... confirmed
//
// `passed`: whoever goes through the outputs of all lanes in program order came by while the window was full.

import { endOf, type StreamOutput } from './bus/output-side.js';
import type { Output } from './vocabulary.js';

/** What an output that carries no data counts for in the bounds, bytes. */
export const OUTPUT_OVERHEAD_BYTES = 64;

/** How far a stream that is closed has come, whatever its guest may still come to put out. */
export const CLOSED = Number.MAX_SAFE_INTEGER;

export interface Held {
  /** All of the log below this position precedes the output. */
  readonly position: number;
  readonly output: Output;
}

/** An output with its place in the program order of all of them. */
export interface Item extends Held {
  readonly sequence: number;
  readonly bytes: number;
  /** When it came to be held, ms. */
  readonly sinceMs: number;
}

/** First in, first out; taking from the front costs nothing. */
export class Queue<T> {
  #items: T[] = [];
  #next = 0;

  get head(): T | undefined {
    return this.#items[this.#next];
  }

  get length(): number {
    return this.#items.length - this.#next;
  }

  /** The one that `index` others precede. */
  at(index: number): T | undefined {
    return this.#items[this.#next + index];
  }

  get rest(): readonly T[] {
    return this.#items.slice(this.#next);
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#next];
    if (item === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    } else if (this.#next >= 1024 && this.#next * 2 > this.#items.length) {
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#next = 0;
  }
}

export function sizeOf(output: Output): number {
  if (output.type === 'stream') return output.bytes.length + OUTPUT_OVERHEAD_BYTES;
  if (output.type === 'operation') return output.operation.data.length + OUTPUT_OVERHEAD_BYTES;
  return OUTPUT_OVERHEAD_BYTES;
}

export function isOfStream(output: Output): output is StreamOutput {
  return output.type === 'stream' || output.type === 'end' || output.type === 'close';
}

/** What is left of a stream's output when everything below `offset` is there; undefined: nothing. */
export function after(output: StreamOutput, offset: number): StreamOutput | undefined {
  const had = offset - output.offset;
  if (had <= 0) return output;
  if (output.type !== 'stream' || had >= output.bytes.length) return undefined;
  return { ...output, offset, bytes: output.bytes.subarray(had) };
}

/** The outputs of one stream. */
export class Lane {
  readonly stream: number;
  readonly held = new Queue<Item>();
  /** Of those that are held, how many at the head were passed over. */
  passed = 0;
  readonly #sent = new Queue<Item>();
  #sentBytes = 0;
  /** What the bus had when it was fenced. */
  #accepted = 0;
  #confirmed = 0;
  /** The guest is done with it: the place after its close. */
  #closedAt = Infinity;

  readonly #windowBytes: number;

  /** @param windowBytes of its window */
  constructor(stream: number, windowBytes: number) {
    this.stream = stream;
    this.#windowBytes = windowBytes;
  }

  get confirmed(): number {
    return this.#confirmed;
  }

  /** The outside has taken all that the guest has put out so far. */
  get isDrained(): boolean {
    return this.held.length === 0 && this.#sent.length === 0 && this.#accepted <= this.#confirmed;
  }

  /** All of it is there, and nothing follows. */
  get isOver(): boolean {
    return this.#closedAt <= this.#confirmed && this.held.length === 0 && this.#sent.length === 0;
  }

  /** What was sent, and what the bus had of others when it became ours, counts until it is confirmed. */
  get isFull(): boolean {
    const accepted = this.#accepted === CLOSED ? 0 : Math.max(0, this.#accepted - this.#confirmed);
    return this.#sentBytes + accepted >= this.#windowBytes;
  }

  /** What is left to be sent of an output that the guest puts out. */
  fresh(output: StreamOutput): StreamOutput | undefined {
    if (output.type === 'close') this.#closedAt = endOf(output);
    return after(output, Math.max(this.#accepted, this.#confirmed));
  }

  send(item: Item): void {
    this.#sent.push(item);
    this.#sentBytes += item.bytes;
  }

  get oldestSent(): Item | undefined {
    return this.#sent.head;
  }

  /** What is sent and not confirmed. */
  get sent(): readonly Item[] {
    return this.#sent.rest;
  }

  /** Everything below `offset` is taken by the outside. @returns by how much more than was known */
  confirm(offset: number): number {
    const more = Math.max(0, offset - this.#confirmed);
    this.#confirmed = Math.max(this.#confirmed, offset);
    // Also what was known: a promoted replica whose guest came late has sent what its predecessor had confirmed.
    for (let head = this.#sent.head; head !== undefined; head = this.#sent.head) {
      if (endOf(head.output as StreamOutput) > offset) break;
      this.#sent.shift();
      this.#sentBytes -= head.bytes;
    }
    return more;
  }

  /**
   * The bus is ours, and has everything below `accepted`.
   * @returns what was sent and is to be sent again
   */
  fenced(accepted: number): readonly Item[] {
    this.#accepted = accepted;
    if (accepted === CLOSED) this.#confirmed = CLOSED;
    const again = this.#sent.rest;
    this.#sent.clear();
    this.#sentBytes = 0;
    return again;
  }
}
