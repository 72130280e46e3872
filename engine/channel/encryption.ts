// TLS with a key that both sides have already: no certificates, no authorities, no names, nothing that expires.
//
// TLS 1.3 with an external pre-shared key and (EC)DHE (RFC 8446, 2.2 and 4.2.9): the key says who may speak, X25519 makes keys of
// this connection alone, so that whoever records it and learns the secret later still reads nothing. One round trip. Node's
// pskCallback goes through OpenSSL's older interface, which serves TLS 1.3 for suites with SHA-256 (AES-128-GCM and ChaCha20; with
// SHA-384 it offers no key); so it does in Node 20, 22, 24 and 26. TLS 1.2 was not taken: for ECDHE-PSK OpenSSL has no GCM, DHE-PSK
// takes longer to begin, both take a round trip more, and 1.2 has renegotiation. Certificates made of the secret are not needed.
//
// One version, one suite, one group: there is nothing to negotiate down to. No renegotiation (1.3 has none), no early data (Node
// accepts none), and nothing is resumed: without tickets and without a cache of sessions each connection begins with the key.
// A listener has no certificate: who does not have the key can't complete a handshake. A caller trusts no authority, and takes no
// certificate: who answers with one, however good, is not whom it calls.

import { constants } from 'node:crypto';
import type { SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import { type Credentials, keyFor } from './credentials.js';

const VERSION = 'TLSv1.3';
/** Servers' processors have instructions for it; on one that has none, ChaCha20 would cost less. */
const SUITE = 'TLS_AES_128_GCM_SHA256';
const GROUP = 'X25519';

/** There is one key at a listener: its name says nothing of the machine. */
const IDENTITY = 'epochvisor';

/** For what the hellos prove; see RFC 5705 and 8446, 7.5. */
const BINDING_LABEL = 'EXPORTER-epochvisor';
const BINDING_BYTES = 32;

const COMMON: SecureContextOptions = {
  minVersion: VERSION,
  maxVersion: VERSION,
  ciphers: SUITE,
  ecdhCurve: GROUP,
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET,
};

/** Options of node:https. */
export function listenerEncryption(credentials: Credentials): TlsOptions {
  const psk = keyFor('epochvisor TLS', credentials);
  return { ...COMMON, pskCallback: () => psk };
}

/** Options of node:tls, by way of ws. */
export function callerEncryption(credentials: Credentials) {
  const psk = keyFor('epochvisor TLS', credentials);
  return {
    ...COMMON,
    pskCallback: () => ({ psk, identity: IDENTITY }),
    // Whatever the environment says of it.
    rejectUnauthorized: true,
    checkServerIdentity: (_: string, certificate: object) =>
      Object.keys(certificate).length === 0 ? undefined : new Error('CERTIFICATE'),
    servername: '',
  };
}

/** What only the two ends of this connection know. */
export function bindingOf(socket: TLSSocket): Uint8Array {
  return socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0));
}

/** Why there is no TLS between the two, in one line; undefined where the error is none of TLS. */
export function tlsFailure(error: NodeJS.ErrnoException & { readonly reason?: string }): string | undefined {
  const { code = error.message, message } = error;
  // Those of X.509 have names of their own: whoever answers with a certificate does not have the key.
  if (!/^(?:ERR_SSL_|ERR_TLS_|EPROTO)|CERT|SIGNATURE/.test(code)) return undefined;
  // Errors of the connection carry OpenSSL's words in their message alone.
  const reason = error.reason ?? /SSL routines:[^:]*:([^:\n]+)/.exec(message)?.[1] ?? code;
  return `it speaks no TLS with the key of this machine (${reason})`;
}
