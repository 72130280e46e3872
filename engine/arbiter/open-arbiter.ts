// An arbiter by its address: `SCHEME:REST`, or the path of a folder. To add an arbiter is to add a line to the table.

import { EpochvisorError } from '../errors/errors.js';
import type { Arbiter } from './arbiter.js';
import { withoutUser } from './etcd-address.js';
import type { EtcdCredentials } from './etcd-credentials.js';

/** What arbiters ask of those who use them; each takes what is its own. */
export interface ArbiterOptions {
  readonly etcd?: EtcdCredentials;
}

type Opening = (rest: string, options: ArbiterOptions) => Promise<Arbiter>;

/** Each is loaded when one is opened: a start costs what it loads. */
const SCHEMES: Readonly<Record<string, Opening>> = {
  folder: async path => (await import('./folder-arbiter.js')).FolderArbiter.open(path),
  etcd: async (rest, { etcd }) => new (await import('./etcd-arbiter.js')).EtcdArbiter(`etcd:${rest}`, etcd),
  etcds: async (rest, { etcd }) => new (await import('./etcd-arbiter.js')).EtcdArbiter(`etcds:${rest}`, etcd),
};

export interface ArbiterAddress {
  readonly scheme: string;
  /** What the scheme makes of it: of a folder, its path. */
  readonly rest: string;
}

/**
 * Takes an address apart. A path that looks like another scheme is written `./a:b`, or `folder:a:b`.
 * @throws EpochvisorError ARBITER_UNSUPPORTED
 */
export function parseArbiter(address: string): ArbiterAddress {
  const [, scheme = 'folder', rest = address] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(address) ?? [];
  if (Object.hasOwn(SCHEMES, scheme) && rest !== '') return { scheme, rest };
  throw new EpochvisorError(
    'ARBITER_UNSUPPORTED',
    `${JSON.stringify(withoutUser(address))} is no arbiter that is supported`,
    'name a folder that all replicas reach, PATH or folder:PATH, or an etcd, etcd://HOST:PORT,...',
  );
}

/** @throws EpochvisorError ARBITER_UNSUPPORTED, ARBITER_UNREACHABLE, ARBITER_MALFORMED, ARBITER_CREDENTIALS */
export async function openArbiter(address: string, options: ArbiterOptions = {}): Promise<Arbiter> {
  const { scheme, rest } = parseArbiter(address);
  return await SCHEMES[scheme]!(rest, options);
}
