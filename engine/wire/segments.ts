// The bytes of a log that is written down: segments, each a header and records, a file each.
//
//   segment   "EPVLOG\r\n" | u32 version 1 | u32 length of the header | u32 CRC-32 of all before and of the header | header | records
//   header    text machine | text incarnation | text hash of the module | unsigned number | unsigned position |
//             u32 chain | bytes description
//   record    u32 length | u32 CRC-32 of those 4 bytes | u32 CRC-32 of the payload | u32 chain | payload
//
// A segment is the `number`-th of its log, from 1; its log entries begin at `position`; whoever reads it alone is told by
// `description` what machine it is of. All u32 are little-endian, the others as in varints.ts.
//
// The chain of a record is the CRC-32 of the chain before it, its length and the checksum of its payload: a record is whole where
// its checksums are right, and in its place where its chain is. The first record goes on from the header's chain, which is where
// the segment before has ended (of the first one: 0), so that none can be missing, doubled, or of another log.
//
// Who is killed while it writes leaves a record that is cut short: nothing follows from one that was not whole, and it is left out.
// A host that loses its power may leave worse, but not of what was synced (sync-marks.ts). Anything else that is wrong before the last
// record is damage, and what follows it can't be trusted.

import { EpochvisorError } from '../errors/errors.js';
import { copyOf } from './copying.js';
import { crc32 } from './journal.js';
import { type SegmentSource, syncedBytesOf } from './sync-marks.js';
import { Reader, Writer } from './varints.js';

const MAGIC = Uint8Array.of(0x45, 0x50, 0x56, 0x4c, 0x4f, 0x47, 0x0d, 0x0a);
/** To be raised where records change what they say. */
export const SEGMENT_VERSION = 1;
const LEAD_BYTES = 20;
export const RECORD_HEADER_BYTES = 16;
/** Above any entry of a log, and what a damaged length can ask for. */
const LENGTH_MAX = 1 << 30;

export interface SegmentHeader {
  readonly machine: string;
  /** Of the replica that writes; empty: it was put together of several. */
  readonly incarnation: string;
  /** SHA-256, hexadecimal. */
  readonly moduleHash: string;
  readonly number: number;
  readonly position: number;
  readonly chain: number;
  /** Not looked into here. */
  readonly description: Uint8Array;
}

export type { SegmentSource } from './sync-marks.js';

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const { machine, incarnation, moduleHash, number, position, chain, description } = header;
  const payload = new Writer(128 + description.length)
    .text(machine)
    .text(incarnation)
    .text(moduleHash)
    .unsigned(number)
    .unsigned(position)
    .unsigned(chain)
    .bytes(description)
    .finish();
  const bytes = new Uint8Array(LEAD_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, SEGMENT_VERSION, true);
  view.setUint32(12, payload.length, true);
  bytes.set(payload, LEAD_BYTES);
  view.setUint32(16, headerSum(bytes), true);
  return bytes;
}

/** Of all but the sum itself. */
function headerSum(bytes: Uint8Array): number {
  const summed = copyOf(bytes);
  summed.fill(0, 16, LEAD_BYTES);
  return crc32(summed);
}

/**
 * @returns the header, and where the records begin; undefined: its writer was killed before it was whole
 * @throws EpochvisorError LOG_VERSION, LOG_CORRUPT
 */
export function readSegmentHeader(source: SegmentSource): { header: SegmentHeader; recordsAt: number } | undefined {
  const { path, size } = source;
  const lead = source.take(0, Math.min(size, LEAD_BYTES));
  if (MAGIC.some((byte, at) => at < lead.length && lead[at] !== byte)) throw corrupt(path, 'it is no log', 0);
  if (size < LEAD_BYTES) return undefined;
  const view = new DataView(lead.buffer, lead.byteOffset, lead.length);
  const [version, length] = [view.getUint32(8, true), view.getUint32(12, true)];
  if (version !== SEGMENT_VERSION) {
    throw new EpochvisorError(
      'LOG_VERSION',
      `${path} is a log of version ${version}, where this is ${SEGMENT_VERSION}`,
      'read it with the version of epochvisor that wrote it',
    );
  }
  if (length > LENGTH_MAX) throw corrupt(path, 'the length of its header is damaged', 12);
  if (length > size - LEAD_BYTES) return undefined;
  const sum = view.getUint32(16, true);
  const bytes = copyOf(source.take(0, LEAD_BYTES + length));
  if (headerSum(bytes) !== sum) throw corrupt(path, 'its header is damaged', LEAD_BYTES);
  try {
    return { header: headerFrom(new Reader(bytes, LEAD_BYTES)), recordsAt: bytes.length };
  } catch (error) {
    throw error instanceof EpochvisorError ? corrupt(path, 'its header says nothing', LEAD_BYTES) : error;
  }
}

/**
 * The same of the last segment of a log, which may never have been synced: what a loss of power has left of its header may be anything.
 * @throws EpochvisorError LOG_VERSION; LOG_CORRUPT, where some of it was
 */
export function readLastHeader(source: SegmentSource): ReturnType<typeof readSegmentHeader> {
  try {
    return readSegmentHeader(source);
  } catch (error) {
    const isDamaged = error instanceof EpochvisorError && error.code === 'LOG_CORRUPT';
    if (isDamaged && syncedBytesOf(source) === 0) return undefined;
    throw error;
  }
}

function headerFrom(reader: Reader): SegmentHeader {
  const header = {
    machine: reader.text(),
    incarnation: reader.text(),
    moduleHash: reader.text(),
    number: reader.unsigned(),
    position: reader.unsigned(),
    chain: reader.unsigned(0xffffffff),
    description: reader.bytes(),
  };
  reader.end();
  return header;
}

/** Records as they are added to a segment: each needs the chain of the one before. */
export class RecordEncoder {
  /** Of the record that was encoded last, or what came before the first. */
  chain: number;

  constructor(chain: number) {
    this.chain = chain;
  }

  encode(payload: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, payload.length, true);
    view.setUint32(4, crc32(bytes.subarray(0, 4)), true);
    const sum = crc32(payload);
    view.setUint32(8, sum, true);
    this.chain = chained(this.chain, payload.length, sum);
    view.setUint32(12, this.chain, true);
    bytes.set(payload, RECORD_HEADER_BYTES);
    return bytes;
  }
}

const link = new Uint8Array(12);
const linkView = new DataView(link.buffer);

function chained(before: number, length: number, sum: number): number {
  linkView.setUint32(0, before, true);
  linkView.setUint32(4, length, true);
  linkView.setUint32(8, sum, true);
  return crc32(link);
}

export interface StoredRecord {
  /** Offset of the record in its segment. */
  readonly at: number;
  /** The first byte of its payload; undefined: it is empty. */
  readonly kind: number | undefined;
  /**
   * Of the source: to be looked at before the next record is asked for. Who does not look at it has not had it read, nor checked.
   * @throws EpochvisorError LOG_CORRUPT
   */
  readonly payload: Uint8Array;
}

/** Where the whole records of a segment end. */
export interface SegmentEnd {
  readonly wholeBytes: number;
  readonly chain: number;
}

/** `followed`: by another segment. `last`: what was cut short is left out. `marked`: and so is what was never synced, damaged or not. */
export type SegmentTail = 'followed' | 'last' | 'marked';

/**
 * The records of a segment, one after another.
 * @throws EpochvisorError LOG_CORRUPT
 */
export function* readRecords(
  source: SegmentSource,
  recordsAt: number,
  chain: number,
  tail: SegmentTail,
): Generator<StoredRecord, SegmentEnd, undefined> {
  const { path, size } = source;
  const certainBytes = tail === 'marked' ? syncedBytesOf(source) : Infinity;
  let at = recordsAt;
  while (at < size) {
    const record = at < certainBytes ? recordAt(source, at, chain) : uncertainAt(source, at, chain);
    if (record === undefined) {
      if (tail === 'followed') throw corrupt(path, 'it was cut short, and another follows it', at);
      if (tail === 'marked' && at < certainBytes) throw corrupt(path, DAMAGED, at);
      break;
    }
    yield record;
    chain = record.chain;
    at += RECORD_HEADER_BYTES + record.length;
  }
  return { wholeBytes: at, chain };
}

/** Of what may never have been synced. Undefined: it is not whole. */
function uncertainAt(source: SegmentSource, at: number, before: number): WholeRecord | undefined {
  try {
    const record = recordAt(source, at, before);
    return record?.isWhole === true ? record : undefined;
  } catch (error) {
    if (error instanceof EpochvisorError && error.code === 'LOG_CORRUPT') return undefined;
    throw error;
  }
}

/** Undefined: the last one, which was never whole. */
function recordAt(source: SegmentSource, at: number, before: number): WholeRecord | undefined {
  const { path, size } = source;
  const rest = size - at;
  if (rest < RECORD_HEADER_BYTES) return undefined;
  const head = source.take(at, RECORD_HEADER_BYTES);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const [length, sum, chain] = [view.getUint32(0, true), view.getUint32(8, true), view.getUint32(12, true)];
  if (view.getUint32(4, true) !== crc32(head.subarray(0, 4)) || length > LENGTH_MAX) {
    // Room that was made for it, and nothing written there.
    if (isZero(source, at)) return undefined;
    throw corrupt(path, 'the length of a record is damaged', at);
  }
  if (length > rest - RECORD_HEADER_BYTES) return undefined;
  const record = new WholeRecord(source, at, length, sum, chain);
  const follows = chain === chained(before, length, sum);
  // What comes last may be cut short where it is not the end of the file that says so.
  if (length === rest - RECORD_HEADER_BYTES) return follows && record.isWhole ? record : undefined;
  if (follows) return record;
  throw corrupt(path, record.isWhole ? 'a record does not follow from the one before it' : DAMAGED, at);
}

const DAMAGED = 'a record is damaged, and others follow it';

class WholeRecord implements StoredRecord {
  readonly #source: SegmentSource;
  readonly #sum: number;
  readonly at: number;
  readonly length: number;
  readonly chain: number;

  constructor(source: SegmentSource, at: number, length: number, sum: number, chain: number) {
    this.#source = source;
    this.#sum = sum;
    this.at = at;
    this.length = length;
    this.chain = chain;
  }

  get kind(): number | undefined {
    return this.length === 0 ? undefined : this.#source.take(this.at + RECORD_HEADER_BYTES, 1)[0];
  }

  get isWhole(): boolean {
    return crc32(this.#bytes) === this.#sum;
  }

  get payload(): Uint8Array {
    const bytes = this.#bytes;
    if (crc32(bytes) !== this.#sum) throw corrupt(this.#source.path, DAMAGED, this.at);
    return bytes;
  }

  get #bytes(): Uint8Array {
    return this.#source.take(this.at + RECORD_HEADER_BYTES, this.length);
  }
}

const ZEROS_BYTES = 1 << 16;

function isZero(source: SegmentSource, from: number): boolean {
  for (let at = from; at < source.size; at += ZEROS_BYTES) {
    if (source.take(at, Math.min(ZEROS_BYTES, source.size - at)).some(byte => byte !== 0)) return false;
  }
  return true;
}

/** The refusal of what can't be relied on. @param at byte of the file */
export function corrupt(path: string, why: string, at: number): EpochvisorError {
  return new EpochvisorError(
    'LOG_CORRUPT',
    `${path} can't be relied on: ${why}, at byte ${at}`,
    'take another copy of it, if there is one',
  );
}
