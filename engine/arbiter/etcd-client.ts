// The requests of etcd's version 3 that an arbiter needs, over its JSON gateway, which every etcd from 3.4 on has at /v3.
//
//   bytes are base64; 64-bit numbers are texts; what is zero, false or empty is left out
//
// So an answer that says nothing looks like one that says no: what must be there in each is looked for. Reads are linearizable,
// which is etcd's default: they tell of everything that was written before they were asked.

import { EpochvisorError } from '../errors/errors.js';
import type { EtcdGateway } from './etcd-gateway.js';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** How often it was written since it was made. */
  readonly version: string;
  /** The lease that it stands under; `0`: none. */
  readonly lease: string;
}

/** All keys from one on, up to another that is not among them; without that, the one key. */
export interface KeyRange {
  readonly key: string;
  readonly end?: string;
  /** The last one instead of the first. */
  readonly last?: boolean;
  readonly limit?: number;
}

export interface Put {
  readonly key: string;
  readonly value: string;
  readonly lease?: string;
}

/** A key that was never written has the version 0. */
export interface WrittenSoOften {
  readonly key: string;
  readonly version: string;
}

export class EtcdClient {
  readonly #gateway: EtcdGateway;

  constructor(gateway: EtcdGateway) {
    this.#gateway = gateway;
  }

  // All throw EpochvisorError ARBITER_UNREACHABLE.

  async range(range: KeyRange): Promise<KeyValue[]> {
    return keyValues(await this.#gateway.ask('/v3/kv/range', rangeRequest(range)), range);
  }

  /** Several ranges at one moment. */
  async ranges(ranges: readonly KeyRange[]): Promise<KeyValue[][]> {
    const answer = await this.#gateway.ask('/v3/kv/txn', {
      success: ranges.map(range => ({ request_range: rangeRequest(range) })),
    });
    return ranges.map((range, at) => keyValues(responseOf(answer, at, 'response_range'), range));
  }

  /**
   * Writes `puts` if each of the keys was written just so often.
   * @returns undefined where it was done; else what `otherwise` holds
   */
  async putIf(
    written: readonly WrittenSoOften[],
    puts: readonly Put[],
    otherwise: KeyRange,
  ): Promise<KeyValue[] | undefined> {
    const answer = await this.#gateway.ask('/v3/kv/txn', {
      compare: written.map(({ key, version }) => ({ key: base64(key), target: 'VERSION', result: 'EQUAL', version })),
      success: puts.map(({ key, value, lease }) => ({
        request_put: { key: base64(key), value: base64(value), ...(lease === undefined ? {} : { lease }) },
      })),
      failure: [{ request_range: rangeRequest(otherwise) }],
    });
    if (answer.succeeded !== true) return keyValues(responseOf(answer, 0, 'response_range'), otherwise);
    responseOf(answer, 0, 'response_put');
    return undefined;
  }

  async remove(key: string): Promise<void> {
    await this.#gateway.ask('/v3/kv/deleterange', { key: base64(key) });
  }

  /** @returns the id of a lease that lapses after `seconds` unless it is kept alive */
  async grant(seconds: number): Promise<string> {
    const answer = await this.#gateway.ask('/v3/lease/grant', { TTL: String(seconds) });
    if (!isNumber(answer.ID) || answer.ID === '0') throw senseless('a lease without an id');
    return answer.ID;
  }

  /** @returns whether the lease is there still */
  async keepAlive(lease: string): Promise<boolean> {
    const { result } = await this.#gateway.ask('/v3/lease/keepalive', { ID: lease });
    const { ID: id, TTL: left } = Object(result) as Record<string, unknown>;
    if (id !== lease) throw senseless('another lease than the one that was asked for');
    return isNumber(left) && left !== '0';
  }

  async revoke(lease: string): Promise<void> {
    await this.#gateway.ask('/v3/lease/revoke', { ID: lease });
  }
}

function rangeRequest({ key, end, last, limit }: KeyRange): object {
  return {
    key: base64(key),
    ...(end === undefined ? {} : { range_end: base64(end) }),
    ...(last === true ? { sort_order: 'DESCEND', sort_target: 'KEY' } : {}),
    ...(limit === undefined ? {} : { limit: String(limit) }),
  };
}

function responseOf(answer: Readonly<Record<string, unknown>>, at: number, kind: string): Record<string, unknown> {
  const { responses } = answer;
  const response: unknown = Array.isArray(responses) ? Object(responses[at])[kind] : undefined;
  if (typeof response !== 'object' || response === null) throw senseless('a transaction without its outcome');
  return response as Record<string, unknown>;
}

/** Nobody answers for keys that were not asked for. */
function keyValues(answer: Readonly<Record<string, unknown>>, { key, end, limit }: KeyRange): KeyValue[] {
  const { kvs = [] } = answer;
  if (!Array.isArray(kvs) || kvs.length > (end === undefined ? 1 : (limit ?? Infinity)))
    throw senseless('no list of keys');
  return kvs.map(kv => {
    const found = keyValue(Object(kv));
    const isAsked = end === undefined ? found.key === key : found.key >= key && found.key < end;
    if (!isAsked) throw senseless('a key that was not asked for');
    return found;
  });
}

function keyValue({ key, value = '', version, lease = '0' }: Record<string, unknown>): KeyValue {
  if (typeof key !== 'string' || typeof value !== 'string' || !isNumber(version) || !isNumber(lease)) {
    throw senseless('a key that is none');
  }
  return { key: text(key), value: text(value), version, lease };
}

function isNumber(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,19}$/.test(value);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function text(bytes: string): string {
  return Buffer.from(bytes, 'base64').toString();
}

/** It is not known what was done. */
function senseless(what: string): EpochvisorError {
  return new EpochvisorError('ARBITER_UNREACHABLE', `etcd can't be asked: it answers with ${what}`);
}
