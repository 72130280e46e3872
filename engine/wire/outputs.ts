// The bytes of an output: in the ring from the guest thread, and in what is sent to the bus.
//
//   stream             00 stream offset bytes
//   operation          01 id(64) device command argument(64) length, data
//   release of input   02 stream offset
//   release of an operation   03 id(64)
//   outcome            04 outcome                              as in outcomes.ts
//   end                05 stream offset
//   close              06 stream offset
//
// `argument` is the 64 bits of a signed number.

import type { Output } from '../protocol/vocabulary.js';
import { outcomeBytesMax, putOutcome, readOutcome } from './outcomes.js';
import {
  malformed,
  putBytes,
  putUnsigned,
  putUnsigned64,
  type Reader,
  UNSIGNED_MAX_BYTES,
  UNSIGNED64_MAX_BYTES,
} from './varints.js';

const STREAM = 0;
const OPERATION = 1;
const RELEASE_INPUT = 2;
const RELEASE_OPERATION = 3;
const OUTCOME = 4;
const END = 5;
const CLOSE = 6;

/** Kind, four numbers, two of 64 bits. */
const HEAD_MAX_BYTES = 1 + 4 * UNSIGNED_MAX_BYTES + 2 * UNSIGNED64_MAX_BYTES;

/** The most bytes that `putOutput` writes. */
export function outputBytesMax(output: Output): number {
  switch (output.type) {
    case 'stream':
      return HEAD_MAX_BYTES + output.bytes.length;
    case 'operation':
      return HEAD_MAX_BYTES + output.operation.data.length;
    case 'outcome':
      return 1 + outcomeBytesMax(output.outcome);
    default:
      return HEAD_MAX_BYTES;
  }
}

/** Writes at `at` of `target`; returns the position after it. */
export function putOutput(target: Uint8Array, at: number, output: Output): number {
  switch (output.type) {
    case 'stream':
      return putBytes(target, putPlace(target, at, STREAM, output), output.bytes);
    case 'operation': {
      const { id, device, command, argument, length, data } = output.operation;
      target[at++] = OPERATION;
      at = putUnsigned64(target, at, id);
      at = putUnsigned(target, at, device);
      at = putUnsigned(target, at, command);
      at = putUnsigned64(target, at, argument);
      at = putUnsigned(target, at, length);
      return putBytes(target, at, data);
    }
    case 'releaseInput':
      return putPlace(target, at, RELEASE_INPUT, output);
    case 'releaseOperation':
      target[at++] = RELEASE_OPERATION;
      return putUnsigned64(target, at, output.operation);
    case 'outcome':
      target[at++] = OUTCOME;
      return putOutcome(target, at, output.outcome);
    case 'end':
      return putPlace(target, at, END, output);
    case 'close':
      return putPlace(target, at, CLOSE, output);
  }
}

function putPlace(target: Uint8Array, at: number, kind: number, place: { stream: number; offset: number }): number {
  target[at++] = kind;
  at = putUnsigned(target, at, place.stream);
  return putUnsigned(target, at, place.offset);
}

/** Its data is a view of what is read. @throws EpochvisorError PACKET_MALFORMED */
export function readOutput(reader: Reader): Output {
  const kind = reader.byte();
  switch (kind) {
    case STREAM: {
      const stream = reader.unsigned();
      const offset = reader.unsigned();
      return { type: 'stream', stream, offset, bytes: reader.bytes() };
    }
    case OPERATION: {
      const id = reader.unsigned64();
      const device = reader.unsigned();
      const command = reader.unsigned();
      const argument = BigInt.asIntN(64, reader.unsigned64());
      const length = reader.unsigned();
      return { type: 'operation', operation: { id, device, command, argument, length, data: reader.bytes() } };
    }
    case RELEASE_INPUT:
    case END:
    case CLOSE: {
      const stream = reader.unsigned();
      const type = kind === RELEASE_INPUT ? 'releaseInput' : kind === END ? 'end' : 'close';
      return { type, stream, offset: reader.unsigned() };
    }
    case RELEASE_OPERATION:
      return { type: 'releaseOperation', operation: reader.unsigned64() };
    case OUTCOME:
      return { type: 'outcome', outcome: readOutcome(reader) };
    default:
      throw malformed('an output of unknown kind', reader.at - 1);
  }
}
