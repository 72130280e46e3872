// A recording with something else in its log: read, changed, and written again with every checksum right.

import { writeFileSync } from 'node:fs';
import type { LogEntry } from '../../engine/protocol/vocabulary.js';
import { openLogFile } from '../../engine/recording/host-logs.js';
import { EntryDecoder, EntryEncoder, maxSize } from '../../engine/wire/log-entries.js';
import { encodeSegmentRecord, type LogPart, type SegmentRecord } from '../../engine/wire/segment-records.js';
import { encodeSegmentHeader, RecordEncoder, type SegmentHeader } from '../../engine/wire/segments.js';

/** All entries of a recording that begins with its machine. */
export function entriesOf(path: string): LogEntry[] {
  const decoder = new EntryDecoder();
  const entries: LogEntry[] = [];
  for (const { record } of openLogFile(path).records()) {
    if (record.type === 'log') for (const { bytes } of record.parts) entries.push(...decoder.decode(bytes));
  }
  return entries;
}

/** Writes `path` anew as `as`, with these entries in place of those, and of other records those that are wanted. */
export function rewriteEntries(
  path: string,
  as: string,
  entries: readonly LogEntry[],
  wanted: (record: SegmentRecord) => boolean = () => true,
): void {
  const log = openLogFile(path);
  const all = [...log.records()].map(({ record }) => record).filter(wanted);
  const first = all.findIndex(({ type }) => type === 'log');
  const others = all.filter(({ type }) => type !== 'log');
  writeSegment(as, log.header, [
    ...others.slice(0, first),
    { type: 'log', position: 0, parts: partsOf(entries) },
    ...others.slice(first),
  ]);
}

export function partsOf(entries: readonly LogEntry[]): LogPart[] {
  const encoder = new EntryEncoder();
  return entries.map(entry => {
    const bytes = new Uint8Array(maxSize(entry));
    return { entries: 1, bytes: bytes.slice(0, encoder.encode(entry, bytes, 0)) };
  });
}

export function writeSegment(path: string, header: SegmentHeader, records: readonly SegmentRecord[]): void {
  const encoder = new RecordEncoder(header.chain);
  const encoded = records.map(record => encoder.encode(encodeSegmentRecord(record)));
  writeFileSync(path, Buffer.concat([encodeSegmentHeader(header), ...encoded]));
}
