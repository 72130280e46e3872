// The bytes of a journal: what a process remembers, as a first frame that says all and later ones that add to it.
//
//   journal   magic(8) | frames
//   frame     u32 length | u32 CRC-32 of those 4 bytes | u32 CRC-32 of the payload | payload        little-endian
//
// A process that is killed leaves the beginning of what it was writing, and so does a host that loses its power: the last frame
// may be cut short, or not be what was written. That is no loss, for nothing follows from a frame that was not whole. Anything
// wrong before the last frame is damage, and what follows it cannot be trusted.

import { EpochvisorError } from '../errors/errors.js';

export const FRAME_HEADER_BYTES = 12;
/** Above what anything that is kept takes in one step; what a damaged length can ask for. */
const PAYLOAD_MAX_BYTES = 1 << 30;

/** Row n has what a byte comes to that n more follow: eight bytes are looked up at once, and not one after another. */
const CRC_ROWS = 8;
const CRC_TABLE = crcTable();

function crcTable(): Uint32Array {
  const table = new Uint32Array(CRC_ROWS * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!;
    table[at] = (before >>> 8) ^ table[before & 0xff]!;
  }
  return table;
}

interface Host {
  readonly process?: {
    getBuiltinModule?(name: string): { readonly crc32?: (bytes: Uint8Array) => number } | undefined;
  };
}

/** Below it, the call costs more than the sum. */
const LARGE_BYTES = 256;
/** Where the host has one: with the instructions that processors have for it, several times as fast. Null: not asked for yet. */
let ofHost: ((bytes: Uint8Array) => number) | undefined | null = null;

/** CRC-32 of IEEE 802.3, as zlib has it. */
export function crc32(bytes: Uint8Array): number {
  if (bytes.length >= LARGE_BYTES) {
    if (ofHost === null) ofHost = (globalThis as unknown as Host).process?.getBuiltinModule?.('node:zlib')?.crc32;
    if (ofHost !== undefined) return ofHost(bytes);
  }
  return crc32Here(bytes);
}

/** The same, without the host. */
export function crc32Here(bytes: Uint8Array): number {
  const table = CRC_TABLE;
  const { length } = bytes;
  let crc = 0xffffffff;
  let at = 0;
  for (; at + CRC_ROWS <= length; at += CRC_ROWS) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[0x700 | (crc & 0xff)]! ^
      table[0x600 | ((crc >>> 8) & 0xff)]! ^
      table[0x500 | ((crc >>> 16) & 0xff)]! ^
      table[0x400 | (crc >>> 24)]! ^
      table[0x300 | bytes[at + 4]!]! ^
      table[0x200 | bytes[at + 5]!]! ^
      table[0x100 | bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(frame.subarray(0, 4)), true);
  view.setUint32(8, crc32(payload), true);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** The beginning of a journal whose first frame has this payload. @param magic eight bytes: what it is a journal of */
export function beginJournal(magic: Uint8Array, first: Uint8Array): Uint8Array {
  const frame = encodeFrame(first);
  const bytes = new Uint8Array(magic.length + frame.length);
  bytes.set(magic);
  bytes.set(frame, magic.length);
  return bytes;
}

export interface ReadJournal {
  /** Of the frames that are whole, the first of all among them; views of what is read. */
  readonly payloads: readonly Uint8Array[];
  /** Where the next frame goes: what lies beyond was never whole. */
  readonly wholeBytes: number;
}

/**
 * @param path in messages
 * @throws EpochvisorError MEMORY_CORRUPT
 */
export function readJournal(bytes: Uint8Array, magic: Uint8Array, path: string): ReadJournal {
  if (bytes.length < magic.length || magic.some((byte, at) => bytes[at] !== byte)) {
    throw corrupt(path, 'it is of another kind, or of another version', 0);
  }
  const payloads: Uint8Array[] = [];
  let at = magic.length;
  for (let payload = frameAt(bytes, at, path); payload !== undefined; payload = frameAt(bytes, at, path)) {
    payloads.push(payload);
    at += FRAME_HEADER_BYTES + payload.length;
  }
  // It comes into being with its first frame.
  if (payloads.length === 0) throw corrupt(path, 'it has no beginning', at);
  return { payloads, wholeBytes: at };
}

/** Undefined: none follows, or the last one was not whole. */
function frameAt(bytes: Uint8Array, at: number, path: string): Uint8Array | undefined {
  const rest = bytes.length - at;
  if (rest < FRAME_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, rest);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== crc32(bytes.subarray(at, at + 4)) || length > PAYLOAD_MAX_BYTES) {
    // Room that was made for it, and nothing written there.
    if (bytes.subarray(at).every(byte => byte === 0)) return undefined;
    throw corrupt(path, 'the length of a frame is damaged', at);
  }
  if (length > rest - FRAME_HEADER_BYTES) return undefined;
  const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
  if (view.getUint32(8, true) === crc32(payload)) return payload;
  if (length === rest - FRAME_HEADER_BYTES) return undefined;
  throw corrupt(path, 'a frame is damaged, and others follow it', at);
}

export function corrupt(path: string, why: string, at: number): EpochvisorError {
  return new EpochvisorError(
    'MEMORY_CORRUPT',
    `${path} can't be relied on: ${why}, at byte ${at}`,
    'put back a copy, if there is one of the very end; else this machine can only be begun anew',
  );
}
