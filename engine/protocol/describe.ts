// Log entries and outcomes in words: for messages about divergence and for users.

import type { Digest, LogEntry, Outcome } from './vocabulary.js';

export function describeEntry(entry: LogEntry): string {
  switch (entry.type) {
    case 'value':
      return `an environment instruction (source ${entry.source})`;
    case 'empty':
      return `the end of ${entry.epochs} empty epochs at instruction ${describeDigest(entry.digest)}`;
    case 'end':
      return `the end of epoch ${entry.epoch} at instruction ${describeDigest(entry.digest)}`;
    case 'digest':
      return `the state digest of epoch ${entry.epoch}`;
    case 'length':
      return `epochs of ${entry.epochLength} instructions after epoch ${entry.epoch}`;
    case 'final':
      return `the guest's end (${describeOutcome(entry.outcome)}) in epoch ${entry.epoch}`;
  }
}

function describeDigest(digest: Digest): string {
  return `${digest.count} (I/O ${digest.submitted}, environment ${digest.consumed})`;
}

export function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.kind === 'exit') return b.kind === 'exit' && a.status === b.status;
  return b.kind === 'trap' && a.message === b.message && a.count === b.count && a.exact === b.exact;
}

/** One phrase for messages: `exit 3`, or `trap: unreachable in f after 12 instructions`. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'exit') return `exit ${outcome.status}`;
  return `trap: ${outcome.message} after ${outcome.exact ? '' : 'at least '}${outcome.count} instructions`;
}
