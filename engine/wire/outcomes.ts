// The bytes of an outcome, in packets and in the log.
//
//   exit      00 signed status
//   trap      01 unsigned count, text message       count is exact
//   trap      02 unsigned count, text message       at least count

import type { Outcome } from '../protocol/vocabulary.js';
import { malformed, type Reader, type Writer } from './varints.js';

export function writeOutcome(writer: Writer, outcome: Outcome): void {
  if (outcome.kind === 'exit') {
    writer.byte(0).signed(outcome.status);
  } else {
    writer
      .byte(outcome.exact ? 1 : 2)
      .unsigned(outcome.count)
      .text(outcome.message);
  }
}

export function readOutcome(reader: Reader): Outcome {
  const kind = reader.byte();
  if (kind === 0) return { kind: 'exit', status: reader.signed32() };
  if (kind > 2) throw malformed('an outcome of unknown kind', reader.at - 1);
  const count = reader.unsigned();
  return { kind: 'trap', message: reader.text(), count, exact: kind === 1 };
}
