// The bytes of a snapshot: a stream of chunks, each with a checksum.
//
//   snapshot   "EPVSNAP\n" | u32 version 4 | chunks, the last of them a trailer
//   chunk      u32 kind | u32 number | u32 length | u32 CRC-32 of the 12 bytes before and the payload | payload
//   payload of kind
//     1 state      a piece of the state without its blobs (plain-data.ts); all pieces come before anything else
//     2 run        u32 blob | f64 offset | bytes of it; where no run is, there are zeros
//     3 trailer    f64 bytes of state | f64 bytes of all blobs | f64 bytes in runs
//
// Chunks are numbered from 0, so that none can be missing, doubled or out of place. All numbers are little-endian.

import { crc32 } from 'node:zlib';
import { EpochvisorError } from '../errors/errors.js';

const MAGIC = Buffer.from('EPVSNAP\n', 'latin1');
/** To be raised where the state changes its shape, and where frames hand over their values in another order (unwind.ts). */
const VERSION = 5;
export const HEADER_BYTES = MAGIC.length + 4;

export const CHUNK_STATE = 1;
export const CHUNK_RUN = 2;
export const CHUNK_TRAILER = 3;

export const CHUNK_HEADER_BYTES = 16;
const CHECKED_HEADER_BYTES = 12;
export const RUN_HEADER_BYTES = 12;
export const TRAILER_BYTES = 24;
/** What encoders put into a chunk, and what decoders take: a packet that holds up the ones behind it for a millisecond. */
export const PAYLOAD_BYTES = 256 * 1024;
export const PAYLOAD_BYTES_MAX = 1 << 20;

/** The refusal of bytes that are no snapshot. @param offset of what is wrong, from the beginning of the snapshot */
export function invalid(what: string, offset: number): EpochvisorError {
  return new EpochvisorError(
    'SNAPSHOT_INVALID',
    `this is no whole snapshot: ${what}, at byte ${offset}`,
    'take another one: it was cut short, damaged, or written by another version',
  );
}

export function header(): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, MAGIC.length);
  return bytes;
}

/** A chunk whose payload is still to be written. */
export function emptyChunk(payloadBytes: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(CHUNK_HEADER_BYTES + payloadBytes);
}

/** Writes the header of a chunk whose payload is there. */
export function seal(chunk: Buffer<ArrayBuffer>, kind: number, number: number): Uint8Array {
  chunk.writeUInt32LE(kind, 0);
  chunk.writeUInt32LE(number, 4);
  chunk.writeUInt32LE(chunk.length - CHUNK_HEADER_BYTES, 8);
  chunk.writeUInt32LE(checksum(chunk), 12);
  return chunk;
}

function checksum(chunk: Buffer): number {
  return crc32(chunk.subarray(CHUNK_HEADER_BYTES), crc32(chunk.subarray(0, CHECKED_HEADER_BYTES)));
}

/** Takes a snapshot's bytes in pieces of any size, and gives its chunks one by one. */
export class ChunkReader {
  readonly #take: (kind: number, payload: Buffer, offset: number) => void;
  /** What came and is no whole chunk yet. */
  #pending: Buffer = Buffer.alloc(0);
  #begun = false;
  #chunks = 0;
  /** Offset of `pending` in the snapshot. */
  #offset = 0;

  /** @param take is given each chunk's payload, for the length of the call, and its offset */
  constructor(take: (kind: number, payload: Buffer, offset: number) => void) {
    this.#take = take;
  }

  /** @throws EpochvisorError SNAPSHOT_INVALID */
  push(bytes: Uint8Array): void {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#pending = this.#pending.length === 0 ? piece : Buffer.concat([this.#pending, piece]);
    if (!this.#begun && !this.#begin()) {
      this.#keep();
      return;
    }
    for (let length = this.#whole(); length !== undefined; length = this.#whole()) {
      const chunk = this.#pending.subarray(0, length);
      if (checksum(chunk) !== chunk.readUInt32LE(12)) throw invalid('a chunk with a wrong checksum', this.#offset);
      if (chunk.readUInt32LE(4) !== this.#chunks) throw invalid('a chunk that is not the next', this.#offset);
      this.#chunks += 1;
      this.#take(chunk.readUInt32LE(0), chunk.subarray(CHUNK_HEADER_BYTES), this.#offset);
      this.#skip(length);
    }
    this.#keep();
  }

  /** Bytes taken so far; `whole`: none of them is left over. */
  get position(): { readonly bytes: number; readonly whole: boolean } {
    return { bytes: this.#offset + this.#pending.length, whole: this.#begun && this.#pending.length === 0 };
  }

  #begin(): boolean {
    if (this.#pending.length < HEADER_BYTES) return false;
    if (!this.#pending.subarray(0, MAGIC.length).equals(MAGIC)) throw invalid('another kind of file', 0);
    const version = this.#pending.readUInt32LE(MAGIC.length);
    if (version !== VERSION) throw invalid(`version ${version}, where this is ${VERSION}`, MAGIC.length);
    this.#skip(HEADER_BYTES);
    this.#begun = true;
    return true;
  }

  /** Length of the chunk at the head; undefined: it is not whole. */
  #whole(): number | undefined {
    if (this.#pending.length < CHUNK_HEADER_BYTES) return undefined;
    const payload = this.#pending.readUInt32LE(8);
    if (payload > PAYLOAD_BYTES_MAX) throw invalid(`a chunk of ${payload} bytes`, this.#offset);
    const length = CHUNK_HEADER_BYTES + payload;
    return this.#pending.length < length ? undefined : length;
  }

  #skip(bytes: number): void {
    this.#pending = this.#pending.subarray(bytes);
    this.#offset += bytes;
  }

  /** What is left is the caller's memory: it is kept as a copy. */
  #keep(): void {
    this.#pending = Buffer.from(this.#pending);
  }
}
