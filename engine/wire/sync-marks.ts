// Marks in a segment of how much of it the disk has for certain. A loss of power may take any blocks of what was not synced, the first
// as well as the last: what is damaged there was never relied on, and is cut; what is damaged before it can't be relied on any more.
// Without a mark nobody could tell the two apart.
//
//   mark   "EPVSYNC\n" | u32 bytes of the segment that are synced | u32 CRC-32 of those 12 bytes        little-endian
//
// It lies in the payload of a record, and is found without reading the records before it, for one of those may be damaged. What a
// guest writes may look like one: that makes a log refused that could be cut, and nothing worse.

import { crc32 } from './journal.js';

/** A segment's bytes, wherever they are. */
export interface SegmentSource {
  /** In messages. */
  readonly path: string;
  readonly size: number;
  /** Bytes of it that lie there; to be looked at before the next ones are taken. */
  take(at: number, length: number): Uint8Array;
}

const MAGIC = Uint8Array.of(0x45, 0x50, 0x56, 0x53, 0x59, 0x4e, 0x43, 0x0a);
const SUMMED_BYTES = MAGIC.length + 4;
export const SYNC_MARK_BYTES = SUMMED_BYTES + 4;
/** What is looked through at a time: the last mark is near the end. */
const WINDOW_BYTES = 1 << 16;

/** @param syncedBytes of the segment, from its beginning on */
export function syncMark(syncedBytes: number): Uint8Array {
  const mark = new Uint8Array(SYNC_MARK_BYTES);
  const view = new DataView(mark.buffer);
  mark.set(MAGIC);
  view.setUint32(MAGIC.length, syncedBytes, true);
  view.setUint32(SUMMED_BYTES, crc32(mark.subarray(0, SUMMED_BYTES)), true);
  return mark;
}

/** Bytes of the segment that were synced, as its last mark says; 0: it has none. */
export function syncedBytesOf(source: SegmentSource): number {
  for (let end = source.size; end >= SYNC_MARK_BYTES; end -= WINDOW_BYTES) {
    const from = Math.max(0, end - WINDOW_BYTES - SYNC_MARK_BYTES);
    const bytes = source.take(from, end - from);
    for (let at = bytes.length - SYNC_MARK_BYTES; at >= 0; at--) {
      const synced = bytes[at] === MAGIC[0] ? markAt(bytes, at) : undefined;
      // One that comes from elsewhere would say more than there is before it.
      if (synced !== undefined && synced <= from + at) return synced;
    }
  }
  return 0;
}

function markAt(bytes: Uint8Array, at: number): number | undefined {
  if (MAGIC.some((byte, index) => bytes[at + index] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SYNC_MARK_BYTES);
  const sum = crc32(bytes.subarray(at, at + SUMMED_BYTES));
  return view.getUint32(SUMMED_BYTES, true) === sum ? view.getUint32(MAGIC.length, true) : undefined;
}
