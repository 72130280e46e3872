// What is in a record of a segment (segments.ts): the log as a backup is sent it, and what else a reader wants to know.
//
//   log          00 position | parts              part: unsigned entries, bytes (log-entries.ts)
//   outputs      01 | notes                       in the order in which the guest put them out
//   view         02 atMs | number, text machine, text primary, unsigned n, n texts of backups, text claim | text reason
//   live         03 atMs | epoch, uncertain       its writer is the primary, and has raised its uncertain interrupts
//   begins       04                               a checkpoint: pieces of a snapshot follow, among other records
//   piece        05 bytes to the end
//   checkpoint   06 position, epoch, count        the snapshot is whole; it was taken there
//   module       07 bytes to the end              a piece of the guest's module, deflated
//   source       08 position | text incarnation   of a recording: from here on it is what this replica has written
//   closed       09 atMs | text code, text why    nothing follows; code is empty where the guest came to its end
//   synced       0a mark                          how much of the segment the disk has for certain (sync-marks.ts)
//
//   note   position, kind, and of kind
//     0 stream      stream, offset, length, CRC-32 of the bytes
//     1 end         stream, offset
//     2 close       stream, offset
//     3 operation   id(64), device, command, length of its data
//
// The bytes that the guest puts out are not there: to execute again is to put them out again, and the checksum tells whether they
// are the same.

import type { Output, View } from '../protocol/vocabulary.js';
import { copyOf } from './copying.js';
import { crc32 } from './journal.js';
import { malformed, putUnsigned64, Reader, UNSIGNED64_MAX_BYTES, Writer } from './varints.js';

/** Whole entries, as they travelled together. */
export interface LogPart {
  readonly entries: number;
  readonly bytes: Uint8Array;
}

/** What is noted of an output that all of the log below `position` precedes. */
export type OutputNote = { readonly position: number } & (
  | {
      readonly type: 'stream';
      readonly stream: number;
      readonly offset: number;
      readonly length: number;
      readonly checksum: number;
    }
  | { readonly type: 'end' | 'close'; readonly stream: number; readonly offset: number }
  | {
      readonly type: 'operation';
      readonly id: bigint;
      readonly device: number;
      readonly command: number;
      readonly length: number;
    }
);

export type SegmentRecord =
  | { readonly type: 'log'; readonly position: number; readonly parts: readonly LogPart[] }
  | { readonly type: 'outputs'; readonly notes: readonly OutputNote[] }
  | { readonly type: 'view'; readonly atMs: number; readonly view: View; readonly reason: string }
  | { readonly type: 'live'; readonly atMs: number; readonly epoch: number; readonly uncertain: number }
  | { readonly type: 'begins' }
  | { readonly type: 'piece'; readonly bytes: Uint8Array }
  | { readonly type: 'checkpoint'; readonly position: number; readonly epoch: number; readonly count: number }
  | { readonly type: 'module'; readonly bytes: Uint8Array }
  | { readonly type: 'source'; readonly position: number; readonly incarnation: string }
  | { readonly type: 'closed'; readonly atMs: number; readonly code: string; readonly why: string }
  | { readonly type: 'synced'; readonly mark: Uint8Array };

const KINDS: readonly SegmentRecord['type'][] = [
  'log',
  'outputs',
  'view',
  'live',
  'begins',
  'piece',
  'checkpoint',
  'module',
  'source',
  'closed',
  'synced',
];
const NOTES: readonly OutputNote['type'][] = ['stream', 'end', 'close', 'operation'];

/** What is to be noted of an output; undefined: it tells nothing that the log does not. */
export function noteOf(position: number, output: Output): OutputNote | undefined {
  switch (output.type) {
    case 'stream': {
      const { stream, offset, bytes } = output;
      return { position, type: 'stream', stream, offset, length: bytes.length, checksum: crc32(bytes) };
    }
    case 'end':
    case 'close':
      return { position, type: output.type, stream: output.stream, offset: output.offset };
    case 'operation': {
      const { id, device, command, data } = output.operation;
      return { position, type: 'operation', id, device, command, length: data.length };
    }
    default:
      return undefined;
  }
}

export function encodeSegmentRecord(record: SegmentRecord): Uint8Array {
  const writer = new Writer().byte(KINDS.indexOf(record.type));
  switch (record.type) {
    case 'log':
      writer.unsigned(record.position);
      for (const { entries, bytes } of record.parts) writer.unsigned(entries).bytes(bytes);
      break;
    case 'outputs':
      for (const note of record.notes) putNote(writer, note);
      break;
    case 'view': {
      const { number, machine, primary, backups, claim } = record.view;
      writer.unsigned(record.atMs).unsigned(number).text(machine).text(primary).unsigned(backups.length);
      for (const backup of backups) writer.text(backup);
      writer.text(claim).text(record.reason);
      break;
    }
    case 'live':
      writer.unsigned(record.atMs).unsigned(record.epoch).unsigned(record.uncertain);
      break;
    case 'begins':
      break;
    case 'piece':
    case 'module':
      writer.rest(record.bytes);
      break;
    case 'checkpoint':
      writer.unsigned(record.position).unsigned(record.epoch).unsigned(record.count);
      break;
    case 'source':
      writer.unsigned(record.position).text(record.incarnation);
      break;
    case 'closed':
      writer.unsigned(record.atMs).text(record.code).text(record.why);
      break;
    case 'synced':
      writer.rest(record.mark);
      break;
  }
  return writer.finish();
}

function putNote(writer: Writer, note: OutputNote): void {
  writer.unsigned(note.position).byte(NOTES.indexOf(note.type));
  if (note.type === 'operation') {
    writer.put(UNSIGNED64_MAX_BYTES, (target, at) => putUnsigned64(target, at, note.id));
    writer.unsigned(note.device).unsigned(note.command).unsigned(note.length);
    return;
  }
  writer.unsigned(note.stream).unsigned(note.offset);
  if (note.type === 'stream') writer.unsigned(note.length).unsigned(note.checksum);
}

/** What a record is, by the first byte of its payload. @throws EpochvisorError PACKET_MALFORMED */
export function typeOfRecord(kind: number | undefined): SegmentRecord['type'] {
  const type = kind === undefined ? undefined : KINDS[kind];
  if (type === undefined) throw malformed('a record of unknown kind', 0);
  return type;
}

/** Byte arrays in it are copies. @throws EpochvisorError PACKET_MALFORMED */
export function decodeSegmentRecord(payload: Uint8Array): SegmentRecord {
  const reader = new Reader(copyOf(payload));
  const record = recordFrom(reader);
  reader.end();
  return record;
}

function recordFrom(reader: Reader): SegmentRecord {
  const type = KINDS[reader.byte()];
  switch (type) {
    case 'log': {
      const position = reader.unsigned();
      const parts: LogPart[] = [];
      while (!reader.done) parts.push({ entries: reader.unsigned(), bytes: reader.bytes() });
      return { type, position, parts };
    }
    case 'outputs': {
      const notes: OutputNote[] = [];
      while (!reader.done) notes.push(noteFrom(reader));
      return { type, notes };
    }
    case 'view': {
      const atMs = reader.unsigned();
      const [number, machine, primary] = [reader.unsigned(), reader.text(), reader.text()];
      const backups = Array.from({ length: reader.count() }, () => reader.text());
      const view = { number, machine, primary, backups, claim: reader.text() };
      return { type, atMs, view, reason: reader.text() };
    }
    case 'live':
      return { type, atMs: reader.unsigned(), epoch: reader.unsigned(), uncertain: reader.unsigned() };
    case 'begins':
      return { type };
    case 'piece':
    case 'module':
      return { type, bytes: reader.rest() };
    case 'checkpoint':
      return { type, position: reader.unsigned(), epoch: reader.unsigned(), count: reader.unsigned() };
    case 'source':
      return { type, position: reader.unsigned(), incarnation: reader.text() };
    case 'closed':
      return { type, atMs: reader.unsigned(), code: reader.text(), why: reader.text() };
    case 'synced':
      return { type, mark: reader.rest() };
    default:
      throw malformed('a record of unknown kind', 0);
  }
}

function noteFrom(reader: Reader): OutputNote {
  const position = reader.unsigned();
  const type = NOTES[reader.byte()];
  switch (type) {
    case 'stream': {
      const [stream, offset, length] = [reader.unsigned(), reader.unsigned(), reader.unsigned()];
      return { position, type, stream, offset, length, checksum: reader.unsigned(0xffffffff) };
    }
    case 'end':
    case 'close':
      return { position, type, stream: reader.unsigned(), offset: reader.unsigned() };
    case 'operation': {
      const id = reader.unsigned64();
      return { position, type, id, device: reader.unsigned(), command: reader.unsigned(), length: reader.unsigned() };
    }
    default:
      throw malformed('a note of unknown kind', reader.at - 1);
  }
}
