// A machine's snapshot as a stream of chunks (chunks.ts), made as they are asked for, so that nobody is held up for long.

import type { MachineSnapshot } from '../guest/guest-state.js';
import {
  CHUNK_HEADER_BYTES,
  CHUNK_RUN,
  CHUNK_STATE,
  CHUNK_TRAILER,
  emptyChunk,
  header,
  PAYLOAD_BYTES,
  RUN_HEADER_BYTES,
  seal,
  TRAILER_BYTES,
} from './chunks.js';
import { encodePlain } from './plain-data.js';

/** Zeros are left out in units of a page of the host: finer, and there would be more headers than zeros. */
const GRANULE_BYTES = 4096;
/** One step looks at so much at the most, whether it finds anything or not: a millisecond or two. */
const STEP_BYTES = 4 << 20;

const ZEROS = Buffer.alloc(GRANULE_BYTES);

/**
 * The bytes of a snapshot, in pieces of at most 256 KiB and some. A piece takes about a millisecond to make, but the first
 * one, which is made of all that is small. What the snapshot refers to must not change meanwhile.
 */
export function* encodeSnapshot(snapshot: MachineSnapshot): Generator<Uint8Array, void, undefined> {
  const { bytes, blobs } = encodePlain(snapshot);
  yield header();
  let number = 0;
  for (let at = 0; at < bytes.length; at += PAYLOAD_BYTES) {
    const piece = bytes.subarray(at, at + PAYLOAD_BYTES);
    const chunk = emptyChunk(piece.length);
    chunk.set(piece, CHUNK_HEADER_BYTES);
    yield seal(chunk, CHUNK_STATE, number++);
  }
  let [blobBytes, runBytes] = [0, 0];
  for (const [index, blob] of blobs.entries()) {
    blobBytes += blob.length;
    for (let at = 0; at < blob.length; ) {
      const { from, to } = nextRun(blob, at);
      runBytes += to - from;
      at = to;
      yield seal(runChunk(index, blob, from, to), CHUNK_RUN, number++);
    }
  }
  const trailer = emptyChunk(TRAILER_BYTES);
  trailer.writeDoubleLE(bytes.length, CHUNK_HEADER_BYTES);
  trailer.writeDoubleLE(blobBytes, CHUNK_HEADER_BYTES + 8);
  trailer.writeDoubleLE(runBytes, CHUNK_HEADER_BYTES + 16);
  yield seal(trailer, CHUNK_TRAILER, number);
}

/** The next bytes that are not zeros, from `at` on; none where all that one step looks at is zeros. */
function nextRun(blob: Uint8Array, at: number): { from: number; to: number } {
  const end = Math.min(blob.length, at + STEP_BYTES);
  let from = at;
  while (from < end && isZero(blob, from)) from += GRANULE_BYTES;
  from = Math.min(from, end);
  let to = from;
  while (to < end && to - from < PAYLOAD_BYTES - GRANULE_BYTES && !isZero(blob, to)) to += GRANULE_BYTES;
  return { from, to: Math.min(to, end) };
}

function isZero(blob: Uint8Array, at: number): boolean {
  const bytes = Math.min(GRANULE_BYTES, blob.length - at);
  return ZEROS.compare(blob, at, at + bytes, 0, bytes) === 0;
}

function runChunk(index: number, blob: Uint8Array, from: number, to: number): Buffer<ArrayBuffer> {
  const chunk = emptyChunk(RUN_HEADER_BYTES + to - from);
  chunk.writeUInt32LE(index, CHUNK_HEADER_BYTES);
  chunk.writeDoubleLE(from, CHUNK_HEADER_BYTES + 4);
  chunk.set(blob.subarray(from, to), CHUNK_HEADER_BYTES + RUN_HEADER_BYTES);
  return chunk;
}
