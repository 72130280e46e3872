// What comparing state (SD) has come to at one replica, as its guest thread leaves it for the status.

import {
  WORD_COMPARED_EVERY_MS,
  WORD_COMPARED_MS,
  WORD_COMPARISONS,
  WORD_COVERED,
  WORD_VERIFY_SPENT,
} from './shared.js';

/** A replica compares while it is a backup; what it found then it keeps saying when it has become a primary. */
export interface Verification {
  /** State digests that were compared with the primary's, and found equal. */
  readonly comparisons: number;
  /** When the last one was, ms since 1970 by this host; 0: none was. */
  readonly lastMs: number;
  /** Part of the guest's memory, as large as it is now, that was compared at least once. */
  readonly covered: number;
  /** After so long each page was compared again, of late; 0: none was yet. */
  readonly everyMs: number;
  /** Part of its time that the guest thread has spent on digests, as a primary or as a backup. */
  readonly spent: number;
}

export function putVerification(positions: Float64Array, verification: Verification): void {
  positions[WORD_COMPARISONS] = verification.comparisons;
  positions[WORD_COMPARED_MS] = verification.lastMs;
  positions[WORD_COVERED] = verification.covered;
  positions[WORD_COMPARED_EVERY_MS] = verification.everyMs;
  positions[WORD_VERIFY_SPENT] = verification.spent;
}

export function readVerification(positions: Float64Array): Verification {
  return {
    comparisons: positions[WORD_COMPARISONS]!,
    lastMs: positions[WORD_COMPARED_MS]!,
    covered: positions[WORD_COVERED]!,
    everyMs: positions[WORD_COMPARED_EVERY_MS]!,
    spent: positions[WORD_VERIFY_SPENT]!,
  };
}
