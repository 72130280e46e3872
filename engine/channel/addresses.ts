// Where a channel may be: anywhere where it is encrypted, and in the clear on loopback, where nobody is on the way.
//
// Names are resolved first, and what is called or listened on is the address that was looked at.

import { BlockList, isIP } from 'node:net';
import { EpochvisorError } from '../errors/errors.js';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const HINT = 'encrypt the channel, or use 127.0.0.1';

/** The loopback address of a host, by name or number. @throws EpochvisorError CHANNEL_IN_CLEAR, and what DNS throws */
export async function loopbackOf(host: string, what: string): Promise<string> {
  const address = isIP(host) === 0 ? await resolved(host) : host;
  if (LOOPBACK.check(address, isOfIPv6(address) ? 'ipv6' : 'ipv4')) return address;
  throw new EpochvisorError('CHANNEL_IN_CLEAR', `${what} is not on loopback, and the channel is not encrypted`, HINT);
}

/** Of an address. The host's own `isIPv6` compiles its expression first: 50 ms of a start. */
const isOfIPv6 = (address: string) => address.includes(':');

async function resolved(name: string): Promise<string> {
  // Loaded for those who need it: a start costs what it loads.
  const { lookup } = await import('node:dns/promises');
  return (await lookup(name)).address;
}

/** An address as part of another: `[::1]`. */
export function bracketed(address: string): string {
  return isOfIPv6(address) ? `[${address}]` : address;
}

/** Of what a listener is told: `ADDRESS:PORT`. @throws EpochvisorError ADDRESS_MALFORMED */
export function parseListen(listen: string): { readonly host: string; readonly port: number } {
  const [, inBrackets, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    throw new EpochvisorError('ADDRESS_MALFORMED', `'${listen}' is no address to listen on`, 'write ADDRESS:PORT');
  }
  return { host, port };
}

/**
 * Where to call, for what a listener has given as its address. The caller decides whether the channel is encrypted, never the
 * address: whoever changes `wss` to `ws` in a record gets nothing.
 * @throws EpochvisorError ADDRESS_MALFORMED, ENCRYPTION_DIFFERS, CHANNEL_IN_CLEAR, and what DNS throws
 */
export async function callable(address: string, encrypted: boolean): Promise<string> {
  const [, scheme, host, port] = /^(wss?):\/\/(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address) ?? [];
  if (scheme === undefined || host === undefined || Number(port) > 65_535) {
    throw new EpochvisorError(
      'ADDRESS_MALFORMED',
      `'${address}' is no address of a channel`,
      'write ws(s)://HOST:PORT',
    );
  }
  if ((scheme === 'wss') !== encrypted) {
    const [there, here] = encrypted ? ['not encrypted', 'is'] : ['encrypted', 'is not'];
    const what = `the channel at ${address} is ${there}, and this side's ${here}`;
    throw new EpochvisorError('ENCRYPTION_DIFFERS', what, 'encrypt it on both sides');
  }
  if (encrypted) return address;
  return `ws://${bracketed(await loopbackOf(host.replace(/^\[|\]$/g, ''), address))}:${port}`;
}
