// The queue of a log that is written down: what is appended is gathered into records (log-gathering.ts), waits for its segment
// (log-backlog.ts), and goes to the disk in order, one thing at a time; and nobody who appends waits.
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

import type { Answer } from '../driver/journal-queue.js';
import type { LogPart, OutputNote, SegmentRecord } from '../wire/segment-records.js';
import { LogBacklog, type LogHeader, type SegmentPlace } from './log-backlog.js';
import { LogGathering } from './log-gathering.js';
import { LogBehind } from './unwritable.js';

const GATHER_MS = 10;
const GATHER_BYTES = 64 * 1024;
const SYNC_MS = 1_000;
const SEGMENT_BYTES = 64 << 20;
/** Where nobody waits for the disk, more of it than this would be the end of the process: the log ends instead. */
const WAITING_MAX_BYTES = 256 << 20;
/** A full disk is tried again after this time, ms. */
const AGAIN_MS = 500;

/** Segments, and time. One thing at a time is asked of it, but `soon` and `after`; nothing answers from within the call. */
export interface SegmentStore {
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
  readonly disk: SegmentStore;
  readonly observer: LogObserver;
  readonly header: LogHeader;
  /** Whether the log begins with the machine; else with a checkpoint. */
  readonly beginsWhole: boolean;
  /** Whether a full disk is waited for. */
  readonly waitsForRoom: boolean;
  readonly segmentBytes?: number;
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
  readonly #gathering = new LogGathering();
  #keepFromFlush: (() => void) | undefined;
  readonly #backlog: LogBacklog;
  #batch: Batch | undefined;
  /** The segment that is being written, and its size. */
  #present = 0;
  #presentBytes = 0;
  /** How much of it is synced, where no mark says so yet. */
  #unmarked: number | undefined;
  /** Records that were synced. */
  #syncedRecords = 0;
  #dropped: Dropped[] = [];
  /** What of the log is written, and synced. */
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
    this.#backlog = new LogBacklog(options.header, options.segmentBytes ?? SEGMENT_BYTES, options.beginsWhole);
  }

  /** Where what is logged next stands. */
  get end(): number {
    return this.#gathering.end;
  }

  /** Nothing more is written: the disk is broken, or full for one who does not wait. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether some of the log is not on its way to the disk. */
  get owesLog(): boolean {
    return this.#gathering.hasLog;
  }

  /** Those that are there, or on their way: the last one takes what is appended next. */
  get segments(): readonly SegmentPlace[] {
    return this.#backlog.segments;
  }

  /** What the disk does not have. */
  get waitingBytes(): number {
    const batch = this.#batch === undefined ? 0 : this.#batch.bytes.length - this.#batch.done;
    return this.#gathering.bytes + this.#backlog.bytes + batch;
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
    if (!this.#gathering.goesOnAt(position)) this.#closeGathered();
    this.#gathering.part(position, part);
    this.#gathered();
  }

  noted(note: OutputNote): void {
    if (this.#hasEnded) return;
    this.#gathering.note(note);
    this.#gathered();
  }

  /** Anything else, after what is gathered. */
  record(record: SegmentRecord): void {
    if (this.#hasEnded) return;
    this.#closeGathered();
    const gathering = this.#gathering;
    if (record.type === 'checkpoint') gathering.end = Math.max(gathering.end, record.position);
    this.#push(record);
    this.#work();
  }

  /** What is appended next begins a segment. */
  beginSegment(): void {
    this.flush();
    this.#backlog.beginSegment();
  }

  /**
   * Removes the segments before this one, the oldest first, when all that was appended so far is on the disk.
   * @param others the logs of these replicas, too, which lie beside this one
   */
  drop(before: number, others: readonly string[] = []): void {
    if (this.#hasEnded) return;
    const numbers = this.#backlog.forget(before);
    if (numbers.length === 0 && others.length === 0) return;
    this.#closeGathered();
    this.#dropped.push({ numbers, others, after: this.#backlog.appended });
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

  #gathered(): void {
    if (this.#gathering.bytes >= GATHER_BYTES) this.flush();
    // What comes in one turn goes together; and so does what comes while the disk is busy.
    else if (this.#urgent) this.#work();
    else this.#keepFromFlush ??= this.#options.disk.after(GATHER_MS, () => this.flush());
  }

  #closeGathered(): void {
    this.#keepFromFlush?.();
    this.#keepFromFlush = undefined;
    for (const record of this.#gathering.take()) this.#push(record);
  }

  #push(record: SegmentRecord): void {
    this.#backlog.append(record, this.#gathering.end);
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
    else if (this.#backlog.next === undefined) this.#rest();
    else if (this.#backlog.next.number === this.#present) this.#write(this.#encode());
    else if (this.#isDirty) this.#sync();
    else this.#begin(this.#backlog.next);
  }

  #begin(segment: SegmentPlace): void {
    const bytes = this.#backlog.beginningOf(segment);
    this.#options.disk.begin(segment.number, bytes, error => {
      if (this.#stalls(error)) return;
      this.#present = segment.number;
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

  #encode(): Batch {
    this.#batch = { bytes: this.#backlog.encode(this.#present, this.#unmarked), done: 0 };
    this.#unmarked = undefined;
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
        this.#written = this.#backlog.encodedEnd ?? this.#written;
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
      this.#syncedRecords = this.#backlog.encoded;
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
    this.#gathering.take();
    this.#backlog.clear();
    [this.#batch, this.#dropped] = [undefined, []];
  }
}

const isError = (error: unknown): boolean => error !== undefined && error !== null;
