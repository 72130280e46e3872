// The queue of a log that is written down: what is appended is gathered into records, goes to the disk in order, one thing at a
// time, and nobody who appends waits. The same code in production and in the simulator; the disk is in a port.
//
//   gathered     parts of the log and notes of outputs, until `flush`, GATHER_MS have passed, or GATHER_BYTES are there
//   written      what has come while the disk was busy, together: it outlives a kill of the process
//   marked       what is synced of a segment is said in it, before what follows (wire/sync-marks.ts)
//   synced       at once while somebody waits for it (`urgent`), and SYNC_MS later where nobody does: it outlives a loss of
//                power. What comes while one sync is under way goes with the next
//   rotated      a segment that has its size is synced, and the next one begun: only the last can be torn; also where a
//                checkpoint begins
//   dropped      segments that nobody needs any more (log/retention.ts), when all that was appended by then is synced
//
// How far it has come is told as two positions of the log, written and synced. A log that begins with a checkpoint has nothing
// before that is whole: without it nobody could execute what follows.
//
// A full disk is tried again where outputs wait for it (`waits`); else the log ends there, as it does on a disk that fails: after a
// failed sync nobody knows what is there.

import { encodeSegmentRecord, type LogPart, type OutputNote, type SegmentRecord } from '../wire/segment-records.js';
import { encodeSegmentHeader, RecordEncoder, type SegmentHeader } from '../wire/segments.js';
import { syncMark } from '../wire/sync-marks.js';
import type { Answer } from './journal-queue.js';

const GATHER_MS = 10;
const GATHER_BYTES = 64 * 1024;
const SYNC_MS = 1_000;
/** Written at a time: what waits for a sync must not wait behind a whole checkpoint. */
const BATCH_BYTES = 1 << 20;
const SEGMENT_BYTES = 64 << 20;
/** Where nobody waits for the disk, more of it than this would be the end of the process: the log ends instead. */
const WAITING_MAX_BYTES = 256 << 20;
/** A full disk is tried again after this time, ms. */
const AGAIN_MS = 500;
/** What a record counts for beyond the bytes in it. */
const RECORD_BYTES = 64;

/** Segments, and time. One thing at a time is asked of it, but `soon` and `after`; nothing answers from within the call. */
export interface LogDisk {
  /** The `number`-th segment begins with these bytes; the one before is closed. */
  begin(number: number, bytes: Uint8Array, then: Answer): void;
  /** @param then with how many bytes were written, from the first on */
  write(bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void;
  /** The disk has all that was written. */
  sync(then: Answer): void;
  /** These segments are gone, the oldest first, and the logs of these replicas, as far as they can be. */
  remove(numbers: readonly number[], others: readonly string[], then: Answer): void;
  close(then: () => void): void;
  isFull(error: unknown): boolean;
  /** After what else comes in this turn. */
  soon(act: () => void): void;
  /** @returns what keeps it from that */
  after(delayMs: number, act: () => void): () => void;
}

export interface LogObserver {
  /** All of the log below these positions is there: Infinity where nobody has to wait any more, -1 where nothing is. */
  kept(written: number, synced: number): void;
  /** There is no room; it is tried again. Said once each time. */
  waits(error: unknown): void;
  /** There is room again. */
  goesOn(): void;
  /** Nothing is logged any more. Said once. */
  ended(error: unknown): void;
}

export interface LogQueueOptions {
  readonly disk: LogDisk;
  readonly observer: LogObserver;
  readonly header: Pick<SegmentHeader, 'machine' | 'incarnation' | 'moduleHash' | 'description'>;
  /** Whether the log begins with the machine; else with a checkpoint. */
  readonly beginsWhole: boolean;
  /** Whether a full disk is waited for. */
  readonly waitsForRoom: boolean;
  readonly segmentBytes?: number;
}

/** Why a log ended that nobody waited for: the disk is slower than what is logged. */
export class LogBehind extends Error {}

/** A segment that is there, or will be. */
export interface SegmentPlace {
  readonly number: number;
  /** Of the log: its entries begin there. */
  readonly position: number;
}

/** A record on its way to a segment. */
interface Queued {
  readonly record: SegmentRecord;
  readonly segment: SegmentPlace;
}

interface Batch {
  readonly bytes: Uint8Array;
  done: number;
}

/** Segments to be dropped when so many records are synced. */
interface Dropped {
  readonly numbers: readonly number[];
  readonly others: readonly string[];
  readonly after: number;
}

export class LogQueue {
  readonly #options: LogQueueOptions;
  readonly #encoder = new RecordEncoder(0);
  #parts: LogPart[] = [];
  #notes: OutputNote[] = [];
  #gatheredBytes = 0;
  /** Position of the first part that is gathered, and after the last one: where the log goes on. */
  #from = 0;
  #end = 0;
  #keepFromFlush: (() => void) | undefined;
  /** Gathered whole, and not with the disk. */
  #records: Queued[] = [];
  #recordBytes = 0;
  #batch: Batch | undefined;
  /** Those that are not to be dropped, and what was appended for the last of them; infinite: the next record begins another. */
  #segments: readonly SegmentPlace[] = [];
  #begun = 0;
  #appendedBytes = Infinity;
  /** The one that is being written, and its size. */
  #present = 0;
  #presentBytes = 0;
  /** How much of it is synced, where no mark says so yet. */
  #unmarked: number | undefined;
  /** Records that were appended, encoded, and synced. */
  #appended = 0;
  #encoded = 0;
  #syncedRecords = 0;
  #dropped: Dropped[] = [];
  #isWhole: boolean;
  /** Where the log goes on after what is encoded, and what of it is written, and synced. */
  #encodedEnd = 0;
  #written = -1;
  #synced = -1;
  /** Bytes were written that are not synced. */
  #isDirty = false;
  #urgent = false;
  #syncIsDue = false;
  #keepFromSync: (() => void) | undefined;
  #works = false;
  #isFull = false;
  #keepFromTrying: (() => void) | undefined;
  #hasEnded = false;
  #whenClosed: (() => void) | undefined;

  constructor(options: LogQueueOptions) {
    this.#options = options;
    this.#isWhole = options.beginsWhole;
  }

  /** Where what is logged next stands. */
  get end(): number {
    return this.#end;
  }

  /** Whether some of the log is not on its way to the disk. */
  get owesLog(): boolean {
    return this.#parts.length > 0;
  }

  /** Those that are there, or on their way: the last one takes what is appended next. */
  get segments(): readonly SegmentPlace[] {
    return this.#segments;
  }

  /** What the disk does not have. */
  get waitingBytes(): number {
    const batch = this.#batch === undefined ? 0 : this.#batch.bytes.length - this.#batch.done;
    return this.#gatheredBytes + this.#recordBytes + batch;
  }

  /** Whether somebody waits for the disk to have what is written. */
  set urgent(urgent: boolean) {
    this.#urgent = urgent;
    if (!urgent || this.#hasEnded) return;
    this.flush();
    this.#work();
  }

  /** A part of the log, whose first entry is at `position`. */
  logged(position: number, part: LogPart): void {
    if (this.#hasEnded) return;
    if (this.#parts.length > 0 && position !== this.#end) this.#closeGathered();
    if (this.#parts.length === 0) this.#from = position;
    this.#parts.push(part);
    this.#end = position + part.entries;
    this.#gathered(part.bytes.length);
  }

  noted(note: OutputNote): void {
    if (this.#hasEnded) return;
    this.#notes.push(note);
    this.#gathered(16);
  }

  /** Anything else, after what is gathered. */
  record(record: SegmentRecord): void {
    if (this.#hasEnded) return;
    this.#closeGathered();
    if (record.type === 'checkpoint') this.#end = Math.max(this.#end, record.position);
    this.#push(record, 'bytes' in record ? record.bytes.length : 0);
    this.#work();
  }

  /** What is appended next begins a segment. */
  beginSegment(): void {
    this.flush();
    this.#appendedBytes = Infinity;
  }

  /**
   * Removes the segments before this one, the oldest first, when all that was appended so far is on the disk.
   * @param others the logs of these replicas, too, which lie beside this one
   */
  drop(before: number, others: readonly string[] = []): void {
    const numbers = this.#segments.map(({ number }) => number).filter(number => number < before);
    if ((numbers.length === 0 && others.length === 0) || this.#hasEnded) return;
    this.#segments = this.#segments.slice(numbers.length);
    this.#closeGathered();
    this.#dropped.push({ numbers, others, after: this.#appended });
    this.#syncIsDue = true;
    this.#work();
  }

  /** What is gathered is on its way. */
  flush(): void {
    if (this.#hasEnded) return;
    this.#closeGathered();
    this.#work();
  }

  /** Calls back when all of it is on the disk, or nothing can be. */
  close(then: () => void): void {
    this.flush();
    this.#whenClosed = then;
    if (this.#keepFromTrying !== undefined) this.#stop();
    this.#syncIsDue = true;
    this.#work();
  }

  // ---- gathering

  #gathered(bytes: number): void {
    this.#gatheredBytes += bytes;
    if (this.#gatheredBytes >= GATHER_BYTES) this.flush();
    // What comes in one turn goes together; and so does what comes while the disk is busy.
    else if (this.#urgent) this.#work();
    else this.#keepFromFlush ??= this.#options.disk.after(GATHER_MS, () => this.flush());
  }

  #closeGathered(): void {
    this.#keepFromFlush?.();
    this.#keepFromFlush = undefined;
    const [parts, notes] = [this.#parts, this.#notes];
    [this.#parts, this.#notes, this.#gatheredBytes] = [[], [], 0];
    if (parts.length > 0) {
      const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
      this.#push({ type: 'log', position: this.#from, parts }, bytes);
    }
    if (notes.length > 0) this.#push({ type: 'outputs', notes }, 16 * notes.length);
  }

  #push(record: SegmentRecord, bytes: number): void {
    if (this.#appendedBytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) {
      this.#begun += 1;
      const position = record.type === 'log' ? record.position : this.#end;
      this.#segments = [...this.#segments, { number: this.#begun, position }];
      this.#appendedBytes = 0;
    }
    this.#records.push({ record, segment: this.#segments.at(-1)! });
    this.#appended += 1;
    this.#appendedBytes += bytes + RECORD_BYTES;
    this.#recordBytes += bytes + RECORD_BYTES;
    if (!this.#options.waitsForRoom && this.waitingBytes > WAITING_MAX_BYTES) this.#fail(new LogBehind());
  }

  // ---- the disk

  #work(): void {
    if (this.#works || this.#keepFromTrying !== undefined) return;
    this.#works = true;
    this.#options.disk.soon(() => this.#next());
  }

  #next(): void {
    if (this.#hasEnded) {
      this.#rest();
      return;
    }
    if (this.#urgent || this.#whenClosed !== undefined) this.#closeGathered();
    if (this.#batch !== undefined) this.#write(this.#batch);
    else if (this.#isDirty && (this.#urgent || this.#syncIsDue)) this.#sync();
    else if ((this.#dropped[0]?.after ?? Infinity) <= this.#syncedRecords) this.#remove(this.#dropped[0]!);
    else if (this.#records.length === 0) this.#rest();
    else if (this.#records[0]!.segment.number === this.#present) this.#write(this.#encode());
    else if (this.#isDirty) this.#sync();
    else this.#begin(this.#records[0]!.segment);
  }

  #begin({ number, position }: SegmentPlace): void {
    const { disk, header } = this.#options;
    const bytes = encodeSegmentHeader({ ...header, number, position, chain: this.#encoder.chain });
    disk.begin(number, bytes, error => {
      if (this.#stalls(error)) return;
      this.#present = number;
      this.#presentBytes = bytes.length;
      this.#unmarked = undefined;
      this.#next();
    });
  }

  #remove({ numbers, others }: Dropped): void {
    this.#dropped.shift();
    this.#options.disk.remove(numbers, others, error => {
      if (!this.#stalls(error)) this.#next();
    });
  }

  /** What has come for the present segment, up to BATCH_BYTES. */
  #encode(): Batch {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const add = (record: SegmentRecord) => {
      const piece = this.#encoder.encode(encodeSegmentRecord(record));
      pieces.push(piece);
      length += piece.length;
    };
    if (this.#unmarked !== undefined) add({ type: 'synced', mark: syncMark(this.#unmarked) });
    this.#unmarked = undefined;
    let taken = 0;
    for (const { record, segment } of this.#records) {
      if (length >= BATCH_BYTES || segment.number !== this.#present) break;
      add(record);
      taken += 1;
      this.#recordBytes -= sizeOf(record);
      if (record.type === 'log') this.#encodedEnd = endOf(record);
      if (record.type === 'checkpoint') {
        this.#isWhole = true;
        this.#encodedEnd = Math.max(this.#encodedEnd, record.position);
      }
    }
    this.#records.splice(0, taken);
    this.#encoded += taken;
    this.#batch = { bytes: joined(pieces, length), done: 0 };
    return this.#batch;
  }

  #write(batch: Batch): void {
    const rest = batch.done === 0 ? batch.bytes : batch.bytes.subarray(batch.done);
    this.#options.disk.write(rest, this.#presentBytes, (error, written) => {
      batch.done += written;
      this.#presentBytes += written;
      if (written > 0) this.#isDirty = true;
      if (this.#stalls(error)) return;
      if (batch.done === batch.bytes.length) {
        this.#batch = undefined;
        if (this.#isWhole) this.#written = this.#encodedEnd;
        this.#tell();
        this.#planSync();
      }
      this.#next();
    });
  }

  #planSync(): void {
    if (this.#urgent || this.#syncIsDue) return;
    this.#keepFromSync ??= this.#options.disk.after(SYNC_MS, () => {
      this.#keepFromSync = undefined;
      this.#syncIsDue = true;
      this.#work();
    });
  }

  #sync(): void {
    const [written, bytes] = [this.#written, this.#presentBytes];
    this.#isDirty = false;
    this.#options.disk.sync(error => {
      if (isError(error)) {
        this.#fail(error);
        this.#rest();
        return;
      }
      this.#synced = written;
      this.#unmarked = bytes;
      this.#syncedRecords = this.#encoded;
      this.#syncIsDue = this.#whenClosed !== undefined || this.#dropped.length > 0;
      this.#tell();
      this.#next();
    });
  }

  #tell(): void {
    if (!this.#hasEnded) this.#options.observer.kept(this.#written, this.#synced);
  }

  #rest(): void {
    this.#works = false;
    const then = this.#whenClosed;
    if (then === undefined) return;
    this.#whenClosed = undefined;
    this.#stop();
    this.#options.disk.close(then);
  }

  // ---- what can't be written

  /** @returns whether it goes on later, or not at all */
  #stalls(error: unknown): boolean {
    const { disk, observer, waitsForRoom } = this.#options;
    if (this.#hasEnded) {
      this.#rest();
      return true;
    }
    if (!isError(error)) {
      if (this.#isFull) observer.goesOn();
      this.#isFull = false;
      return false;
    }
    if (!waitsForRoom || !disk.isFull(error) || this.#whenClosed !== undefined) {
      this.#fail(error);
      this.#rest();
      return true;
    }
    if (!this.#isFull) observer.waits(error);
    this.#isFull = true;
    this.#works = false;
    this.#keepFromTrying = disk.after(AGAIN_MS, () => {
      this.#keepFromTrying = undefined;
      this.#work();
    });
    return true;
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#stop();
    const { observer, waitsForRoom } = this.#options;
    observer.ended(error);
    // Who waits for the disk waits on; nobody else does.
    if (!waitsForRoom) observer.kept(Infinity, Infinity);
  }

  #stop(): void {
    this.#hasEnded = true;
    this.#keepFromFlush?.();
    this.#keepFromSync?.();
    this.#keepFromTrying?.();
    this.#keepFromTrying = undefined;
    [this.#parts, this.#notes, this.#records, this.#batch] = [[], [], [], undefined];
    this.#dropped = [];
    [this.#gatheredBytes, this.#recordBytes] = [0, 0];
  }
}

const isError = (error: unknown): boolean => error !== undefined && error !== null;

function endOf({ position, parts }: SegmentRecord & { type: 'log' }): number {
  return parts.reduce((end, { entries }) => end + entries, position);
}

/** As `#push` has counted it. */
function sizeOf(record: SegmentRecord): number {
  if (record.type === 'outputs') return RECORD_BYTES + 16 * record.notes.length;
  if (record.type === 'log') return record.parts.reduce((sum, { bytes }) => sum + bytes.length, RECORD_BYTES);
  return RECORD_BYTES + ('bytes' in record ? record.bytes.length : 0);
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
