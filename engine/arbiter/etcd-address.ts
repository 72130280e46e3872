// Where an etcd is: an address taken apart.
//
//   etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/PREFIX]      etcds:// for TLS, with the certificates of the system
//
// A password is in no message: the address that is passed on and shown is the one without it.

import { EpochvisorError } from '../errors/errors.js';

export interface EtcdEndpoint {
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** As a user knows it: `HOST:PORT`. */
  readonly name: string;
}

export interface EtcdAddress {
  readonly endpoints: readonly EtcdEndpoint[];
  /** What all keys begin with; it ends in a slash. */
  readonly prefix: string;
  readonly secure: boolean;
  /** From the address: `USER:PASSWORD`. */
  readonly user?: string;
}

const DEFAULT_PORT = 2379;
const DEFAULT_PREFIX = '/epochvisor/';
/** More members than anybody gives an etcd; each of them may be asked at once. */
const ENDPOINTS_MAX = 9;

const ADDRESS = /^(etcds?):\/\/(?:([^@]*)@)?([^/@]*)(\/.*)?$/s;
const ENDPOINT = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z._-]{1,253}))(?::(\d{1,5}))?$/;
const PREFIX = /^(?:\/[0-9A-Za-z._~-]{1,64}){0,8}\/?$/;

/** @throws EpochvisorError ARBITER_MALFORMED */
export function parseEtcdAddress(address: string): EtcdAddress {
  const [, scheme, user, hosts = '', path = '/'] = ADDRESS.exec(address) ?? [];
  if (scheme === undefined) throw malformed(address, 'a host is missing');
  const endpoints = hosts.split(',').map(text => endpointOf(address, text));
  if (endpoints.length > ENDPOINTS_MAX) throw malformed(address, `there are more than ${ENDPOINTS_MAX} hosts`);
  if (!PREFIX.test(path)) throw malformed(address, 'a prefix is made of names of letters, digits and . _ ~ -');
  return {
    endpoints: endpoints.filter(({ name }, at) => endpoints.findIndex(one => one.name === name) === at),
    prefix: path === '/' ? DEFAULT_PREFIX : path.replace(/\/?$/, '/'),
    secure: scheme === 'etcds',
    ...(user === undefined ? {} : { user: decoded(address, user) }),
  };
}

/** An address without user and password, to be shown and passed on; any text: it may be one that is refused. */
export function withoutUser(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/*).*@/s, '$1');
}

function endpointOf(address: string, text: string): EtcdEndpoint {
  const [, bracketed, plain, digits] = ENDPOINT.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw malformed(address, `${JSON.stringify(text)} is no host`);
  }
  return { host, port, name: `${bracketed === undefined ? host : `[${host}]`}:${port}` };
}

function decoded(address: string, user: string): string {
  try {
    return decodeURIComponent(user);
  } catch {
    throw malformed(address, 'user and password are not percent-encoded');
  }
}

function malformed(address: string, why: string): EpochvisorError {
  return new EpochvisorError(
    'ARBITER_MALFORMED',
    `${JSON.stringify(withoutUser(address))} is no address of an etcd: ${why}`,
    'write etcd://[USER:PASSWORD@]HOST[:PORT],...[/PREFIX]',
  );
}
