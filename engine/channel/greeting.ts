// The greeting: version and nonce of either side. It travels in the handshake of WebSocket, and so costs no round trip.
//
//   GET / HTTP/1.1                          HTTP/1.1 101 Switching Protocols
//   Upgrade: websocket                      Upgrade: websocket
//   Epochvisor: 6 <43 characters>           Epochvisor: 6 <43 characters>
//
// The version stands in front of everything that may change with it. Versions before 6 do not greet.

import { PROTOCOL_VERSION } from '../protocol/vocabulary.js';

/** As node:http names it. */
export const GREETING = 'epochvisor';

export interface Greeting {
  readonly protocol: number;
  readonly nonce: string;
}

export function formatGreeting(nonce: string): string {
  return `${PROTOCOL_VERSION} ${nonce}`;
}

/** undefined: none, or none of epochvisor. */
export function parseGreeting(header: string | readonly string[] | undefined): Greeting | undefined {
  const [, protocol, nonce] = /^(\d{1,9}) ([\w-]{43})$/.exec(String(header)) ?? [];
  return nonce === undefined ? undefined : { protocol: Number(protocol), nonce };
}
