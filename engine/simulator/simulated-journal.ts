// The journal of a simulated bus: the production queue and encoders, on a disk that is late, and full for a while. A process that
// dies leaves what it has written, a host that loses its power what its disk has, and any beginning of the rest.

import type { BusJournal } from '../driver/bus-driver.js';
import { type Answer, type JournalPort, JournalQueue } from '../driver/journal-queue.js';
import { assert } from '../errors/errors.js';
import { type BusMemory, type BusRecord, NOTHING_REMEMBERED, Remembrance } from '../protocol/bus/bus-memory.js';
import {
  BUS_JOURNAL_MAGIC,
  decodeBusMemory,
  decodeBusRecords,
  encodeBusMemory,
  encodeBusRecords,
} from '../wire/bus-records.js';
import { beginJournal, encodeFrame, readJournal } from '../wire/journal.js';
import type { Actor } from './actor.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';
import type { JournalLoss } from './seen.js';

/** What is added before all is written anew. */
const REWRITE_BYTES = 2_000;
/** When a full disk is tried again. */
const AGAIN_NS = 5e6;

/** A file, and how much of it the disk has. */
interface SimulatedFile {
  bytes: Uint8Array;
  syncedBytes: number;
}

const NO_ROOM = new Error('no room');

export class SimulatedJournal implements BusJournal, JournalPort {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #syncNs: number;
  #remembrance = new Remembrance(NOTHING_REMEMBERED);
  #file: SimulatedFile;
  #new: SimulatedFile | undefined;
  /** What had the name of the journal, until the disk knows the new one. */
  #old: SimulatedFile | undefined;
  /** The process that uses it. */
  #process: Actor;
  #queue: JournalQueue;
  #fullUntilNs = 0;
  /** What there is room for while it is full: an end that is no whole frame. */
  #roomBytes = 0;

  constructor(schedule: Schedule, random: Random, syncNs: number, process: Actor) {
    this.#schedule = schedule;
    this.#random = random;
    this.#syncNs = syncNs;
    this.#process = process;
    this.#file = wholeFile(this.begun());
    this.#queue = this.#newQueue();
  }

  #newQueue(): JournalQueue {
    return new JournalQueue(this, this.#file.bytes.length, REWRITE_BYTES);
  }

  get memory(): BusMemory {
    return this.#remembrance.memory;
  }

  append(records: readonly BusRecord[]): void {
    for (const record of records) this.#remembrance.add(record);
    this.#queue.append(encodeFrame(encodeBusRecords(records)));
  }

  whenKept(then: () => void): void {
    this.#queue.whenKept(true, then);
  }

  /** Somebody else fills the disk, for a while. */
  fill(durationNs: number): void {
    this.#fullUntilNs = Math.max(this.#fullUntilNs, this.#schedule.nowNs + durationNs);
    this.#roomBytes = this.#random.below(40);
  }

  get #isFull(): boolean {
    return this.#schedule.nowNs < this.#fullUntilNs;
  }

  /** The process is gone; another finds what is left. @param power of the host is lost, too */
  crash(power: boolean): JournalLoss {
    const { isAwaited: keeping, isBehind: behind, isRewriting: rewriting } = this.#queue;
    const file = power && this.#old !== undefined && this.#random.chance(0.5) ? this.#old : this.#file;
    const { bytes, syncedBytes } = file;
    const left = bytes.subarray(0, power ? this.#random.between(syncedBytes, bytes.length) : bytes.length);
    const { payloads, wholeBytes } = readJournal(left, BUS_JOURNAL_MAGIC, 'the journal');
    const [first, ...others] = payloads;
    this.#remembrance = new Remembrance(decodeBusMemory(first!).memory);
    for (const payload of others) for (const record of decodeBusRecords(payload)) this.#remembrance.add(record);
    this.#file = wholeFile(left.slice(0, wholeBytes));
    this.#new = undefined;
    this.#old = undefined;
    const lostBytes = bytes.length - wholeBytes;
    return { power, keeping, behind, rewriting, lostBytes, torn: left.length > wholeBytes };
  }

  /** Another process goes on with it. */
  open(process: Actor): void {
    this.#process = process;
    this.#queue = this.#newQueue();
  }

  // ---- what the queue asks of the disk (JournalPort)

  write(to: 'journal' | 'new', bytes: Uint8Array, from: number, at: number): number {
    const file = to === 'journal' ? this.#file : this.#new;
    assert(
      file !== undefined && at <= file.bytes.length,
      'a file is written from its end on, or over what was not whole',
    );
    let count = bytes.length - from;
    if (this.#isFull) {
      count = Math.min(count, this.#roomBytes);
      this.#roomBytes -= count;
      if (count === 0) throw NO_ROOM;
    }
    file.bytes = joined(file.bytes.subarray(0, at), bytes.subarray(from, from + count));
    return count;
  }

  sync(then: Answer): void {
    const file = this.#file;
    const { length } = file.bytes;
    this.#later(() => {
      file.syncedBytes = Math.max(file.syncedBytes, length);
      then(undefined);
    });
  }

  begun(): Uint8Array {
    return beginJournal(BUS_JOURNAL_MAGIC, encodeBusMemory('m', this.#remembrance.memory));
  }

  createNew(bytes: Uint8Array, then: Answer): void {
    this.#later(() => {
      if (this.#isFull) {
        then(NO_ROOM);
        return;
      }
      this.#new = wholeFile(bytes);
      then(undefined);
    });
  }

  replace(then: Answer): void {
    assert(this.#new !== undefined, 'a new file is there before it replaces another');
    const old = this.#file;
    this.#old = old;
    this.#file = this.#new;
    this.#new = undefined;
    this.#later(() => {
      this.#old = undefined;
      then(undefined);
    });
  }

  dropNew(then: () => void): void {
    this.#new = undefined;
    this.#later(then);
  }

  soon(act: () => void): void {
    this.#process.after(0, act);
  }

  later(act: () => void): () => void {
    let isOff = false;
    this.#process.after(AGAIN_NS, () => {
      if (!isOff) act();
    });
    return () => {
      isOff = true;
    };
  }

  isFull(error: unknown): boolean {
    return error === NO_ROOM;
  }

  waits(): void {}

  broken(error: unknown): void {
    throw error;
  }

  /** The disk goes on while the process stands still, or dies; who asked hears of it when it runs. */
  #later(act: () => void): void {
    const process = this.#process;
    this.#schedule.after(this.#random.between(0, this.#syncNs), () => {
      if (!process.dead) process.do(act);
    });
  }
}

function wholeFile(bytes: Uint8Array): SimulatedFile {
  return { bytes, syncedBytes: bytes.length };
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
