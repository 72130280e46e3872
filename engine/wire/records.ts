// The records in the rings between guest thread and I/O thread: outputs one way, interrupts the other.
//
//   LOG         u32 entries | the entries (log-entries.ts), whole; to the guest thread without their number
//   OUTPUT      position, output (outputs.ts)
//   INTERRUPT   interrupt (interrupts.ts)
//
// What a record is made of is the same on every way that it takes. Both ends are of one process and one build: there is no
// hostile input here.

import type { Output } from '../protocol/vocabulary.js';
import { copyOf } from './copying.js';
import { outputBytesMax, putOutput, readOutput } from './outputs.js';
import { putUnsigned, Reader, TextDecoder, TextEncoder, UNSIGNED_MAX_BYTES } from './varints.js';

/** Record types, guest thread to I/O thread. */
export const RECORD_LOG = 1;
export const RECORD_OUTPUT = 2;
/** Execution is live after a promotion: f64 failover epoch | f64 uncertain interrupts. */
export const RECORD_LIVE = 3;
/** Rule DG: UTF-8 message. */
export const RECORD_DIVERGED = 4;
/** The guest ended; the thread has nothing more to do. */
export const RECORD_ENDED = 5;
/** The host failed, not the guest: UTF-8 message. */
export const RECORD_FAILED = 6;
/** The guest is about to run its first instruction. */
export const RECORD_STARTED = 7;

/** The module is compiled: what is left of the start is the state. */
export const RECORD_LOADED = 10;
/** Answer to SNAPSHOT_SIZE: f64 bytes. */
export const RECORD_SNAPSHOT_SIZE = 11;
/** The guest's state is in the port: f64 position. Nothing is logged between the two. */
export const RECORD_SNAPSHOT = 12;
/** No snapshot is possible: UTF-8 message. */
export const RECORD_NOT_SNAPSHOTABLE = 13;

/** Record types, I/O thread to guest thread, beside RECORD_LOG. */
export const RECORD_INTERRUPT = 8;
export const RECORD_PROMOTE = 9;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export const encodeText = (text: string): Uint8Array => utf8.encode(text);
export const decodeText = (bytes: Uint8Array): string => fromUtf8.decode(bytes);

/** Bytes before the entries of a part of the log. */
export const LOG_HEAD_BYTES = 4;

/** A part of the log as the guest thread ships it; the bytes are the caller's. */
export function readLog(bytes: Uint8Array, at: number, length: number): { entries: number; part: Uint8Array } {
  const entries = new DataView(bytes.buffer, bytes.byteOffset + at, LOG_HEAD_BYTES).getUint32(0, true);
  return { entries, part: copyOf(bytes.subarray(at + LOG_HEAD_BYTES, at + length)) };
}

/** The most bytes that the record of an output takes. */
export function outputRecordBytesMax(output: Output): number {
  return UNSIGNED_MAX_BYTES + outputBytesMax(output);
}

/** Writes at `at` of `target`; returns the position after it. */
export function putOutputRecord(target: Uint8Array, at: number, position: number, output: Output): number {
  return putOutput(target, putUnsigned(target, at, position), output);
}

export function readOutputRecord(bytes: Uint8Array, at: number, length: number): { position: number; output: Output } {
  const reader = recordReader(bytes, at, length);
  const position = reader.unsigned();
  return { position, output: readOutput(reader) };
}

/** Reads a copy: the record is gone after the call. */
export function recordReader(bytes: Uint8Array, at: number, length: number): Reader {
  return new Reader(copyOf(bytes.subarray(at, at + length)));
}
