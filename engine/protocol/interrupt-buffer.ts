// A primary's interrupts between their arrival and their delivery at an epoch's end (P1).
//
// The bus may tell again what the log already brought (OF, ON), above all after a promotion; only what is new is
// buffered. What comes while the promotion is under way is kept until it is known what the log delivered.

import { assert } from '../errors/errors.js';
import { BOUNDS } from './bounds.js';
import type { Interrupt, OperationId } from './vocabulary.js';

type StreamInterrupt = Interrupt & { readonly kind: 'stream' };

/** How much input of a stream the guest was given. */
export interface InputDelivered {
  readonly stream: number;
  readonly offset: number;
  /** Whether its end was delivered, too. */
  readonly ended: boolean;
}

export class InterruptBuffer {
  readonly #isOutstanding: (operation: OperationId) => boolean;
  /** End of the input delivered or buffered, per stream; Infinity once its end is. */
  readonly #input = new Map<number, number>();
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
      this.#input.set(input.stream, input.ended ? Infinity : input.offset);
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

  /** On either side: input was delivered. */
  delivered({ stream, offset, bytes, end }: StreamInterrupt): void {
    this.#delivered.set(stream, { stream, offset: offset + bytes.length, ended: end });
    this.#input.set(stream, end ? Infinity : Math.max(this.#input.get(stream) ?? 0, offset + bytes.length));
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
    }
  }

  #freshInput({ stream, offset, bytes, end }: StreamInterrupt): Interrupt | undefined {
    const expected = this.#input.get(stream) ?? 0;
    if (expected === Infinity) return undefined;
    assert(offset <= expected, `input of stream ${stream} has no gap`);
    const fresh = bytes.subarray(Math.min(bytes.length, expected - offset));
    if (fresh.length === 0 && !end) return undefined;
    this.#input.set(stream, end ? Infinity : expected + fresh.length);
    return { kind: 'stream', stream, offset: expected, bytes: fresh, end };
  }
}

function bytesOf(interrupt: Interrupt): number {
  if (interrupt.kind === 'stream') return interrupt.bytes.length;
  return interrupt.kind === 'completion' ? interrupt.data.length : 0;
}
