// The bytes of an outcome, in outputs, in the log, and in what the bus tells.
//
//   exit      00 signed status
//   trap      01 count, text message       count is exact
//   trap      02 count, text message       at least count

import type { Outcome } from '../protocol/vocabulary.js';
import {
  malformed,
  putSigned,
  putText,
  putUnsigned,
  type Reader,
  textBytesMax,
  UNSIGNED_MAX_BYTES,
} from './varints.js';

/** The most bytes that `putOutcome` writes. */
export function outcomeBytesMax(outcome: Outcome): number {
  const message = outcome.kind === 'trap' ? textBytesMax(outcome.message) : 0;
  return 1 + UNSIGNED_MAX_BYTES + message;
}

/** Writes at `at` of `target`; returns the position after it. */
export function putOutcome(target: Uint8Array, at: number, outcome: Outcome): number {
  if (outcome.kind === 'exit') {
    target[at++] = 0;
    return putSigned(target, at, outcome.status);
  }
  target[at++] = outcome.exact ? 1 : 2;
  return putText(target, putUnsigned(target, at, outcome.count), outcome.message);
}

/** @throws EpochvisorError PACKET_MALFORMED */
export function readOutcome(reader: Reader): Outcome {
  const kind = reader.byte();
  if (kind === 0) return { kind: 'exit', status: reader.signed32() };
  if (kind > 2) throw malformed('an outcome of unknown kind', reader.at - 1);
  const count = reader.unsigned();
  return { kind: 'trap', message: reader.text(), count, exact: kind === 1 };
}
