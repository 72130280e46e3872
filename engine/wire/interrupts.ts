// The bytes of an interrupt: in the ring to the guest thread, in the log, and in what the bus tells.
//
//   timer       00 time
//   stream      01 stream offset bytes                02: and its end
//   completion  03 operation(64) signed status, data
//   uncertain   04 operation(64)
//   opened      05 stream offset opened, data
//   taken       06 stream offset
//   reset       07 stream

import type { Interrupt } from '../protocol/vocabulary.js';
import {
  malformed,
  putBytes,
  putSigned,
  putUnsigned,
  putUnsigned64,
  type Reader,
  UNSIGNED_MAX_BYTES,
  UNSIGNED64_MAX_BYTES,
} from './varints.js';

const TIMER = 0;
const STREAM = 1;
const STREAM_END = 2;
const COMPLETION = 3;
const UNCERTAIN = 4;
const OPENED = 5;
const TAKEN = 6;
const RESET = 7;

/** Kind, three numbers, or two of which one is of 64 bits; a length. */
const HEAD_MAX_BYTES = 1 + 3 * UNSIGNED_MAX_BYTES + UNSIGNED64_MAX_BYTES;

/** Bytes of data that an interrupt brings. */
export function dataBytes(interrupt: Interrupt): number {
  switch (interrupt.kind) {
    case 'stream':
      return interrupt.bytes.length;
    case 'completion':
    case 'opened':
      return interrupt.data.length;
    default:
      return 0;
  }
}

/** The most bytes that `putInterrupt` writes. */
export function interruptBytesMax(interrupt: Interrupt): number {
  return HEAD_MAX_BYTES + dataBytes(interrupt);
}

/** Writes at `at` of `target`; returns the position after it. */
export function putInterrupt(target: Uint8Array, at: number, interrupt: Interrupt): number {
  switch (interrupt.kind) {
    case 'timer':
      target[at++] = TIMER;
      return putUnsigned(target, at, interrupt.timeNs);
    case 'stream':
      target[at++] = interrupt.end ? STREAM_END : STREAM;
      at = putUnsigned(target, at, interrupt.stream);
      at = putUnsigned(target, at, interrupt.offset);
      return putBytes(target, at, interrupt.bytes);
    case 'completion':
      target[at++] = COMPLETION;
      at = putUnsigned64(target, at, interrupt.operation);
      at = putSigned(target, at, interrupt.status);
      return putBytes(target, at, interrupt.data);
    case 'uncertain':
      target[at++] = UNCERTAIN;
      return putUnsigned64(target, at, interrupt.operation);
    case 'opened':
      target[at++] = OPENED;
      at = putUnsigned(target, at, interrupt.stream);
      at = putUnsigned(target, at, interrupt.offset);
      at = putUnsigned(target, at, interrupt.opened);
      return putBytes(target, at, interrupt.data);
    case 'taken':
      target[at++] = TAKEN;
      at = putUnsigned(target, at, interrupt.stream);
      return putUnsigned(target, at, interrupt.offset);
    case 'reset':
      target[at++] = RESET;
      return putUnsigned(target, at, interrupt.stream);
  }
}

/**
 * Its data is what `data` makes of a view of what is read; by default that view.
 * @throws EpochvisorError PACKET_MALFORMED
 */
export function readInterrupt(reader: Reader, data: (view: Uint8Array) => Uint8Array = view => view): Interrupt {
  const kind = reader.byte();
  switch (kind) {
    case TIMER:
      return { kind: 'timer', timeNs: reader.unsigned() };
    case STREAM:
    case STREAM_END: {
      const stream = reader.unsigned();
      const offset = reader.unsigned();
      return { kind: 'stream', stream, offset, bytes: data(reader.bytes()), end: kind === STREAM_END };
    }
    case COMPLETION: {
      const operation = reader.unsigned64();
      const status = reader.signed32();
      return { kind: 'completion', operation, status, data: data(reader.bytes()) };
    }
    case UNCERTAIN:
      return { kind: 'uncertain', operation: reader.unsigned64() };
    case OPENED: {
      const stream = reader.unsigned();
      const offset = reader.unsigned();
      const opened = reader.unsigned();
      return { kind: 'opened', stream, offset, opened, data: data(reader.bytes()) };
    }
    case TAKEN: {
      const stream = reader.unsigned();
      return { kind: 'taken', stream, offset: reader.unsigned() };
    }
    case RESET:
      return { kind: 'reset', stream: reader.unsigned() };
    default:
      throw malformed('an interrupt of unknown kind', reader.at - 1);
  }
}
