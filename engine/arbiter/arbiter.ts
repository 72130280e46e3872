// The arbiter's contract (rule VW): it answers one question, once per view: who owns view v?

import { EpochvisorError } from '../errors/errors.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';

export interface Arbiter {
  /**
   * Claims `view`, by put-if-absent: of all claims of one number, ever, by whomever, one is won. A claim may be made
   * again after a lost answer: what decides is the record, by its claim id. `unreachable`: it is not known whether the
   * claim was made; ask again.
   * @throws EpochvisorError VIEW_CORRUPT, MACHINE_MALFORMED
   */
  claim(view: View): Promise<ClaimAnswer>;
  /**
   * The record of a view, or undefined where nobody has claimed it.
   * @throws EpochvisorError ARBITER_UNREACHABLE, VIEW_CORRUPT, MACHINE_MALFORMED
   */
  read(machine: string, number: number): Promise<View | undefined>;
  /** The record with the highest number, or undefined where there is none; throws as `read`. */
  latest(machine: string): Promise<View | undefined>;
}

/** Views are numbered from 0 with at most ten digits. */
export const VIEW_MAX = 9_999_999_999;

/** A machine's id becomes part of a name: letters, digits and dashes, at most 64. */
export function checkNamed(machine: string, number: number): void {
  if (!/^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(machine)) {
    throw new EpochvisorError('MACHINE_MALFORMED', `${JSON.stringify(machine)} is no machine id`);
  }
  if (!Number.isInteger(number) || number < 0 || number > VIEW_MAX) {
    throw new EpochvisorError('VIEW_CORRUPT', `${number} is no number of a view`);
  }
}
