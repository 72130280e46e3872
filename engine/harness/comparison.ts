// What can be seen of a machine from outside, and where two of them differ.

import { EpochvisorError } from '../errors/errors.js';
import { describeOutcome } from '../protocol/describe.js';
import type { Outcome } from '../protocol/vocabulary.js';
import { describeDifference, firstDifference } from '../testing/difference.js';
import { isSameOutcome } from '../testing/trial-judge.js';

/** What came out of a machine, at its end. */
export interface Result {
  readonly outcome: Outcome;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** What devices wrote, by what they are called: `disk 0`, `teller`; of a folder, a listing with digests. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** What two runs of one guest have in common. */
export type Comparable = Omit<Result, 'stderr'>;

/** What a machine is compared with: what is left out is not compared. A text or bytes: its stdout. */
export type Reference =
  | string
  | Uint8Array
  | {
      readonly outcome?: Outcome;
      readonly stdout?: string | Uint8Array;
      readonly stderr?: string | Uint8Array;
      readonly files?: Readonly<Record<string, string | Uint8Array>>;
    };

/**
 * The first difference, in one line; undefined: there is none.
 * @throws EpochvisorError NOTHING_COMPARED where the reference says nothing, or names a file that there is not
 */
export function differenceFrom(reference: Reference, result: Result): string | undefined {
  const wanted = typeof reference === 'string' || reference instanceof Uint8Array ? { stdout: reference } : reference;
  const { outcome, stdout, stderr, files = {} } = wanted;
  if (outcome === undefined && stdout === undefined && stderr === undefined && Object.keys(files).length === 0) {
    throw new EpochvisorError('NOTHING_COMPARED', 'the reference has nothing to compare with', 'give it a stdout');
  }
  const streams: readonly (readonly [string, string | Uint8Array | undefined, Uint8Array | undefined])[] = [
    ['stdout', stdout, result.stdout],
    ['stderr', stderr, result.stderr],
    ...Object.entries(files).map(([name, bytes]) => [name, bytes, result.files[name]] as const),
  ];
  for (const [name, expected, found] of streams) {
    if (expected === undefined) continue;
    if (found === undefined) {
      const there = Object.keys(result.files).join(', ') || 'none';
      throw new EpochvisorError('NOTHING_COMPARED', `the machine has no device '${name}'`, `it has: ${there}`);
    }
    const difference = firstDifference(Buffer.from(expected), found);
    if (difference !== undefined) return `${name} differs at ${describeDifference(difference)}`;
  }
  if (outcome === undefined || isSameOutcome(outcome, result.outcome)) return undefined;
  return `the outcome differs: expected ${describeOutcome(outcome)}, found ${describeOutcome(result.outcome)}`;
}
