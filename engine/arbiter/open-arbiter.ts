// An arbiter by its address: `SCHEME:REST`, or the path of a folder. To add an arbiter is to add a line to the table.

import { EpochvisorError } from '../errors/errors.js';
import type { Arbiter } from './arbiter.js';

/** Each is loaded when one is opened: a start costs what it loads. */
const SCHEMES: Readonly<Record<string, (rest: string) => Promise<Arbiter>>> = {
  folder: async path => (await import('./folder-arbiter.js')).FolderArbiter.open(path),
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
    `${JSON.stringify(address)} is no arbiter that is supported`,
    'name a folder that all replicas reach: PATH or folder:PATH',
  );
}

/** @throws EpochvisorError ARBITER_UNSUPPORTED, ARBITER_UNREACHABLE */
export async function openArbiter(address: string): Promise<Arbiter> {
  const { scheme, rest } = parseArbiter(address);
  return await SCHEMES[scheme]!(rest);
}
