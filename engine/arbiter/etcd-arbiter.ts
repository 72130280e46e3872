// An arbiter in an etcd: one key a view, put if absent by a transaction.
//
//   PREFIX MACHINE/views/NNNNNNNNNN    a view record; ten digits, so that the last key is the latest view
//   PREFIX MACHINE/end                 how the machine ended
//   PREFIX MACHINE/members/...         where members listen (etcd-members.ts)
//
// A claim is one transaction: it writes the record if the key was never written, else it answers with the record that stands. So
// an answer says who owns the view, and one that was lost is got again by the same claim: it finds the record, and in it whose
// claim won (VW). Views have no lease: who owned a view is true for ever. etcd is asked when somebody claims, joins or looks
// for others, and for the leases of members; a pair that lacks nobody runs on without it.

import { EpochvisorError } from '../errors/errors.js';
import type { ClaimAnswer } from '../protocol/channel.js';
import type { View } from '../protocol/vocabulary.js';
import {
  type Arbiter,
  checkAnnounced,
  checkMember,
  checkNamed,
  claimAnswer,
  type EndAnswer,
  endAnswer,
  VIEW_MAX,
} from './arbiter.js';
import { parseEtcdAddress } from './etcd-address.js';
import { EtcdClient, type KeyValue } from './etcd-client.js';
import type { EtcdCredentials } from './etcd-credentials.js';
import { DEFAULT_ETCD_TIMING, EtcdGateway, type EtcdTiming } from './etcd-gateway.js';
import { EtcdMembers } from './etcd-members.js';
import { LEASE_SECONDS } from './kept-member.js';
import { corruptEnd, type MachineEnd, readEnd, writeEnd } from './machine-end.js';
import type { Announcement, Member } from './members.js';
import { corrupt, readRecord, writeRecord } from './record.js';

const DIGITS = 10;
/** Far above any record; bounds what a hostile one can make us parse. */
const RECORD_MAX_CHARACTERS = 64 * 1024;

/** Reads a record: its text, and what names it in messages. */
type Read<T> = (text: string, where: string) => T;
type Corrupt = (where: string, why: string) => EpochvisorError;

/** Tests have less patience. */
export type EtcdArbiterTiming = Partial<EtcdTiming> & { readonly leaseSeconds?: number };

export class EtcdArbiter implements Arbiter {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #leaseSeconds: number;
  readonly #members = new Map<string, EtcdMembers>();
  /** Under way, by what is written: who has had no answer for a while claims again. */
  readonly #claims = new Map<string, Promise<ClaimAnswer>>();

  /**
   * Asks nothing yet: an etcd that is out of reach may be there when it is needed.
   * @throws EpochvisorError ARBITER_MALFORMED, ARBITER_CREDENTIALS
   */
  constructor(address: string, credentials: EtcdCredentials = {}, timing: EtcdArbiterTiming = {}) {
    const parsed = parseEtcdAddress(address);
    const { leaseSeconds = LEASE_SECONDS, ...calls } = timing;
    this.#leaseSeconds = leaseSeconds;
    this.#client = new EtcdClient(new EtcdGateway(parsed, credentials, { ...DEFAULT_ETCD_TIMING, ...calls }));
    this.#prefix = parsed.prefix;
  }

  claim(view: View): Promise<ClaimAnswer> {
    const record = writeRecord(view);
    const claim = this.#claims.get(record) ?? this.#claim(view, record).finally(() => this.#claims.delete(record));
    this.#claims.set(record, claim);
    return claim;
  }

  async #claim(view: View, record: string): Promise<ClaimAnswer> {
    const { machine, number } = view;
    checkNamed(machine, number);
    const read: Read<View> = (text, where) => readRecord(text, where, machine, number);
    const owner = await this.#decided(this.#viewKey(machine, number), record, read, corrupt);
    return owner instanceof EpochvisorError
      ? { result: 'unreachable', reason: owner.message }
      : claimAnswer(view, owner);
  }

  async read(machine: string, number: number): Promise<View | undefined> {
    checkNamed(machine, number);
    const [record] = await this.#client.range({ key: this.#viewKey(machine, number) });
    return record && this.#viewIn(record, machine);
  }

  async latest(machine: string): Promise<View | undefined> {
    checkNamed(machine, 0);
    const end = `${this.#viewKey(machine, VIEW_MAX)}\0`;
    const [record] = await this.#client.range({ key: this.#viewKey(machine, 0), end, last: true, limit: 1 });
    return record && this.#viewIn(record, machine);
  }

  async announce(machine: string, about: Announcement): Promise<Member> {
    checkAnnounced(machine, about);
    return await this.#membersOf(machine).announce(about, async () => {
      const view = await this.latest(machine);
      return view === undefined ? [] : [view.primary, ...view.backups];
    });
  }

  async members(machine: string): Promise<readonly Member[]> {
    checkNamed(machine, 0);
    return await this.#membersOf(machine).members();
  }

  async withdraw(machine: string, incarnation: string): Promise<void> {
    checkMember(machine, incarnation);
    await this.#membersOf(machine).withdraw(incarnation);
  }

  async end(machine: string, end: MachineEnd): Promise<EndAnswer> {
    checkNamed(machine, 0);
    const read: Read<MachineEnd> = (text, where) => readEnd(text, where, machine);
    const standing = await this.#decided(this.#endKey(machine), writeEnd(machine, end), read, corruptEnd);
    return standing instanceof EpochvisorError
      ? { result: 'unreachable', reason: standing.message }
      : endAnswer(machine, end, standing);
  }

  async ended(machine: string): Promise<MachineEnd | undefined> {
    checkNamed(machine, 0);
    const [record] = await this.#client.range({ key: this.#endKey(machine) });
    return record && recordIn(record, (text, where) => readEnd(text, where, machine), corruptEnd);
  }

  /**
   * Puts a record where there is none.
   * @returns the record that stands, or why it is not known
   */
  async #decided<T>(key: string, value: string, read: Read<T>, corrupt: Corrupt): Promise<T | EpochvisorError> {
    let records: readonly KeyValue[] | undefined;
    try {
      records = await this.#client.putIf([{ key, version: '0' }], [{ key, value }], { key });
    } catch (error) {
      if (!(error instanceof EpochvisorError) || error.code !== 'ARBITER_UNREACHABLE') throw error;
      return error;
    }
    if (records === undefined) return read(value, key);
    const [record] = records;
    return record === undefined
      ? new EpochvisorError('ARBITER_UNREACHABLE', `etcd's ${key} was removed meanwhile`)
      : recordIn(record, read, corrupt);
  }

  /** Of the machine's keys one may be none of ours: it is refused, for nobody knows what it stands for. */
  #viewIn(record: KeyValue, machine: string): View {
    const digits = record.key.slice(this.#viewKey(machine, 0).length - DIGITS);
    if (!/^\d{10}$/.test(digits)) throw corrupt(`etcd's ${JSON.stringify(record.key)}`, 'its name is no number');
    return recordIn(record, (text, where) => readRecord(text, where, machine, Number(digits)), corrupt);
  }

  #membersOf(machine: string): EtcdMembers {
    const prefix = `${this.#prefix}${machine}/`;
    const members = this.#members.get(machine) ?? new EtcdMembers(this.#client, prefix, machine, this.#leaseSeconds);
    this.#members.set(machine, members);
    return members;
  }

  #viewKey(machine: string, number: number): string {
    return `${this.#prefix}${machine}/views/${String(number).padStart(DIGITS, '0')}`;
  }

  #endKey(machine: string): string {
    return `${this.#prefix}${machine}/end`;
  }
}

function recordIn<T>({ key, value }: KeyValue, read: Read<T>, corrupt: Corrupt): T {
  const where = `etcd's ${key}`;
  if (value.length > RECORD_MAX_CHARACTERS) throw corrupt(where, 'it is too long');
  return read(value, where);
}
