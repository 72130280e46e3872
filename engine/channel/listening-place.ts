// Where a part of a machine listens, and how the parts on other hosts reach it.
//
// Who is told nothing listens on all interfaces, and announces the first address that is not this host's own affair. On
// loopback nobody is on the way, and the channel may be in the clear; a place anywhere else has to be encrypted.

import { networkInterfaces } from 'node:os';
import { EpochvisorError } from '../errors/errors.js';
import { bracketed } from './addresses.js';

export interface ListeningPlace {
  /** `ADDRESS:PORT` to listen on; port 0: of the kernel's choice. */
  readonly listen: string;
  /** The name or address under which other hosts know this one. */
  readonly announced: string;
}

const ANY = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/;
const PORT_MAX = 65_535;

/** @param encrypted whether the channel is: one that is not is on loopback */
export function defaultPlace(encrypted: boolean): ListeningPlace {
  const external = encrypted ? firstExternal() : undefined;
  if (external === undefined) return { listen: `${LOOPBACK}:0`, announced: LOOPBACK };
  return { listen: `${ANY}:0`, announced: external };
}

/**
 * @param address `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`
 * @throws EpochvisorError ADDRESS_MALFORMED
 */
export function placeOf(address: string): ListeningPlace {
  const [, ipv6, name, port = '0'] = ADDRESS.exec(address) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || Number(port) > PORT_MAX || host === ANY || host === '::') {
    throw new EpochvisorError(
      'ADDRESS_MALFORMED',
      `'${address}' is no address under which other hosts reach this one`,
      'write HOST, HOST:PORT, [IPV6] or [IPV6]:PORT',
    );
  }
  return { listen: `${bracketed(host)}:${port}`, announced: host };
}

/** The address that is announced for a listener's own: `ws://0.0.0.0:4711` is nobody's. */
export function announcedAddress(address: string, { announced }: ListeningPlace): string {
  const [, scheme, port] = /^(wss?:\/\/).*:(\d+)$/.exec(address)!;
  return `${scheme}${bracketed(announced)}:${port}`;
}

function firstExternal(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap(one => one ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
}
