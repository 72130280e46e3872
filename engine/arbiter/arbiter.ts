// The arbiter's contract: it answers one question, once per view (rule VW): who owns view v? Beside that it keeps how a machine
// ended, once as well, and hints: where the members of a machine listen.

import { EpochvisorError } from '../errors/errors.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';
import { type MachineEnd, writeEnd } from './machine-end.js';
import { type Announcement, isAddress, isHost, type Member } from './members.js';

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
  /**
   * Tells where a member listens, until it is withdrawn or forgotten (`surplus`); the answer has its number. May be repeated
   * after a lost answer.
   * @throws EpochvisorError ARBITER_UNREACHABLE, MEMBER_CORRUPT, MACHINE_MALFORMED
   */
  announce(machine: string, about: Announcement): Promise<Member>;
  /**
   * Those who were announced, dead ones among them, in no order. Of two that are announced at once at least one finds the other.
   * @throws EpochvisorError as `announce`
   */
  members(machine: string): Promise<readonly Member[]>;
  /** Removes the record of a member that has ended, if there is one; throws as `announce`. */
  withdraw(machine: string, incarnation: string): Promise<void>;
  /**
   * Says how a machine ended, by put-if-absent: of all that is said of one machine, ever, the first stands. May be repeated
   * after a lost answer. `unreachable`: it is not known whether it was written; ask again.
   * @throws EpochvisorError END_CORRUPT, MACHINE_MALFORMED
   */
  end(machine: string, end: MachineEnd): Promise<EndAnswer>;
  /**
   * How a machine ended; undefined: it has not.
   * @throws EpochvisorError ARBITER_UNREACHABLE, END_CORRUPT, MACHINE_MALFORMED
   */
  ended(machine: string): Promise<MachineEnd | undefined>;
}

export type EndAnswer =
  /** The record says what was given, whoever wrote it. */
  | { readonly result: 'won' }
  /** The machine ended otherwise. */
  | { readonly result: 'lost'; readonly end: MachineEnd }
  | { readonly result: 'unreachable'; readonly reason: string };

/** VW: what a claim comes to, by the record that stands. */
export function claimAnswer(claimed: View, owner: View): ClaimAnswer {
  return owner.claim === claimed.claim ? { result: 'won' } : { result: 'lost', owner };
}

export function endAnswer(machine: string, given: MachineEnd, standing: MachineEnd): EndAnswer {
  const isSame = writeEnd(machine, given) === writeEnd(machine, standing);
  return isSame ? { result: 'won' } : { result: 'lost', end: standing };
}

/** Views are numbered from 0 with at most ten digits. */
export const VIEW_MAX = 9_999_999_999;

/** Ids become part of a name: letters, digits and dashes, at most 64. */
const ID = /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/;

export function isId(name: string): boolean {
  return ID.test(name);
}

/** @throws EpochvisorError MACHINE_MALFORMED */
export function checkMember(machine: string, incarnation: string): void {
  checkNamed(machine, 0);
  if (!ID.test(incarnation)) {
    throw new EpochvisorError('MACHINE_MALFORMED', `${JSON.stringify(incarnation)} is no id of a member`);
  }
}

/**
 * What nobody could read again is not written.
 * @throws EpochvisorError MACHINE_MALFORMED
 */
export function checkAnnounced(machine: string, { incarnation, address, host }: Announcement): void {
  checkMember(machine, incarnation);
  if (!isAddress(address)) {
    throw new EpochvisorError('MACHINE_MALFORMED', `${JSON.stringify(address)} is no address of a member`);
  }
  if (host !== undefined && !isHost(host)) {
    throw new EpochvisorError('MACHINE_MALFORMED', `${JSON.stringify(host)} is no name of a host`);
  }
}

/** @throws EpochvisorError MACHINE_MALFORMED, VIEW_CORRUPT */
export function checkNamed(machine: string, number: number): void {
  if (!ID.test(machine)) {
    throw new EpochvisorError('MACHINE_MALFORMED', `${JSON.stringify(machine)} is no machine id`);
  }
  if (!Number.isInteger(number) || number < 0 || number > VIEW_MAX) {
    throw new EpochvisorError('VIEW_CORRUPT', `${number} is no number of a view`);
  }
}
