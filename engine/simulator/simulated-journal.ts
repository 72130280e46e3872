// The journal of a simulated bus: bytes by the production encoders, on a disk that is late. A process that dies leaves what it has
// written, a host that loses its power what its disk has, and any beginning of the rest.

import type { BusJournal } from '../driver/bus-driver.js';
import { type BusMemory, type BusRecord, NOTHING_REMEMBERED, Remembrance } from '../protocol/bus/bus-memory.js';
import {
  BUS_JOURNAL_MAGIC,
  decodeBusMemory,
  decodeBusRecords,
  encodeBusMemory,
  encodeBusRecords,
} from '../wire/bus-records.js';
import { beginJournal, encodeFrame, readJournal } from '../wire/journal.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** What is added before all is written anew. */
const REWRITE_BYTES = 2_000;

export class SimulatedJournal implements BusJournal {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #syncNs: number;
  #remembrance = new Remembrance(NOTHING_REMEMBERED);
  #file: Uint8Array = this.#all();
  /** How much of it the disk has. */
  #syncedBytes = this.#file.length;
  #begunBytes = this.#file.length;
  #waiting: { readonly bytes: number; readonly then: () => void }[] = [];
  #syncs = false;
  /** Processes that have used it. */
  #process = 0;

  constructor(schedule: Schedule, random: Random, syncNs: number) {
    this.#schedule = schedule;
    this.#random = random;
    this.#syncNs = syncNs;
  }

  get memory(): BusMemory {
    return this.#remembrance.memory;
  }

  append(records: readonly BusRecord[]): void {
    for (const record of records) this.#remembrance.add(record);
    this.#file = joined(this.#file, encodeFrame(encodeBusRecords(records)));
  }

  whenKept(then: () => void): void {
    if (this.#syncNs === 0) this.#syncedBytes = this.#file.length;
    if (this.#syncedBytes === this.#file.length && this.#waiting.length === 0) {
      then();
      return;
    }
    this.#waiting.push({ bytes: this.#file.length, then });
    this.#sync();
  }

  #sync(): void {
    if (this.#syncs) return;
    this.#syncs = true;
    const process = this.#process;
    if (this.#file.length > this.#begunBytes + REWRITE_BYTES) this.#rewrite();
    const bytes = this.#file.length;
    this.#schedule.after(this.#random.between(1, this.#syncNs), () => {
      if (process !== this.#process) return;
      this.#syncs = false;
      this.#syncedBytes = bytes;
      while (this.#waiting[0] !== undefined && this.#waiting[0].bytes <= bytes) this.#waiting.shift()?.then();
      if (this.#waiting.length > 0) this.#sync();
    });
  }

  /** A new file, synced before it takes the name of the old one. */
  #rewrite(): void {
    this.#file = this.#all();
    this.#begunBytes = this.#file.length;
    this.#syncedBytes = this.#file.length;
    this.#waiting = this.#waiting.map(({ then }) => ({ bytes: this.#file.length, then }));
  }

  #all(): Uint8Array {
    return beginJournal(BUS_JOURNAL_MAGIC, encodeBusMemory('m', this.#remembrance.memory));
  }

  /** The process is gone; the next one finds what is left. @param power of the host is lost, too */
  crash(power: boolean): void {
    this.#process += 1;
    this.#syncs = false;
    this.#waiting = [];
    const bytes = power ? this.#random.between(this.#syncedBytes, this.#file.length) : this.#file.length;
    const { payloads, wholeBytes } = readJournal(this.#file.subarray(0, bytes), BUS_JOURNAL_MAGIC, 'the journal');
    const [first, ...others] = payloads;
    this.#remembrance = new Remembrance(decodeBusMemory(first!).memory);
    for (const payload of others) for (const record of decodeBusRecords(payload)) this.#remembrance.add(record);
    this.#file = this.#file.slice(0, wholeBytes);
    this.#syncedBytes = wholeBytes;
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
