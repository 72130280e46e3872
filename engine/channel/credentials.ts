// What the replicas of a machine and its bus have in common and nobody else has, and how one proves that it has it.
//
//   proof = HMAC-SHA256(key, role, nonce of the caller, nonce of the listener, session)
//   key   = HMAC-SHA256(secret, what the key is for, machine)
//
// Each connection has new nonces, one of either side, so that a proof that was overheard proves nothing on another. The role is
// in it, so that nobody is answered with his own words. The session is what TLS says of an encrypted connection that only its
// two ends know (RFC 5705); nothing, where there is no TLS. The secret is 256 bits of chance: it can't be guessed from proofs, and
// keys are as good as those of HKDF, which takes longer to be loaded.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  /** The machine's id; no secret. */
  readonly machine: string;
  /** The machine's, made by chance; never in argv, never on a wire. */
  readonly secret: string;
}

export type Role = 'caller' | 'listener';

/** What proofs of one connection are about. */
export interface Session {
  readonly callerNonce: string;
  readonly listenerNonce: string;
  readonly binding: Uint8Array;
}

export const PROOF_BYTES = 32;
const NONCE_BYTES = 32;

/** 32 bytes of chance, as 43 characters. */
export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url');
}

/** A key for one purpose: what is done with one says nothing of another. */
export function keyFor(purpose: string, { machine, secret }: Credentials): Uint8Array {
  return createHmac('sha256', secret).update(`${purpose}\n${machine}`).digest();
}

/** That whoever speaks as `role` in this session has the credentials. */
export function proofOf(role: Role, credentials: Credentials, session: Session): Uint8Array {
  const { callerNonce, listenerNonce, binding } = session;
  // None of them holds a line feed but the last.
  return createHmac('sha256', keyFor('epochvisor proof', credentials))
    .update(`${role}\n${callerNonce}\n${listenerNonce}\n`)
    .update(binding)
    .digest();
}

/** In constant time. */
export function proves(proof: Uint8Array, role: Role, credentials: Credentials, session: Session): boolean {
  return proof.length === PROOF_BYTES && timingSafeEqual(proof, proofOf(role, credentials, session));
}
