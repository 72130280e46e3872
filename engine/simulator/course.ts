// The course of a guest's run: its environment results and boundaries, one after another, each as a hash of all up to it. Two
// replicas that have the same course up to a place have seen the same: the judge compares what was seen, not how much.

import { FIRST_OPENED_STREAM, type Interrupt, type LogEntry } from '../protocol/vocabulary.js';
import { mix, mixBytes, mixWide } from './random.js';

export class Course {
  /** Happenings before the first that is known one by one: those that a snapshot brought. */
  readonly #base: number;
  readonly #hashes: number[];

  constructor(from: { readonly length: number; readonly hash: number } = { length: 0, hash: 1 }) {
    this.#base = from.length;
    this.#hashes = [from.hash];
  }

  get length(): number {
    return this.#base + this.#hashes.length - 1;
  }

  get hash(): number {
    return this.#hashes.at(-1)!;
  }

  happened(hash: number): void {
    this.#hashes.push(mix(this.hash, hash));
  }

  /** Of a part of the log. */
  logged(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (entry.type === 'value') this.happened(hashOfValue(entry.source, entry.value));
      else if (entry.type === 'end') this.happened(hashOfBoundary(entry.interrupts));
      else if (entry.type === 'empty') for (let epoch = 0; epoch < entry.epochs; epoch++) this.happened(EMPTY);
    }
  }

  /** After `length` happenings; undefined where it does not come so far, or begins later. */
  at(length: number): number | undefined {
    return this.#hashes[length - this.#base];
  }

  /** Whether it has the first `length` happenings of `other`. */
  has(other: Course, length: number): boolean {
    if (this.length < length) return false;
    const [mine, theirs] = [this.at(length), other.at(length)];
    return mine === undefined || theirs === undefined || mine === theirs;
  }
}

const EMPTY = 7;

export function hashOfValue(source: number, value: bigint): number {
  return mixWide(source + 1, value);
}

/** Of what reaches the guest whatever else it does: timers are derived, and of what it has ended or closed it hears nothing. */
export function hashOfBoundary(interrupts: readonly Interrupt[]): number {
  let hash = EMPTY;
  for (const interrupt of interrupts) {
    if (interrupt.kind === 'stream' && interrupt.stream < FIRST_OPENED_STREAM) {
      const { stream, offset, bytes, end } = interrupt;
      hash = mixBytes(mix(mix(hash, stream + (end ? 16 : 0)), offset), bytes);
    } else if (interrupt.kind === 'opened') {
      hash = mix(mix(hash, interrupt.opened), interrupt.offset);
    }
  }
  return hash;
}
