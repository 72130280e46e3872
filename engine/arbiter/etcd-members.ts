// The member records of one machine in an etcd, and the count of all that were ever announced, which numbers them.
//
//   MACHINE/announced             written with every announcement: how often etcd knows, and that is the number of the last one
//   MACHINE/members/INCARNATION   a record, under a lease of its own (kept-member.ts)
//
// A record may go and come back with its number. So numbers are never given twice: the count stays where records go, and of two
// announcements at once etcd takes the second only if it has heard of the first.

import { EpochvisorError } from '../errors/errors.js';
import { isId } from './arbiter.js';
import type { EtcdClient, KeyRange, KeyValue } from './etcd-client.js';
import { KeptMember } from './kept-member.js';
import {
  type Announcement,
  announces,
  corruptMember,
  MEMBERS_MAX,
  type Member,
  readMember,
  surplus,
  writeMember,
} from './members.js';

/** Far above any record, and any number of them: bound what hostile ones can make us read. */
const RECORD_MAX_CHARACTERS = 4 * 1024;
const RECORDS_MAX = 16 * MEMBERS_MAX;
/** Each time that an announcement is not taken another one was; beyond all members that there can be, nobody announces that much. */
const TRIES_MAX = 4 * MEMBERS_MAX;

interface Standing {
  readonly members: readonly Member[];
  /** The lease that the record of the member in question stands under. */
  readonly lease: string | undefined;
  /** Announcements so far. */
  readonly count: string;
}

/** Its methods throw EpochvisorError ARBITER_UNREACHABLE, MEMBER_CORRUPT. */
export class EtcdMembers {
  readonly #client: EtcdClient;
  readonly #machine: string;
  readonly #leaseSeconds: number;
  readonly #counter: string;
  readonly #keys: string;
  /** Of this process, by incarnation. */
  readonly #kept = new Map<string, KeptMember>();

  /** @param prefix of the machine's keys */
  constructor(client: EtcdClient, prefix: string, machine: string, leaseSeconds: number) {
    this.#client = client;
    this.#leaseSeconds = leaseSeconds;
    this.#machine = machine;
    this.#counter = `${prefix}announced`;
    this.#keys = `${prefix}members/`;
  }

  /** @param named asked for the incarnations of the latest view, where records are to go */
  async announce(about: Announcement, named: () => Promise<readonly string[]>): Promise<Member> {
    const { incarnation } = about;
    const kept = this.#kept.get(incarnation);
    await kept?.release();
    const lease = kept?.lease ?? (await this.#client.grant(this.#leaseSeconds));
    const { own, others } = await this.#put(about, lease);
    this.#kept.set(incarnation, new KeptMember(this.#client, this.#recordOf(own), lease, this.#leaseSeconds));
    const all = [...others, own];
    if (all.length > MEMBERS_MAX) {
      for (const one of surplus(all, await named())) await this.#client.remove(this.#keyOf(one.incarnation));
    }
    return own;
  }

  async members(): Promise<readonly Member[]> {
    return this.#membersIn(await this.#client.range(this.#all));
  }

  async withdraw(incarnation: string): Promise<void> {
    const kept = this.#kept.get(incarnation);
    this.#kept.delete(incarnation);
    await kept?.release();
    await this.#client.remove(this.#keyOf(incarnation));
    try {
      if (kept !== undefined) await this.#client.revoke(kept.lease);
    } catch (error) {
      // It lapses by itself, or has.
      if (!(error instanceof EpochvisorError)) throw error;
    }
  }

  /** Puts the record, with the number that it has or the next one. */
  async #put(
    about: Announcement,
    lease: string,
  ): Promise<{ readonly own: Member; readonly others: readonly Member[] }> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const standing = await this.#standing(about.incarnation);
      const others = standing.members.filter(({ incarnation }) => incarnation !== about.incarnation);
      const same = standing.members.find(one => announces(one, about));
      // An answer may have been lost: the record is there already.
      if (same !== undefined && standing.lease === lease) return { own: same, others };
      const own = same ?? { ...about, number: Number(standing.count) + 1 };
      const counted = same === undefined ? [{ key: this.#counter, value: about.incarnation }] : [];
      const unchanged = [{ key: this.#counter, version: standing.count }];
      const puts = [{ ...this.#recordOf(own), lease }, ...counted];
      if ((await this.#client.putIf(unchanged, puts, { key: this.#counter })) === undefined) return { own, others };
    }
    throw new EpochvisorError('ARBITER_UNREACHABLE', 'etcd takes no announcement: others come before it each time');
  }

  /** What stands at one moment. */
  async #standing(incarnation: string): Promise<Standing> {
    const [records = [], [counter] = []] = await this.#client.ranges([this.#all, { key: this.#counter }]);
    return {
      members: this.#membersIn(records),
      lease: records.find(({ key }) => key === this.#keyOf(incarnation))?.lease,
      count: counter?.version ?? '0',
    };
  }

  #membersIn(records: readonly KeyValue[]): Member[] {
    if (records.length > RECORDS_MAX) throw corruptMember(this.#keys, `there are more than ${RECORDS_MAX} keys`);
    return records.flatMap(({ key, value }) => {
      const incarnation = key.slice(this.#keys.length);
      if (!isId(incarnation)) return [];
      const where = `etcd's ${key}`;
      if (value.length > RECORD_MAX_CHARACTERS) throw corruptMember(where, 'it is too long');
      return [readMember(value, where, this.#machine, incarnation)];
    });
  }

  get #all(): KeyRange {
    // The character after the slash ends the range.
    return { key: this.#keys, end: `${this.#keys.slice(0, -1)}0`, limit: RECORDS_MAX + 1 };
  }

  #recordOf(member: Member): { readonly key: string; readonly value: string } {
    return { key: this.#keyOf(member.incarnation), value: writeMember(this.#machine, member) };
  }

  #keyOf(incarnation: string): string {
    return `${this.#keys}${incarnation}`;
  }
}
