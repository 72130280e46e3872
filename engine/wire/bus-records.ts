// The bytes of what a bus remembers (protocol/bus/bus-memory.ts), as payloads of its journal.
//
// The first frame says all:
//
//   text machine | view(0|1) [number, text primary] | outcome(0|1) [outcome] | next
//   count, of outputs: stream offset mark
//   count, of inputs: stream released ended(0|1) count, bytes
//   count, of sources: stream opened count, of unreleased: stream bytes
//   count, of open streams: stream offset
//
// The others are records, one after another to the end:
//
//   fenced     00 view, text owner
//   written    01 stream offset mark
//   input      02 stream bytes                03: and its end
//   released   04 stream offset
//   opened     05 source stream bytes
//   closed     06 stream
//   ended      07 outcome                     as in outcomes.ts

import type { BusMemory, BusRecord } from '../protocol/bus/bus-memory.js';
import { outcomeBytesMax, putOutcome, readOutcome } from './outcomes.js';
import { malformed, Reader, TextEncoder, Writer } from './varints.js';

/** What a journal of a bus begins with; to be raised where its frames change. */
export const BUS_JOURNAL_MAGIC = new TextEncoder().encode('EPVBUS1\n');

const FENCED = 0;
const WRITTEN = 1;
const INPUT = 2;
const INPUT_END = 3;
const RELEASED = 4;
const OPENED = 5;
const CLOSED = 6;
const ENDED = 7;

export function encodeBusRecords(records: readonly BusRecord[]): Uint8Array {
  const writer = new Writer(64);
  for (const record of records) writeRecord(writer, record);
  return writer.finish();
}

function writeRecord(writer: Writer, record: BusRecord): void {
  switch (record.type) {
    case 'fenced':
      writer.byte(FENCED).unsigned(record.view).text(record.owner);
      break;
    case 'written':
      writer.byte(WRITTEN).unsigned(record.stream).unsigned(record.offset).unsigned(record.mark);
      break;
    case 'input':
      writer
        .byte(record.end ? INPUT_END : INPUT)
        .unsigned(record.stream)
        .bytes(record.bytes);
      break;
    case 'released':
      writer.byte(RELEASED).unsigned(record.stream).unsigned(record.offset);
      break;
    case 'opened':
      writer.byte(OPENED).unsigned(record.source).unsigned(record.stream).bytes(record.data);
      break;
    case 'closed':
      writer.byte(CLOSED).unsigned(record.stream);
      break;
    case 'ended':
      writer.byte(ENDED).put(outcomeBytesMax(record.outcome), (target, at) => putOutcome(target, at, record.outcome));
  }
}

/** Data of records is a view of what is read. @throws EpochvisorError PACKET_MALFORMED */
export function decodeBusRecords(payload: Uint8Array): BusRecord[] {
  const reader = new Reader(payload);
  const records: BusRecord[] = [];
  while (!reader.done) records.push(readRecord(reader));
  return records;
}

function readRecord(reader: Reader): BusRecord {
  const kind = reader.byte();
  switch (kind) {
    case FENCED: {
      const view = reader.unsigned();
      return { type: 'fenced', view, owner: reader.text() };
    }
    case WRITTEN: {
      const stream = reader.unsigned();
      const offset = reader.unsigned();
      return { type: 'written', stream, offset, mark: reader.unsigned() };
    }
    case INPUT:
    case INPUT_END: {
      const stream = reader.unsigned();
      return { type: 'input', stream, bytes: reader.bytes(), end: kind === INPUT_END };
    }
    case RELEASED: {
      const stream = reader.unsigned();
      return { type: 'released', stream, offset: reader.unsigned() };
    }
    case OPENED: {
      const source = reader.unsigned();
      const stream = reader.unsigned();
      return { type: 'opened', source, stream, data: reader.bytes() };
    }
    case CLOSED:
      return { type: 'closed', stream: reader.unsigned() };
    case ENDED:
      return { type: 'ended', outcome: readOutcome(reader) };
    default:
      throw malformed('a record of unknown kind', reader.at - 1);
  }
}

export function encodeBusMemory(machine: string, memory: BusMemory): Uint8Array {
  const { view, outputs, inputs, sources, open, next, outcome } = memory;
  const writer = new Writer(1024).text(machine);
  if (view === undefined) writer.byte(0);
  else writer.byte(1).unsigned(view.number).text(view.primary);
  if (outcome === undefined) writer.byte(0);
  else writer.byte(1).put(outcomeBytesMax(outcome), (target, at) => putOutcome(target, at, outcome));
  writer.unsigned(next).unsigned(outputs.length);
  for (const { stream, offset, mark } of outputs) writer.unsigned(stream).unsigned(offset).unsigned(mark);
  writer.unsigned(inputs.length);
  for (const { stream, released, ended, chunks } of inputs) {
    writer
      .unsigned(stream)
      .unsigned(released)
      .byte(ended ? 1 : 0)
      .unsigned(chunks.length);
    for (const chunk of chunks) writer.bytes(chunk);
  }
  writer.unsigned(sources.length);
  for (const { stream, opened, unreleased } of sources) {
    writer.unsigned(stream).unsigned(opened).unsigned(unreleased.length);
    for (const one of unreleased) writer.unsigned(one.stream).bytes(one.data);
  }
  writer.unsigned(open.length);
  for (const { stream, offset } of open) writer.unsigned(stream).unsigned(offset);
  return writer.finish();
}

/** @throws EpochvisorError PACKET_MALFORMED */
export function decodeBusMemory(payload: Uint8Array): { readonly machine: string; readonly memory: BusMemory } {
  const reader = new Reader(payload);
  const machine = reader.text();
  const view = flag(reader) ? { number: reader.unsigned(), primary: reader.text() } : undefined;
  const outcome = flag(reader) ? readOutcome(reader) : undefined;
  const next = reader.unsigned();
  const outputs = several(reader, () => {
    return { stream: reader.unsigned(), offset: reader.unsigned(), mark: reader.unsigned() };
  });
  const inputs = several(reader, () => {
    const [stream, released, ended] = [reader.unsigned(), reader.unsigned(), flag(reader)];
    return { stream, released, ended, chunks: several(reader, () => reader.bytes()) };
  });
  const sources = several(reader, () => {
    const [stream, opened] = [reader.unsigned(), reader.unsigned()];
    return { stream, opened, unreleased: several(reader, () => ({ stream: reader.unsigned(), data: reader.bytes() })) };
  });
  const open = several(reader, () => ({ stream: reader.unsigned(), offset: reader.unsigned() }));
  reader.end();
  return { machine, memory: { view, outputs, inputs, sources, open, next, outcome } };
}

function flag(reader: Reader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw malformed('a flag is neither 0 nor 1', reader.at - 1);
  return byte === 1;
}

function several<T>(reader: Reader, read: () => T): T[] {
  return Array.from({ length: reader.count() }, read);
}
