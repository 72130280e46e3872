// Members of a machine, and their records: where each listens, for others to find it. A record is a hint: whoever acts on it
// is told by the hello who is there, and a record of the dead costs a call that nobody answers.
//
//   {"format":"epochvisor member","version":2,"machine":"..","incarnation":"..","kind":"replica","address":"wss://..","host":"..",
//    "number":3}
//
// Version 1 had neither `host` nor `wss://`: its readers could say nothing better of such a record than that it has no address.
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
  /** The name of the host that it runs on, for people to read. */
  readonly host?: string;
}

export interface Member extends Announcement {
  readonly number: number;
}

/** Records of a machine that are kept: members of its view, and those who have come since. */
export const MEMBERS_MAX = 64;
/** Far above any machine's; what a hostile number can do is to be refused. */
const NUMBER_MAX = 9_999_999_999;

const ADDRESS = /^wss?:\/\/[^/\s]{1,512}$/;
/** Of hosts and of their domains; nothing that does something to the terminal it is shown on. */
const HOST = /^[^\p{C}]{1,255}$/u;

const FORMAT = 'epochvisor member';
const VERSION = 2;

export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

export function isHost(text: string): boolean {
  return HOST.test(text);
}

export function isLater(one: Member, other: Member): boolean {
  return one.number === other.number ? one.incarnation > other.incarnation : one.number > other.number;
}

/** What a member is announced as, beside those that stand; the record that it has already where that says the same. */
export function numbered(about: Announcement, standing: readonly Member[]): Member {
  const own = standing.find(one => announces(one, about));
  return own ?? { ...about, number: 1 + standing.reduce((most, { number }) => Math.max(most, number), 0) };
}

/** Whether the record of a member says what is to be announced. */
export function announces(standing: Member, about: Announcement): boolean {
  const { incarnation, kind, address, host } = standing;
  return incarnation === about.incarnation && kind === about.kind && address === about.address && host === about.host;
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

export function writeMember(machine: string, { incarnation, kind, address, host, number }: Member): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, machine, incarnation, kind, address, host, number })}\n`;
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
  const { kind, address, host, number } = record;
  if (kind !== 'replica' && kind !== 'bus') throw corruptMember(where, 'its kind is unknown');
  if (typeof address !== 'string' || !isAddress(address)) throw corruptMember(where, 'it has no address');
  if (host !== undefined && (typeof host !== 'string' || !isHost(host))) {
    throw corruptMember(where, 'its host has no name');
  }
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > NUMBER_MAX) {
    throw corruptMember(where, 'it has no number');
  }
  return { incarnation, kind, address, ...(host === undefined ? {} : { host }), number };
}

export function corruptMember(where: string, why: string): EpochvisorError {
  return new EpochvisorError('MEMBER_CORRUPT', `${where} is not a member record: ${why}`);
}
