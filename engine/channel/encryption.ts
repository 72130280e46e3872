// TLS with a key that both sides have already: no certificates, no authorities, no names, nothing that expires.
//
// TLS 1.3 with an external pre-shared key and (EC)DHE (RFC 8446, 2.2 and 4.2.9): the key says who may speak, X25519 makes keys of
// this connection alone, so that whoever records it and learns the secret later still reads nothing. One round trip. Node's
// pskCallback goes through OpenSSL's older interface, which serves TLS 1.3 for suites with SHA-256: AES-128-GCM and ChaCha20.
// TLS 1.2 was not taken: with forward secrecy OpenSSL has ECDHE-PSK with CBC or ChaCha20 only, and DHE-PSK-*-GCM takes longer to
// begin, all take a round trip more, and 1.2 has renegotiation. Certificates derived from the secret were not needed.
//
// One version, one suite, one group: there is nothing to negotiate down to. No renegotiation (1.3 has none), no early data (Node
// accepts none), and nothing is resumed: without tickets and without a cache of sessions each connection begins with the key.
// A listener has no certificate: who does not have the key can't complete a handshake. A caller trusts no authority, and takes no
// certificate: who answers with one, however good, is not whom it calls.

import { constants } from 'node:crypto';
import type { SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import { assert } from '../errors/errors.js';
import { type Credentials, keyFor } from './credentials.js';

const VERSION = 'TLSv1.3';
/** Faster than the other one where the processor has AES (bench/results/channel.md). */
const SUITE = 'TLS_AES_128_GCM_SHA256';
const GROUP = 'X25519';

/** OpenSSL's bound on identities. */
const IDENTITY_BYTES_MAX = 128;

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

function pskOf(credentials: Credentials): Uint8Array {
  assert(Buffer.byteLength(credentials.machine) <= IDENTITY_BYTES_MAX, 'an id is within the bound of identities');
  return keyFor('epochvisor TLS', credentials);
}

/** Options of node:https. */
export function listenerEncryption(credentials: Credentials): TlsOptions {
  const psk = pskOf(credentials);
  // The identity is no secret: whose key is asked for.
  return { ...COMMON, pskCallback: (_, identity) => (identity === credentials.machine ? psk : null) };
}

/** Options of node:tls, by way of ws. */
export function callerEncryption(credentials: Credentials) {
  const psk = pskOf(credentials);
  return {
    ...COMMON,
    pskCallback: () => ({ psk, identity: credentials.machine }),
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
