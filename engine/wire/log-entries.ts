// The bytes of the log: one entry after another, each as the difference to what came before.
//
// The log is written for every environment instruction and every boundary, so an entry costs a few bytes and the
// encoder allocates nothing for the frequent ones. Both sides keep the same state: the last value of each clock, the
// last digest, time and epoch, and the number of values since that digest. An encoder and its decoders start together,
// at the machine's start or where a snapshot was taken, from what the encoder remembered there (JN); a promoted backup's
// encoder goes on from what its decoder remembers.
//
//   value of a clock   1 s c ddddd   s: source 0 or 1; d: the low five bits of the difference to the source's last
//                                    value (64 bits, wrapping); c: the rest follows as unsigned 64 bits
//   other value        00000010      source, 8 bytes little-endian; a random number has no neighbour
//   empty epochs       01 mm nnnn    n: their number, 0: it follows as unsigned; then the digest as m says
//   end of an epoch    001 mm e t i  e: the epoch follows, else it is the one after the last end; then the digest;
//                                    t: time as it is, else its difference to the last; i: interrupts follow, counted
//   state digest       00000011      epoch, first page, pages, then memory, kernel, globals: 4 bytes little-endian each
//   epoch length       00000100      epoch, instructions
//   final              00000001      epoch, outcome (outcomes.ts)
//
//   digest   m = 0     count as a difference; nothing submitted; consumed what the log says
//            m = 1     count, submitted, consumed as differences to the last digest
//            m = 2     count, submitted, consumed as they are: something went back
//
// Interrupts as in interrupts.ts.
//
// A clock read in a tight loop takes 2 bytes a value up to 4 us, 3 up to 0.5 ms; an empty epoch of 100,000
// instructions 4, however many there are of it.

import { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Digest, Interrupt, LogEntry } from '../protocol/vocabulary.js';
import { copyOf } from './copying.js';
import { type EntryState, History } from './entry-history.js';
import { interruptBytesMax, putInterrupt, readInterrupt } from './interrupts.js';
import { outcomeBytesMax, putOutcome, readOutcome } from './outcomes.js';
import {
  Halves,
  malformed,
  putHalves,
  putUnsigned,
  Reader,
  UNSIGNED_MAX_BYTES,
  UNSIGNED64_MAX_BYTES,
} from './varints.js';

const CLOCK = 0x80;
const CLOCK_SOURCE_SHIFT = 6;
const CLOCK_MORE = 0x20;
const CLOCK_LOW_BITS = 5;
const EMPTY = 0x40;
const EMPTY_EPOCHS = 0x0f;
const EMPTY_MODE_SHIFT = 4;
const END = 0x20;
const END_MODE_SHIFT = 3;
const END_EPOCH = 4;
const END_TIME = 2;
const END_INTERRUPTS = 1;
const EPOCH_LENGTH = 4;
const STATE_DIGEST = 3;
const OTHER_VALUE = 2;
const FINAL = 1;

const AS_PREDICTED = 0;
const DIFFERENCES = 1;
const ABSOLUTE = 2;

/** Head, epoch, digest, time, count of interrupts. */
const ENTRY_MAX_BYTES = 1 + 6 * UNSIGNED_MAX_BYTES;
/** The value of a clock. */
export const CLOCK_MAX_BYTES = 1 + UNSIGNED64_MAX_BYTES;

/** Upper bound of the bytes that `encode` writes for `entry`. */
export function maxSize(entry: LogEntry): number {
  if (entry.type === 'final') return ENTRY_MAX_BYTES + outcomeBytesMax(entry.outcome);
  if (entry.type !== 'end') return ENTRY_MAX_BYTES;
  let bytes = ENTRY_MAX_BYTES;
  for (const interrupt of entry.interrupts) bytes += interruptBytesMax(interrupt);
  return bytes;
}

export class EntryEncoder {
  readonly #history: History;
  readonly #halves = new Halves();

  constructor(from?: EntryState) {
    this.#history = new History(from);
  }

  save(): EntryState {
    return this.#history.save();
  }

  /**
   * Writes `entry` at `at` of `target`, which has room for `maxSize(entry)`.
   * @returns bytes written
   */
  encode(entry: LogEntry, target: Uint8Array, at: number): number {
    switch (entry.type) {
      case 'value':
        return this.#value(entry.source, entry.value, target, at) - at;
      case 'empty':
        return this.#empty(entry.epochs, entry.digest, target, at) - at;
      case 'end':
        return this.#end(entry, target, at) - at;
      case 'digest':
        return putStateDigest(entry, target, at) - at;
      case 'length':
        target[at] = EPOCH_LENGTH;
        return putUnsigned(target, putUnsigned(target, at + 1, entry.epoch), entry.epochLength) - at;
      case 'final':
        target[at] = FINAL;
        return putOutcome(target, putUnsigned(target, at + 1, entry.epoch), entry.outcome) - at;
    }
  }

  #value(source: number, value: bigint, target: Uint8Array, at: number): number {
    const history = this.#history;
    history.values += 1;
    this.#halves.whole = value;
    const { low, high } = this.#halves;
    if (source !== SOURCE_REAL_TIME && source !== SOURCE_MONOTONIC) {
      target[at++] = OTHER_VALUE;
      at = putUnsigned(target, at, source);
      return putHalf(target, putHalf(target, at, low), high);
    }
    return this.#clock(source, low, high, target, at);
  }

  /** As `encode` for the value of a clock, from its unsigned halves; CLOCK_MAX_BYTES at most. */
  encodeClock(source: number, low: number, high: number, target: Uint8Array, at: number): number {
    this.#history.values += 1;
    return this.#clock(source, low, high, target, at) - at;
  }

  #clock(source: number, low: number, high: number, target: Uint8Array, at: number): number {
    const history = this.#history;
    const lastLow = history.low[source]!;
    const differenceLow = (low - lastLow) >>> 0;
    const differenceHigh = (high - history.high[source]! - (low < lastLow ? 1 : 0)) >>> 0;
    history.low[source] = low;
    history.high[source] = high;
    const restLow = ((differenceLow >>> CLOCK_LOW_BITS) | (differenceHigh << (32 - CLOCK_LOW_BITS))) >>> 0;
    const restHigh = differenceHigh >>> CLOCK_LOW_BITS;
    const head = CLOCK | (source << CLOCK_SOURCE_SHIFT) | (differenceLow & ((1 << CLOCK_LOW_BITS) - 1));
    if (restLow === 0 && restHigh === 0) {
      target[at] = head;
      return at + 1;
    }
    target[at] = head | CLOCK_MORE;
    return putHalves(target, at + 1, restLow, restHigh);
  }

  #empty(epochs: number, digest: Digest, target: Uint8Array, at: number): number {
    const mode = this.#mode(digest);
    const short = epochs > 0 && epochs <= EMPTY_EPOCHS;
    target[at++] = EMPTY | (mode << EMPTY_MODE_SHIFT) | (short ? epochs : 0);
    if (!short) at = putUnsigned(target, at, epochs);
    this.#history.epoch += epochs;
    return this.#digest(mode, digest, target, at);
  }

  #end(entry: LogEntry & { type: 'end' }, target: Uint8Array, at: number): number {
    const history = this.#history;
    const { epoch, digest, timeNs, interrupts } = entry;
    const mode = this.#mode(digest);
    const epochAsIs = epoch !== history.epoch;
    const timeAsIs = timeNs < history.timeNs;
    target[at++] =
      END |
      (mode << END_MODE_SHIFT) |
      (epochAsIs ? END_EPOCH : 0) |
      (timeAsIs ? END_TIME : 0) |
      (interrupts.length > 0 ? END_INTERRUPTS : 0);
    if (epochAsIs) at = putUnsigned(target, at, epoch);
    at = this.#digest(mode, digest, target, at);
    at = putUnsigned(target, at, timeAsIs ? timeNs : timeNs - history.timeNs);
    history.epoch = epoch + 1;
    history.timeNs = timeNs;
    if (interrupts.length > 0) at = putUnsigned(target, at, interrupts.length);
    for (const interrupt of interrupts) at = putInterrupt(target, at, interrupt);
    return at;
  }

  #mode(digest: Digest): number {
    const history = this.#history;
    const { count, submitted, consumed } = digest;
    if (count < history.count || submitted < history.submitted || consumed < history.consumed) return ABSOLUTE;
    const predicted = submitted === history.submitted && consumed === history.consumed + history.values;
    return predicted ? AS_PREDICTED : DIFFERENCES;
  }

  #digest(mode: number, digest: Digest, target: Uint8Array, at: number): number {
    const history = this.#history;
    const { count, submitted, consumed } = digest;
    at = putUnsigned(target, at, mode === ABSOLUTE ? count : count - history.count);
    if (mode !== AS_PREDICTED) {
      at = putUnsigned(target, at, mode === ABSOLUTE ? submitted : submitted - history.submitted);
      at = putUnsigned(target, at, mode === ABSOLUTE ? consumed : consumed - history.consumed);
    }
    history.digest(digest);
    return at;
  }
}

function putStateDigest(entry: LogEntry & { type: 'digest' }, target: Uint8Array, at: number): number {
  target[at++] = STATE_DIGEST;
  at = putUnsigned(target, at, entry.epoch);
  at = putUnsigned(target, at, entry.firstPage);
  at = putUnsigned(target, at, entry.pages);
  at = putHalf(target, at, entry.memory);
  at = putHalf(target, at, entry.kernel);
  return putHalf(target, at, entry.globals);
}

function putHalf(target: Uint8Array, at: number, half: number): number {
  for (let bits = 0; bits < 32; bits += 8) target[at++] = half >>> bits;
  return at;
}

export class EntryDecoder {
  readonly #history: History;
  readonly #halves = new Halves();

  constructor(from?: EntryState) {
    this.#history = new History(from);
  }

  save(): EntryState {
    return this.#history.save();
  }

  /**
   * The entries of a part of the log, which holds whole ones. Nothing in them refers to `part` afterwards.
   * @throws EpochvisorError PACKET_MALFORMED; the decoder is of no use afterwards
   */
  decode(part: Uint8Array): LogEntry[] {
    const reader = new Reader(part);
    const entries: LogEntry[] = [];
    while (!reader.done) entries.push(this.#entry(reader));
    return entries;
  }

  #entry(reader: Reader): LogEntry {
    const head = reader.byte();
    if (head >= CLOCK) return this.#clock(reader, head);
    if (head >= EMPTY) return this.#empty(reader, head);
    if (head >= END) return this.#end(reader, head);
    if (head === OTHER_VALUE) {
      this.#history.values += 1;
      const source = reader.unsigned();
      const low = readHalf(reader);
      return { type: 'value', source, value: this.#halves.join(low, readHalf(reader)) };
    }
    if (head === STATE_DIGEST) return readStateDigest(reader);
    if (head === EPOCH_LENGTH) {
      const epoch = reader.unsigned();
      const epochLength = reader.unsigned();
      if (epochLength === 0) throw malformed('an epoch length of 0', reader.at - 1);
      return { type: 'length', epoch, epochLength };
    }
    if (head === FINAL) {
      const epoch = reader.unsigned();
      return { type: 'final', epoch, outcome: readOutcome(reader) };
    }
    throw malformed('an entry of unknown kind', reader.at - 1);
  }

  #clock(reader: Reader, head: number): LogEntry {
    const source = (head >>> CLOCK_SOURCE_SHIFT) & 1;
    let low = head & ((1 << CLOCK_LOW_BITS) - 1);
    let high = 0;
    let more = (head & CLOCK_MORE) !== 0;
    for (let bits = CLOCK_LOW_BITS; more; bits += 7) {
      const byte = reader.byte();
      const seven = byte & 127;
      if (bits > 64 - 7 && byte >= 2 ** (64 - bits)) throw malformed('a clock difference is too long', reader.at - 1);
      if (bits < 32) {
        low |= seven << bits;
        if (bits > 32 - 7) high |= seven >>> (32 - bits);
      } else {
        high |= seven << (bits - 32);
      }
      more = byte >= 128;
    }
    const history = this.#history;
    history.values += 1;
    const sumLow = (low >>> 0) + history.low[source]!;
    history.low[source] = sumLow;
    history.high[source] = high + history.high[source]! + (sumLow > 0xffffffff ? 1 : 0);
    return { type: 'value', source, value: this.#halves.join(history.low[source]!, history.high[source]!) };
  }

  #empty(reader: Reader, head: number): LogEntry {
    const epochs = head & EMPTY_EPOCHS || reader.unsigned();
    const digest = this.#digest(reader, (head >>> EMPTY_MODE_SHIFT) & 3);
    this.#history.epoch = sum(reader, this.#history.epoch, epochs);
    return { type: 'empty', epochs, digest };
  }

  #end(reader: Reader, head: number): LogEntry {
    const history = this.#history;
    const epoch = (head & END_EPOCH) === 0 ? history.epoch : reader.unsigned();
    const digest = this.#digest(reader, (head >>> END_MODE_SHIFT) & 3);
    const time = reader.unsigned();
    const timeNs = (head & END_TIME) === 0 ? sum(reader, history.timeNs, time) : time;
    history.timeNs = timeNs;
    history.epoch = sum(reader, epoch, 1);
    const interrupts: Interrupt[] = [];
    const count = (head & END_INTERRUPTS) === 0 ? 0 : reader.count();
    for (let index = 0; index < count; index++) interrupts.push(readInterrupt(reader, copyOf));
    return { type: 'end', epoch, digest, timeNs, interrupts };
  }

  #digest(reader: Reader, mode: number): Digest {
    if (mode > ABSOLUTE) throw malformed('a digest of unknown form', reader.at - 1);
    const { count, submitted, consumed, values } = this.#history;
    const from = mode === ABSOLUTE ? 0 : 1;
    const digest = {
      count: sum(reader, count * from, reader.unsigned()),
      submitted: mode === AS_PREDICTED ? submitted : sum(reader, submitted * from, reader.unsigned()),
      consumed: mode === AS_PREDICTED ? consumed + values : sum(reader, consumed * from, reader.unsigned()),
    };
    this.#history.digest(digest);
    return digest;
  }
}

function sum(reader: Reader, a: number, b: number): number {
  if (a + b > Number.MAX_SAFE_INTEGER) throw malformed('a number is too large', reader.at);
  return a + b;
}

function readHalf(reader: Reader): number {
  let half = 0;
  for (let bits = 0; bits < 32; bits += 8) half |= reader.byte() << bits;
  return half;
}

function readStateDigest(reader: Reader): LogEntry {
  const epoch = reader.unsigned();
  const firstPage = reader.unsigned();
  const pages = reader.unsigned();
  const memory = readHalf(reader) >>> 0;
  const kernel = readHalf(reader) >>> 0;
  return { type: 'digest', epoch, firstPage, pages, memory, kernel, globals: readHalf(reader) >>> 0 };
}
