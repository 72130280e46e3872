// The records in the rings between guest thread and I/O thread: outputs one way, interrupts the other.
//
//   LOG         u32 entries | the entries (log-entries.ts), whole; to the guest thread without their number
//   OUTPUT      f64 position | u8 kind | by kind:
//     1 stream            u32 stream | f64 offset | bytes
//     2 operation         i64 id | u32 device | u32 command | i64 argument | u32 length | data
//     3 release input     u32 stream | f64 offset
//     4 release operation i64 id
//     5 outcome           exit: u8 0 | i32 status     trap: u8 1 | f64 count | u8 exact | UTF-8 message
//   INTERRUPT   u8 kind | by kind:
//     2 stream      u32 stream | f64 offset | u8 end | bytes
//     3 completion  i64 operation | i32 status | data
//     4 uncertain   i64 operation
//
// All little-endian. Both ends are of one process and one build: there is no hostile input here, only assertions.

import { assert } from '../errors/errors.js';
import type { Interrupt, Outcome, Output } from '../protocol/vocabulary.js';
import { copyOf, putCopy } from './copying.js';
import { TextDecoder, TextEncoder } from './text.js';

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

/** Bytes that a record takes beside its data, at most. */
export const RECORD_OVERHEAD_BYTES = 64;

const OUTPUT_STREAM = 1;
const OUTPUT_OPERATION = 2;
const OUTPUT_RELEASE_INPUT = 3;
const OUTPUT_RELEASE_OPERATION = 4;
const OUTPUT_OUTCOME = 5;

const INTERRUPT_STREAM = 2;
const INTERRUPT_COMPLETION = 3;
const INTERRUPT_UNCERTAIN = 4;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export const encodeText = (text: string): Uint8Array => utf8.encode(text);
export const decodeText = (bytes: Uint8Array): string => fromUtf8.decode(bytes);

/** Writes at a place of a buffer, and counts. */
class Pen {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, view: DataView) {
    this.#bytes = bytes;
    this.#view = view;
    this.#start = at;
    this.#at = at;
  }

  get written(): number {
    return this.#at - this.#start;
  }

  u8(value: number): this {
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  i32(value: number): this {
    this.#view.setInt32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  i64(value: bigint): this {
    this.#view.setBigInt64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  f64(value: number): this {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  bytes(data: Uint8Array): this {
    putCopy(this.#bytes, this.#at, data);
    this.#at += data.length;
    return this;
  }
}

/** Reads from a place of a buffer; what it hands out is a copy, for the record is gone after the call. */
class Eye {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, length: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#end = at + length;
  }

  u8(): number {
    this.#at += 1;
    return this.#view.getUint8(this.#at - 1);
  }

  u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  i32(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4, true);
  }

  i64(): bigint {
    this.#at += 8;
    return this.#view.getBigInt64(this.#at - 8, true);
  }

  f64(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  /** The rest. */
  bytes(): Uint8Array {
    const data = copyOf(this.#bytes.subarray(this.#at, this.#end));
    this.#at = this.#end;
    return data;
  }

  text(): string {
    return fromUtf8.decode(this.bytes());
  }
}

/** Bytes before the entries of a part of the log. */
export const LOG_HEAD_BYTES = 4;

/** A part of the log as the guest thread ships it; the bytes are the caller's. */
export function readLog(bytes: Uint8Array, at: number, length: number): { entries: number; part: Uint8Array } {
  const eye = new Eye(bytes, at, length);
  return { entries: eye.u32(), part: eye.bytes() };
}

/** The most bytes `writeOutput` takes. */
export function outputSizeMax(output: Output): number {
  if (output.type === 'stream') return RECORD_OVERHEAD_BYTES + output.bytes.length;
  if (output.type === 'operation') return RECORD_OVERHEAD_BYTES + output.operation.data.length;
  if (output.type === 'outcome' && output.outcome.kind === 'trap') {
    return RECORD_OVERHEAD_BYTES + 3 * output.outcome.message.length;
  }
  return RECORD_OVERHEAD_BYTES;
}

export function writeOutput(position: number, output: Output, bytes: Uint8Array, at: number, view: DataView): number {
  const pen = new Pen(bytes, at, view).f64(position);
  switch (output.type) {
    case 'stream':
      pen.u8(OUTPUT_STREAM).u32(output.stream).f64(output.offset).bytes(output.bytes);
      break;
    case 'operation': {
      const { id, device, command, argument, length, data } = output.operation;
      pen.u8(OUTPUT_OPERATION).i64(id).u32(device).u32(command).i64(argument).u32(length).bytes(data);
      break;
    }
    case 'releaseInput':
      pen.u8(OUTPUT_RELEASE_INPUT).u32(output.stream).f64(output.offset);
      break;
    case 'releaseOperation':
      pen.u8(OUTPUT_RELEASE_OPERATION).i64(output.operation);
      break;
    case 'outcome':
      writeOutcome(pen.u8(OUTPUT_OUTCOME), output.outcome);
      break;
  }
  return pen.written;
}

function writeOutcome(pen: Pen, outcome: Outcome): void {
  if (outcome.kind === 'exit') pen.u8(0).i32(outcome.status);
  else
    pen
      .u8(1)
      .f64(outcome.count)
      .u8(outcome.exact ? 1 : 0)
      .bytes(utf8.encode(outcome.message));
}

export function readOutput(bytes: Uint8Array, at: number, length: number): { position: number; output: Output } {
  const eye = new Eye(bytes, at, length);
  const position = eye.f64();
  return { position, output: readOutputBody(eye) };
}

function readOutputBody(eye: Eye): Output {
  const kind = eye.u8();
  switch (kind) {
    case OUTPUT_STREAM:
      return { type: 'stream', stream: eye.u32(), offset: eye.f64(), bytes: eye.bytes() };
    case OUTPUT_OPERATION: {
      const [id, device, command, argument, length] = [eye.i64(), eye.u32(), eye.u32(), eye.i64(), eye.u32()];
      return { type: 'operation', operation: { id, device, command, argument, length, data: eye.bytes() } };
    }
    case OUTPUT_RELEASE_INPUT:
      return { type: 'releaseInput', stream: eye.u32(), offset: eye.f64() };
    case OUTPUT_RELEASE_OPERATION:
      return { type: 'releaseOperation', operation: eye.i64() };
    default:
      assert(kind === OUTPUT_OUTCOME, 'an output has a kind');
      return { type: 'outcome', outcome: readOutcome(eye) };
  }
}

function readOutcome(eye: Eye): Outcome {
  if (eye.u8() === 0) return { kind: 'exit', status: eye.i32() };
  const [count, exact] = [eye.f64(), eye.u8() === 1];
  return { kind: 'trap', count, exact, message: eye.text() };
}

export function interruptSizeMax(interrupt: Interrupt): number {
  if (interrupt.kind === 'stream') return RECORD_OVERHEAD_BYTES + interrupt.bytes.length;
  if (interrupt.kind === 'completion') return RECORD_OVERHEAD_BYTES + interrupt.data.length;
  return RECORD_OVERHEAD_BYTES;
}

export function writeInterrupt(interrupt: Interrupt, bytes: Uint8Array, at: number, view: DataView): number {
  const pen = new Pen(bytes, at, view);
  switch (interrupt.kind) {
    case 'stream':
      pen.u8(INTERRUPT_STREAM).u32(interrupt.stream).f64(interrupt.offset);
      pen.u8(interrupt.end ? 1 : 0).bytes(interrupt.bytes);
      break;
    case 'completion':
      pen.u8(INTERRUPT_COMPLETION).i64(interrupt.operation).i32(interrupt.status).bytes(interrupt.data);
      break;
    case 'uncertain':
      pen.u8(INTERRUPT_UNCERTAIN).i64(interrupt.operation);
      break;
    case 'timer':
      assert(false, 'the timer is derived from Tme, it never crosses the threads');
  }
  return pen.written;
}

export function readInterrupt(bytes: Uint8Array, at: number, length: number): Interrupt {
  const eye = new Eye(bytes, at, length);
  const kind = eye.u8();
  switch (kind) {
    case INTERRUPT_STREAM: {
      const [stream, offset, end] = [eye.u32(), eye.f64(), eye.u8() === 1];
      return { kind: 'stream', stream, offset, end, bytes: eye.bytes() };
    }
    case INTERRUPT_COMPLETION: {
      const [operation, status] = [eye.i64(), eye.i32()];
      return { kind: 'completion', operation, status, data: eye.bytes() };
    }
    default:
      assert(kind === INTERRUPT_UNCERTAIN, 'an interrupt has a kind');
      return { kind: 'uncertain', operation: eye.i64() };
  }
}
