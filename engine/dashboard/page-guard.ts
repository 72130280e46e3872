// Who may see the page of a machine, and act on it: decided from what a request says, before anything is done for it.
//
// Whoever is at the page can kill a replica. A page that listens on loopback is for the users of this host; their browsers also run
// the pages of others, which may make them call here. So the name that was called must be one of loopback (a name of theirs that
// resolves to it is not), and a page that opens the connection must have come from here. Elsewhere a token is needed, too: it is a
// secret that no other page knows.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const TOKEN_BYTES = 18;
const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

export interface Refusal {
  readonly status: 401 | 403;
  /** One line: what to do. */
  readonly line: string;
}

/** @param address an IP address */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/**
 * @param token the one that is needed; undefined: the server listens on loopback only
 * @param url of the request: a path with its query
 */
export function refusalOf(headers: IncomingHttpHeaders, url: string, token: string | undefined): Refusal | undefined {
  const { host = '', origin } = headers;
  const name = host.replace(/:\d+$/, '');
  if (token === undefined && !LOOPBACK_NAME.test(name)) {
    return { status: 403, line: 'this page is for this host only: ask for it by 127.0.0.1 or localhost' };
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    return { status: 403, line: `a page of ${printable(origin)} may not do this: open the page of the machine itself` };
  }
  if (token === undefined || isToken(url, token)) return undefined;
  return {
    status: 401,
    line: 'the token is missing or wrong: open the whole address that epochvisor said when it started, with ?token=',
  };
}

function isToken(url: string, token: string): boolean {
  const given = new URLSearchParams(url.split('?', 2)[1]).get('token') ?? '';
  // Of one length, whatever is given.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
