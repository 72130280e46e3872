// The log of a replica, written down: what is appended is gathered for some milliseconds, goes into a segment, and to the disk
// in groups.
//
//   gathered     parts of the log and notes of outputs, until `flush`, GATHER_MS have passed, or GATHER_BYTES are there
//   written      at once and in order: it outlives a kill of the process
//   synced       SYNC_MS later, with all that was written meanwhile: it outlives a loss of power
//   rotated      a segment that has SEGMENT_BYTES is closed, and the next one begun; also where a checkpoint begins
//   dropped      segments that nobody needs any more (retention.ts), when all that was written by then is synced
//
// Nobody waits for any of it (`--durability memory`). So what can't be written, for there is no room or the disk is broken, is the
// end of the log and of nothing else: it is said once, and the replica goes on.

import { close, fdatasync, mkdirSync, openSync, writeSync } from 'node:fs';
import { rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EpochvisorError } from '../errors/errors.js';
import { encodeSegmentRecord, type LogPart, type OutputNote, type SegmentRecord } from '../wire/segment-records.js';
import { encodeSegmentHeader, RecordEncoder, type SegmentHeader } from '../wire/segments.js';

const GATHER_MS = 10;
const GATHER_BYTES = 64 * 1024;
const SYNC_MS = 1_000;
const SEGMENT_BYTES = 64 << 20;

/** The name of the `number`-th segment of a log. */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.epvlog`;
}

export interface LogWriterOptions {
  /** Its own, and not there yet, or empty. */
  readonly folder: string;
  readonly header: Pick<SegmentHeader, 'machine' | 'incarnation' | 'moduleHash' | 'description'>;
  readonly segmentBytes?: number;
  /** Nothing is logged any more. Said once. */
  readonly ended: (error: EpochvisorError) => void;
}

/** A segment that is there. */
export interface SegmentPlace {
  readonly number: number;
  /** Of the log: its entries begin there. */
  readonly position: number;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #records = new RecordEncoder(0);
  #segment: SegmentFile | undefined;
  #begun = 0;
  #segments: readonly SegmentPlace[] = [];
  /** Fulfilled where all segments before the present one are synced and closed, and what was to be dropped is. */
  #closed: Promise<void> = Promise.resolve();
  #hasEnded = false;
  #parts: LogPart[] = [];
  #notes: OutputNote[] = [];
  #gatheredBytes = 0;
  /** Position of the first part that is gathered, and after the last one: where the log goes on. */
  #from = 0;
  #end = 0;
  #gathering: NodeJS.Timeout | undefined;
  #syncing: NodeJS.Timeout | undefined;

  /** @throws EpochvisorError LOG_FAILED, LOG_FULL */
  constructor(options: LogWriterOptions) {
    this.#options = options;
    try {
      mkdirSync(options.folder, { recursive: true });
    } catch (error) {
      throw unwritable(options.folder, error);
    }
  }

  /** Where what is logged next stands. */
  get end(): number {
    return this.#end;
  }

  /** A part of the log, whose first entry is at `position`. */
  logged(position: number, part: LogPart): void {
    if (this.#hasEnded) return;
    if (this.#parts.length > 0 && position !== this.#end) this.flush();
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

  /** Whether outputs are noted, and what precedes them of the log is not written. */
  get owesLog(): boolean {
    return this.#notes.length > 0 && this.#parts.length > 0;
  }

  /** Those that are there, the one that is written last. */
  get segments(): readonly SegmentPlace[] {
    return this.#segments;
  }

  /** What is gathered is written; what comes next begins a segment. */
  beginSegment(): void {
    this.flush();
    this.#closeSegment();
  }

  /**
   * Removes the segments before this one, the oldest first, when all that was written so far is on the disk.
   * @param others the logs of these replicas, too, which lie beside this one
   */
  drop(before: number, others: readonly string[] = []): void {
    const dropped = this.#segments.filter(({ number }) => number < before);
    if (dropped.length === 0 && others.length === 0) return;
    this.#segments = this.#segments.slice(dropped.length);
    this.#closed = Promise.all([this.#closed, this.#segment?.sync()])
      .then(async () => {
        const { folder } = this.#options;
        // What has failed may be what was to take their place.
        for (const { number } of dropped) if (!this.#hasEnded) await unlink(join(folder, segmentName(number)));
        // One that only slept may write there: what can't be removed stays.
        for (const name of this.#hasEnded ? [] : others) {
          await rm(join(dirname(folder), name), { recursive: true, force: true }).catch(() => undefined);
        }
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** Anything else, after what is gathered. */
  record(record: SegmentRecord): void {
    this.flush();
    this.#append([record]);
  }

  #gathered(bytes: number): void {
    this.#gatheredBytes += bytes;
    if (this.#gatheredBytes >= GATHER_BYTES) this.flush();
    else this.#gathering ??= setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  /** What is gathered is written when this returns. */
  flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const records: SegmentRecord[] = [];
    if (this.#parts.length > 0) records.push({ type: 'log', position: this.#from, parts: this.#parts });
    if (this.#notes.length > 0) records.push({ type: 'outputs', notes: this.#notes });
    this.#parts = [];
    this.#notes = [];
    this.#gatheredBytes = 0;
    if (records.length > 0) this.#append(records);
  }

  #append(records: readonly SegmentRecord[]): void {
    if (this.#hasEnded) return;
    const { segmentBytes = SEGMENT_BYTES } = this.#options;
    if (this.#segment !== undefined && this.#segment.bytes >= segmentBytes) this.#closeSegment();
    const log = records.find(({ type }) => type === 'log');
    try {
      const segment = this.#segment ?? this.#begin(log?.type === 'log' ? log.position : this.#end);
      segment.write(Buffer.concat(records.map(record => this.#records.encode(encodeSegmentRecord(record)))));
      this.#syncing ??= setTimeout(() => {
        this.#syncing = undefined;
        segment.sync().catch((error: unknown) => this.#fail(error));
      }, SYNC_MS).unref();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws what the file system says */
  #begin(position: number): SegmentFile {
    const { folder, header } = this.#options;
    this.#begun += 1;
    const number = this.#begun;
    const segment = new SegmentFile(join(folder, segmentName(number)));
    this.#segment = segment;
    this.#segments = [...this.#segments, { number, position }];
    segment.write(encodeSegmentHeader({ ...header, number, position, chain: this.#records.chain }));
    return segment;
  }

  #closeSegment(): void {
    const closed = this.#segment?.close();
    this.#segment = undefined;
    clearTimeout(this.#syncing);
    this.#syncing = undefined;
    this.#closed = Promise.all([this.#closed, closed]).then(
      () => undefined,
      (error: unknown) => this.#fail(error),
    );
  }

  /** Resolves when all of it is on the disk. */
  async close(): Promise<void> {
    this.flush();
    this.#closeSegment();
    await this.#closed;
    this.#hasEnded = true;
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#gathering);
    clearTimeout(this.#syncing);
    [this.#parts, this.#notes] = [[], []];
    this.#segment = undefined;
    this.#options.ended(unwritable(this.#options.folder, error));
  }
}

class SegmentFile {
  readonly #fd: number;
  bytes = 0;

  /** @throws what the file system says; none of its name may be there */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /** @throws what the file system says */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.bytes + done);
    }
    this.bytes += bytes.length;
  }

  /** Rejects with what the file system says, as `close`. */
  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, error => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      close(this.#fd);
    }
  }
}

export function unwritable(path: string, error: unknown): EpochvisorError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  if (isFull) return new EpochvisorError('LOG_FULL', `there is no room for ${path}`, 'make some, and run it again');
  return new EpochvisorError('LOG_FAILED', `${path} can't be written: ${code ?? message}`, 'name another folder');
}
