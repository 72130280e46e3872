// What was written down, read again from a disk: the segments of one log, or a recording, which is one segment.

import { EpochvisorError } from '../errors/errors.js';
import { decodeSegmentRecord, type SegmentRecord, typeOfRecord } from '../wire/segment-records.js';
import {
  corrupt,
  readLastHeader,
  readRecords,
  readSegmentHeader,
  type SegmentHeader,
  type SegmentSource,
  type StoredRecord,
} from '../wire/segments.js';
import { type LogDisk, type ReadableFile, within } from './disk.js';

/** Segments, and nothing else. */
const SEGMENT = /^\d{8}\.epvlog$/;
/** What is read of a file at a time, bytes: where it goes on, and where something was left out. */
const WINDOW_BYTES = 1 << 20;
const LOOK_BYTES = 1 << 12;

/** A record, and where it lies. */
export interface FoundRecord {
  readonly type: SegmentRecord['type'];
  /**
   * Read when it is asked for, best before the next one is: a checkpoint may be large, and nobody go there.
   * @throws EpochvisorError LOG_CORRUPT, LOG_MISSING
   */
  readonly record: SegmentRecord;
  readonly path: string;
  readonly at: number;
}

/** A log that can be read again and again. */
export interface StoredLog {
  /** The folder, or the file. */
  readonly path: string;
  readonly header: SegmentHeader;
  /** @throws EpochvisorError LOG_CORRUPT, LOG_VERSION, LOG_MISSING */
  records(): Generator<FoundRecord, void, undefined>;
}

/** The log in a file. @throws EpochvisorError LOG_MISSING, LOG_CORRUPT, LOG_VERSION */
export function openLogFile(disk: LogDisk, path: string): StoredLog {
  return logOf(disk, path, [path]);
}

/** The logs in a folder: of one replica, or a folder for each. @throws EpochvisorError as `openLogFile` */
export function openLogs(disk: LogDisk, path: string): readonly StoredLog[] {
  const folders = [
    path,
    ...namesIn(disk, path)
      .map(name => within(path, name))
      .filter(name => disk.isFolder(name)),
  ];
  const logs = folders.flatMap(folder => {
    const segments = namesIn(disk, folder).filter(name => SEGMENT.test(name));
    // One that was killed before its first segment had a beginning has logged nothing.
    return segments.length === 0 ? [] : withBeginning(disk, folder, segments);
  });
  if (logs.length === 0) throw missing(path, 'no log is in it');
  return logs;
}

function withBeginning(disk: LogDisk, folder: string, segments: readonly string[]): readonly StoredLog[] {
  const [first = ''] = segments;
  if (segments.length === 1 && reading(disk, within(folder, first), readLastHeader) === undefined) return [];
  return [
    logOf(
      disk,
      folder,
      segments.map(name => within(folder, name)),
    ),
  ];
}

function namesIn(disk: LogDisk, path: string): string[] {
  try {
    return disk.names(path);
  } catch (error) {
    // A file beside the logs.
    if (codeOf(error) === 'ENOTDIR') return [];
    throw missing(path, codeOf(error));
  }
}

function logOf(disk: LogDisk, path: string, segments: readonly string[]): StoredLog {
  const [first = ''] = segments;
  const begun = reading(disk, first, readSegmentHeader);
  if (begun === undefined) throw corrupt(first, 'it was cut short before it began', 0);
  const { header } = begun;
  return { path, header, records: () => recordsOf(disk, segments, header) };
}

function* recordsOf(
  disk: LogDisk,
  segments: readonly string[],
  first: SegmentHeader,
): Generator<FoundRecord, void, undefined> {
  let { chain } = first;
  // A recording was put together, and synced, as a whole.
  const lastTail = first.incarnation === '' ? 'last' : 'marked';
  for (const [index, path] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const source = new FileSource(disk, path);
    try {
      const begun = isLast && lastTail === 'marked' ? readLastHeader(source) : readSegmentHeader(source);
      // It died with the first bytes of this one.
      if (begun === undefined && isLast) return;
      if (begun === undefined) throw corrupt(path, 'it was cut short, and another follows it', 0);
      const { header, recordsAt } = begun;
      const follows = header.chain === chain && header.machine === first.machine;
      if (!follows) throw corrupt(path, 'it does not go on from the segment before it', 0);
      const records = readRecords(source, recordsAt, chain, isLast ? lastTail : 'followed');
      for (let next = records.next(); ; next = records.next()) {
        if (next.done === true) {
          chain = next.value.chain;
          break;
        }
        const found = new SegmentFound(path, next.value);
        // Nobody's but the reader's of segments.
        if (found.type !== 'synced') yield found;
      }
    } finally {
      source.close();
    }
  }
}

class SegmentFound implements FoundRecord {
  readonly type: SegmentRecord['type'];
  readonly path: string;
  readonly at: number;
  readonly #stored: StoredRecord;
  #record: SegmentRecord | undefined;

  constructor(path: string, stored: StoredRecord) {
    this.path = path;
    this.at = stored.at;
    this.#stored = stored;
    this.type = this.#decoded(() => typeOfRecord(stored.kind));
  }

  get record(): SegmentRecord {
    if (this.#record === undefined) {
      const { payload } = this.#stored;
      this.#record = this.#decoded(() => decodeSegmentRecord(payload));
    }
    return this.#record;
  }

  #decoded<Result>(decode: () => Result): Result {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      throw corrupt(this.path, `a record says nothing (${error.message})`, this.at);
    }
  }
}

function reading<Result>(disk: LogDisk, path: string, read: (source: SegmentSource) => Result): Result {
  const source = new FileSource(disk, path);
  try {
    return read(source);
  } finally {
    source.close();
  }
}

/** A file, of which some is in memory. */
class FileSource implements SegmentSource {
  readonly path: string;
  readonly size: number;
  readonly #disk: LogDisk;
  /** Undefined once it is closed: what is asked for later has it opened again. */
  #file: ReadableFile | undefined;
  #window = new Uint8Array(0);
  #from = 0;

  constructor(disk: LogDisk, path: string) {
    this.path = path;
    this.#disk = disk;
    const file = this.#opened();
    this.#file = file;
    this.size = file.size;
  }

  take(at: number, length: number): Uint8Array {
    if (at < this.#from || at + length > this.#from + this.#window.length) this.#read(at, length);
    return this.#window.subarray(at - this.#from, at - this.#from + length);
  }

  #read(at: number, length: number): void {
    const goesOn = at >= this.#from && at <= this.#from + this.#window.length;
    const bytes = Math.max(length, goesOn ? WINDOW_BYTES : LOOK_BYTES);
    const window = new Uint8Array(Math.min(this.size - at, bytes));
    const file = this.#file ?? this.#opened();
    let done: number;
    try {
      done = file.read(window, at);
    } finally {
      if (file !== this.#file) file.close();
    }
    if (done < length) throw missing(this.path, 'it became shorter while it was read');
    this.#window = window.subarray(0, done);
    this.#from = at;
  }

  #opened(): ReadableFile {
    try {
      return this.#disk.open(this.path);
    } catch (error) {
      throw missing(this.path, codeOf(error));
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

const codeOf = (error: unknown): string => (error as { readonly code?: string }).code ?? String(error);

function missing(path: string, why: string): EpochvisorError {
  return new EpochvisorError(
    'LOG_MISSING',
    `${path} can't be read: ${why}`,
    `name a recording, or the folder of a log`,
  );
}

/** What a person calls a log: the replica that wrote it. */
export function nameOfLog({ header, path }: StoredLog): string {
  return header.incarnation === ''
    ? path.slice(path.lastIndexOf('/') + 1)
    : `replica ${header.incarnation.slice(0, 8)}`;
}
