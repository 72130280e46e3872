// Records of a log that are on their way to a disk: which segment each goes to, and their bytes, some at a time.

import { encodeSegmentRecord, type SegmentRecord } from '../wire/segment-records.js';
import { encodeSegmentHeader, RecordEncoder, type SegmentHeader } from '../wire/segments.js';
import { syncMark } from '../wire/sync-marks.js';
import { NOTE_BYTES } from './log-gathering.js';

/** Written at a time: what waits for a sync must not wait behind a whole checkpoint. */
const BATCH_BYTES = 1 << 20;
/** What a record counts for beyond the bytes in it. */
const RECORD_BYTES = 64;

/** What every segment of a log says of it. */
export type LogHeader = Pick<SegmentHeader, 'machine' | 'incarnation' | 'moduleHash' | 'description'>;

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

export class LogBacklog {
  readonly #header: LogHeader;
  readonly #segmentBytes: number;
  readonly #encoder = new RecordEncoder(0);
  /** Appended, and not encoded. */
  #records: Queued[] = [];
  #bytes = 0;
  /** Those that are not to be dropped, and what was appended for the last of them; infinite: the next record begins another. */
  #segments: readonly SegmentPlace[] = [];
  #begun = 0;
  #appendedBytes = Infinity;
  /** Records that were appended, and encoded. */
  #appended = 0;
  #encoded = 0;
  #isWhole: boolean;
  /** Where the log goes on after what is encoded. */
  #encodedEnd = 0;

  /** @param beginsWhole whether the log begins with the machine; else nothing of it is worth anything before a checkpoint */
  constructor(header: LogHeader, segmentBytes: number, beginsWhole: boolean) {
    this.#header = header;
    this.#segmentBytes = segmentBytes;
    this.#isWhole = beginsWhole;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get segments(): readonly SegmentPlace[] {
    return this.#segments;
  }

  get appended(): number {
    return this.#appended;
  }

  get encoded(): number {
    return this.#encoded;
  }

  /** All of the log below it was encoded; undefined: nobody could begin with that. */
  get encodedEnd(): number | undefined {
    return this.#isWhole ? this.#encodedEnd : undefined;
  }

  /** The segment that the next record goes to; undefined: there is none. */
  get next(): SegmentPlace | undefined {
    return this.#records[0]?.segment;
  }

  /** @param end where the log goes on */
  append(record: SegmentRecord, end: number): void {
    if (this.#appendedBytes >= this.#segmentBytes) {
      this.#begun += 1;
      const position = record.type === 'log' ? record.position : end;
      this.#segments = [...this.#segments, { number: this.#begun, position }];
      this.#appendedBytes = 0;
    }
    this.#records.push({ record, segment: this.#segments.at(-1)! });
    this.#appended += 1;
    const bytes = sizeOf(record);
    this.#appendedBytes += bytes;
    this.#bytes += bytes;
  }

  /** What is appended next begins a segment. */
  beginSegment(): void {
    this.#appendedBytes = Infinity;
  }

  /** Segments before this one are to be dropped. @returns which */
  forget(before: number): number[] {
    const numbers = this.#segments.map(({ number }) => number).filter(number => number < before);
    this.#segments = this.#segments.slice(numbers.length);
    return numbers;
  }

  /** The first bytes of a segment, where what is encoded next goes on. */
  beginningOf({ number, position }: SegmentPlace): Uint8Array {
    return encodeSegmentHeader({ ...this.#header, number, position, chain: this.#encoder.chain });
  }

  /** What has come for the `present`-th segment, up to BATCH_BYTES. @param syncedBytes of it, which no mark says yet */
  encode(present: number, syncedBytes: number | undefined): Uint8Array {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const add = (record: SegmentRecord) => {
      const piece = this.#encoder.encode(encodeSegmentRecord(record));
      pieces.push(piece);
      length += piece.length;
    };
    if (syncedBytes !== undefined) add({ type: 'synced', mark: syncMark(syncedBytes) });
    let taken = 0;
    for (const { record, segment } of this.#records) {
      if (length >= BATCH_BYTES || segment.number !== present) break;
      add(record);
      taken += 1;
      this.#bytes -= sizeOf(record);
      if (record.type === 'log') this.#encodedEnd = endOf(record);
      if (record.type === 'checkpoint') {
        this.#isWhole = true;
        this.#encodedEnd = Math.max(this.#encodedEnd, record.position);
      }
    }
    this.#records.splice(0, taken);
    this.#encoded += taken;
    return joined(pieces, length);
  }

  clear(): void {
    [this.#records, this.#bytes] = [[], 0];
  }
}

function endOf({ position, parts }: SegmentRecord & { type: 'log' }): number {
  return parts.reduce((end, { entries }) => end + entries, position);
}

function sizeOf(record: SegmentRecord): number {
  if (record.type === 'outputs') return RECORD_BYTES + NOTE_BYTES * record.notes.length;
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
