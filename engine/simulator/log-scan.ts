// What a log on a disk is worth: read by the production readers as it grows, for the judge. Whoever goes on from it has the course
// that its entries make; one that begins with a checkpoint has none before that is whole.

import { EntryDecoder } from '../wire/log-entries.js';
import { decodeSegmentRecord, type SegmentRecord } from '../wire/segment-records.js';
import {
  readLastHeader,
  readRecords,
  readSegmentHeader,
  type SegmentSource,
  type SegmentTail,
} from '../wire/segments.js';
import { Course } from './course.js';
import type { SimulatedSnapshots } from './simulated-snapshots.js';

/** A segment, as far as it is believed. */
export interface ScannedSegment {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly size: number;
}

export class LogScan {
  /** What the guest that goes on from it went through; undefined: nobody can. */
  course: Course | undefined;
  readonly #snapshots: SimulatedSnapshots;
  #decoder: EntryDecoder | undefined;
  /** Parts that precede the checkpoint that they follow. */
  #early: { readonly position: number; readonly bytes: Uint8Array }[] = [];
  #pieces: Uint8Array[] = [];
  /** Where the log goes on. */
  #end = 0;
  readonly #tail: SegmentTail;
  /** The one that is being read, and how far it is. */
  #path = '';
  #at = 0;
  #chain: number | undefined;

  /**
   * @param beginsWhole whether it begins with the machine
   * @param tail `marked`: it is read once, and what was never synced may be anything
   */
  constructor(beginsWhole: boolean, snapshots: SimulatedSnapshots, tail: 'last' | 'marked' = 'last') {
    this.#snapshots = snapshots;
    this.#tail = tail;
    if (!beginsWhole) return;
    this.course = new Course();
    this.#decoder = new EntryDecoder();
  }

  /** After whole records there was something else. */
  isTorn = false;

  /** Reads on. @throws EpochvisorError LOG_CORRUPT, where it can't be relied on */
  look(segments: readonly ScannedSegment[]): void {
    for (const [index, segment] of segments.entries()) {
      if (segment.path < this.#path) continue;
      if (segment.path > this.#path) [this.#path, this.#at] = [segment.path, 0];
      const isLast = index === segments.length - 1;
      if (this.#read(segment, isLast) && this.#at === segment.size) continue;
      this.isTorn = segment.size > 0;
      return;
    }
  }

  /** @returns whether it has begun */
  #read({ bytes, size }: ScannedSegment, isLast: boolean): boolean {
    const source: SegmentSource = { path: 'the log', size, take: (at, length) => bytes.subarray(at, at + length) };
    if (this.#at === 0) {
      const begun = isLast && this.#tail === 'marked' ? readLastHeader(source) : readSegmentHeader(source);
      if (begun === undefined) return false;
      this.#at = begun.recordsAt;
      this.#chain ??= begun.header.chain;
    }
    const records = readRecords(source, this.#at, this.#chain!, isLast ? this.#tail : 'last');
    for (let next = records.next(); ; next = records.next()) {
      if (next.done === true) {
        ({ wholeBytes: this.#at, chain: this.#chain } = next.value);
        return true;
      }
      this.#record(decodeSegmentRecord(next.value.payload));
    }
  }

  #record(record: SegmentRecord): void {
    if (record.type === 'log') {
      let { position } = record;
      for (const { entries, bytes } of record.parts) {
        // A checkpoint of which the log after it was dropped is none to begin at.
        if (position > this.#end) [this.course, this.#early] = [undefined, []];
        this.#end = position + entries;
        if (this.course === undefined) this.#early.push({ position, bytes: bytes.slice() });
        else this.#logged(bytes);
        position += entries;
      }
    } else if (record.type === 'begins') this.#pieces = [];
    else if (record.type === 'piece') this.#pieces.push(record.bytes.slice());
    else if (record.type === 'checkpoint' && this.course === undefined) this.#begin(record.position);
  }

  #begin(position: number): void {
    const saved = this.#snapshots.whole(this.#pieces);
    if (saved === undefined) return;
    this.course = new Course(saved.course);
    this.#decoder = new EntryDecoder(saved.codec);
    this.#end = Math.max(this.#end, position);
    for (const early of this.#early) if (early.position >= position) this.#logged(early.bytes);
    this.#early = [];
  }

  #logged(bytes: Uint8Array): void {
    this.course!.logged(this.#decoder!.decode(bytes));
  }
}
