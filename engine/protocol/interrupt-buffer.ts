// A primary's interrupts between their arrival and their delivery at an epoch's end (P1).
//
// The bus may tell again what the log already brought (OF, ON), above all after a promotion; only what is new is
// buffered. What comes while the promotion is under way is kept until it is known what the log delivered.

import { assert } from '../errors/errors.js';
import { BOUNDS } from './bounds.js';
import { FIRST_OPENED_STREAM, type Interrupt, type OperationId } from './vocabulary.js';

type StreamInterrupt = Interrupt & { readonly kind: 'stream' };

/** How much of a stream the guest was given. */
export interface InputDelivered {
  readonly stream: number;
  /** Bytes; of a source, opened streams. */
  readonly offset: number;
  /** Whether its end was delivered, too. */
  readonly ended: boolean;
  /** Whether it was delivered that it is reset. */
  readonly reset: boolean;
  /** Output that the guest was told to be taken. */
  readonly taken: number;
}

const NOTHING_DELIVERED = { offset: 0, ended: false, reset: false, taken: 0 };

export class InterruptBuffer {
  readonly #isOutstanding: (operation: OperationId) => boolean;
  /** Delivered or buffered, by stream; an opened one is there from its opening to its close. */
  readonly #expected = new Map<number, InputDelivered>();
  readonly #delivered = new Map<number, InputDelivered>();
  #buffered: Interrupt[] = [];
  #kept: Interrupt[] = [];
  readonly #deliveryBytes: number;

  /** @param deliveryBytes delivered at one boundary, at most; the rest comes at the next */
  constructor(
    isOutstanding: (operation: OperationId) => boolean,
    delivered: readonly InputDelivered[] = [],
    deliveryBytes = BOUNDS.deliveryBytes,
  ) {
    this.#isOutstanding = isOutstanding;
    this.#deliveryBytes = deliveryBytes;
    for (const input of delivered) {
      this.#delivered.set(input.stream, input);
      this.#expected.set(input.stream, input);
    }
  }

  /** What the guest was given; what is only buffered comes again from the bus, to whoever is primary then (RL). */
  get inputDelivered(): InputDelivered[] {
    return [...this.#delivered.values()];
  }

  get isEmpty(): boolean {
    return this.#buffered.length === 0;
  }

  buffer(interrupt: Interrupt): void {
    const fresh = this.#fresh(interrupt);
    if (fresh !== undefined) this.#buffered.push(fresh);
  }

  keepForLater(interrupt: Interrupt): void {
    this.#kept.push(interrupt);
  }

  bufferKept(): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const interrupt of kept) this.buffer(interrupt);
  }

  /** What is delivered at this boundary, in order: at least one, at most as much as fits beside it. */
  take(): Interrupt[] {
    let bytes = 0;
    let taken = 0;
    for (const interrupt of this.#buffered) {
      bytes += bytesOf(interrupt);
      if (taken > 0 && bytes > this.#deliveryBytes) break;
      taken += 1;
    }
    return this.#buffered.splice(0, taken);
  }

  /** On either side: this was delivered. */
  delivered(interrupt: Interrupt): void {
    switch (interrupt.kind) {
      case 'stream':
        this.#advance(interrupt.stream, {
          offset: interrupt.offset + interrupt.bytes.length,
          ...(interrupt.end ? { ended: true } : {}),
        });
        return;
      case 'opened':
        this.#advance(interrupt.stream, { offset: interrupt.offset + 1 });
        this.#advance(interrupt.opened, {});
        return;
      case 'taken':
        this.#advance(interrupt.stream, { taken: interrupt.offset });
        return;
      case 'reset':
        this.#advance(interrupt.stream, { reset: true });
        return;
      default:
        return;
    }
  }

  /** On either side: the guest is done with an opened stream, and hears no more of it. */
  closed(stream: number): void {
    this.#expected.delete(stream);
    this.#delivered.delete(stream);
  }

  #advance(stream: number, to: Partial<InputDelivered>): void {
    const delivered = { ...NOTHING_DELIVERED, ...this.#delivered.get(stream), stream, ...to };
    this.#delivered.set(stream, delivered);
    const expected = this.#expected.get(stream) ?? delivered;
    this.#expected.set(stream, {
      stream,
      offset: Math.max(expected.offset, delivered.offset),
      ended: expected.ended || delivered.ended,
      reset: expected.reset || delivered.reset,
      taken: Math.max(expected.taken, delivered.taken),
    });
  }

  #fresh(interrupt: Interrupt): Interrupt | undefined {
    switch (interrupt.kind) {
      case 'timer':
        return undefined;
      case 'completion':
      case 'uncertain':
        return this.#isOutstanding(interrupt.operation) ? interrupt : undefined;
      case 'stream':
        return this.#freshInput(interrupt);
      case 'opened': {
        const source = this.#expect(interrupt.stream);
        assert(interrupt.offset <= source.offset, `what stream ${interrupt.stream} opens has no gap`);
        if (interrupt.offset < source.offset) return undefined;
        this.#expected.set(interrupt.stream, { ...source, offset: source.offset + 1 });
        this.#expected.set(interrupt.opened, { ...NOTHING_DELIVERED, stream: interrupt.opened });
        return interrupt;
      }
      case 'taken': {
        const stream = this.#expected.get(interrupt.stream);
        if (stream === undefined || interrupt.offset <= stream.taken) return undefined;
        this.#expected.set(interrupt.stream, { ...stream, taken: interrupt.offset });
        return interrupt;
      }
      case 'reset': {
        const stream = this.#expected.get(interrupt.stream);
        if (stream === undefined || stream.reset) return undefined;
        this.#expected.set(interrupt.stream, { ...stream, reset: true });
        return interrupt;
      }
    }
  }

  #expect(stream: number): InputDelivered {
    return this.#expected.get(stream) ?? { ...NOTHING_DELIVERED, stream };
  }

  #freshInput({ stream, offset, bytes, end }: StreamInterrupt): Interrupt | undefined {
    // Of an opened stream that the guest has closed.
    if (stream >= FIRST_OPENED_STREAM && !this.#expected.has(stream)) return undefined;
    const expected = this.#expect(stream);
    if (expected.ended) return undefined;
    assert(offset <= expected.offset, `input of stream ${stream} has no gap`);
    const fresh = bytes.subarray(Math.min(bytes.length, expected.offset - offset));
    if (fresh.length === 0 && !end) return undefined;
    this.#expected.set(stream, { ...expected, offset: expected.offset + fresh.length, ended: end });
    return { kind: 'stream', stream, offset: expected.offset, bytes: fresh, end };
  }
}

function bytesOf(interrupt: Interrupt): number {
  if (interrupt.kind === 'stream') return interrupt.bytes.length;
  return interrupt.kind === 'completion' || interrupt.kind === 'opened' ? interrupt.data.length : 0;
}
