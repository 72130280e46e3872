// Members of a machine, and their records: where each listens, for others to find it. A record is a hint: whoever acts on it
// is told by the hello who is there, and a record of the dead costs a call that nobody answers.
//
//   {"format":"epochvisor member","version":1,"machine":"..","incarnation":"..","kind":"replica","address":"ws://..","number":3}
//
// `number` is one more than the highest that stood when the member was announced. So of two members one is the later, by the
// number and then by the incarnation, and both know which: the later one calls. Clocks of several hosts could not tell.

import { EpochvisorError } from '../errors/errors.js';

export interface Announcement {
  /** Unique among all members that a machine ever had. */
  readonly incarnation: string;
  readonly kind: 'replica' | 'bus';
  /** `ws://HOST:PORT` or `wss://HOST:PORT` */
  readonly address: string;
}

export interface Member extends Announcement {
  readonly number: number;
}

/** Records of a machine that are kept: members of its view, and those who have come since. */
export const MEMBERS_MAX = 64;
/** Far above any machine's; what a hostile number can do is to be refused. */
const NUMBER_MAX = 9_999_999_999;

const FORMAT = 'epochvisor member';
const VERSION = 1;

export function isLater(one: Member, other: Member): boolean {
  return one.number === other.number ? one.incarnation > other.incarnation : one.number > other.number;
}

/** What a member is announced as, beside those that stand; the record that it has already where that says the same. */
export function numbered(about: Announcement, standing: readonly Member[]): Member {
  const own = standing.find(({ incarnation }) => incarnation === about.incarnation);
  if (own?.address === about.address && own.kind === about.kind) return own;
  return { ...about, number: 1 + standing.reduce((most, { number }) => Math.max(most, number), 0) };
}

/**
 * Whose records go: beyond MEMBERS_MAX the earliest, but for those whom the latest view names and the latest bus. Nobody says
 * of a member that it is dead; one that was forgotten and lives can still call others.
 */
export function surplus(standing: readonly Member[], named: readonly string[]): Member[] {
  const latestFirst = [...standing].sort((a, b) => (isLater(a, b) ? -1 : 1));
  const bus = latestFirst.find(({ kind }) => kind === 'bus');
  return latestFirst.slice(MEMBERS_MAX).filter(one => one !== bus && !named.includes(one.incarnation));
}

export function writeMember(machine: string, { incarnation, kind, address, number }: Member): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, machine, incarnation, kind, address, number })}\n`;
}

/**
 * @param where names the record in messages
 * @throws EpochvisorError MEMBER_CORRUPT where it is not a record, or not that of this member
 */
export function readMember(text: string, where: string, machine: string, incarnation: string): Member {
  let record: Record<string, unknown>;
  try {
    record = Object(JSON.parse(text));
  } catch {
    throw corruptMember(where, 'it is not JSON');
  }
  if (record.format !== FORMAT) throw corruptMember(where, 'its format is unknown');
  if (record.version !== VERSION)
    throw corruptMember(where, `its version is ${String(record.version)}, not ${VERSION}`);
  if (record.machine !== machine || record.incarnation !== incarnation) {
    throw corruptMember(where, 'it is that of another member');
  }
  const { kind, address, number } = record;
  if (kind !== 'replica' && kind !== 'bus') throw corruptMember(where, 'its kind is unknown');
  if (typeof address !== 'string' || !/^wss?:\/\/[^/\s]+$/.test(address))
    throw corruptMember(where, 'it has no address');
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > NUMBER_MAX) {
    throw corruptMember(where, 'it has no number');
  }
  return { incarnation, kind, address, number };
}

export function corruptMember(where: string, why: string): EpochvisorError {
  return new EpochvisorError('MEMBER_CORRUPT', `${where} is not a member record: ${why}`);
}
