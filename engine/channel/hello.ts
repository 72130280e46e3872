// The hello: who is there, whether it knows the secret, and whether it executes the same thing in the same way.
//
//   caller                                     listener
//     | -------------- hello -----------------> |   secret wrong: closed with REFUSED, and not a word more
//     | <------------- hello ------------------ |   anything else different: closed with REFUSED, after its own hello
//
// The listener speaks only to those who know the secret; both compare, so both can say in one line what differs. A
// stranger learns nothing but that its secret is wrong, and can't measure how wrong: hashes are compared, in constant
// time. The secret itself crosses the wire: between hosts, the network (or a tunnel) has to be trusted.

import { createHash, timingSafeEqual } from 'node:crypto';
import { assert, EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { decodeHello, encodeHello } from '../wire/packets.js';
import type { Link } from './link.js';

/** Close code: the hello was refused; the reason is the name of the field that differs. */
export const REFUSED = 4401;
/** The largest hello: what a stranger can make a listener hold. Names, hashes and options (comparedOptions) are far smaller. */
export const HELLO_MAX_BYTES = 64 * 1024;
/** From a connection's start to its hello: past it the connection is closed. */
export const HELLO_MAX_MS = 5_000;

/** What must be equal, in the order in which it is compared. */
const COMPARED = ['secret', 'protocol', 'machine', 'moduleHash', 'options'] as const;
type Field = (typeof COMPARED)[number];

/** Longest value that a message quotes. */
const QUOTED_MAX = 80;

function sameSecret(a: string, b: string): boolean {
  const digest = (secret: string) => createHash('sha256').update(secret).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** The first field in which two hellos differ, or undefined. */
export function difference(own: Hello, peer: Hello): Field | undefined {
  return COMPARED.find(field =>
    field === 'secret' ? !sameSecret(own.secret, peer.secret) : own[field] !== peer[field],
  );
}

/** One line that names the field, and for options those that differ; never the secret. */
export function refusal(field: Field, own: Hello, peer: Hello): EpochvisorError {
  if (field === 'secret') return refused('secret', 'secret differs');
  if (field !== 'options')
    return refused(field, `${field} differs: here ${quote(own[field])}, there ${quote(peer[field])}`);
  const [here, there] = [parseOptions(own.options), parseOptions(peer.options)];
  const names = [...new Set([...here.keys(), ...there.keys()])].sort();
  const differing = names
    .map(name => ({ name, here: here.get(name), there: there.get(name) }))
    .filter(option => option.here !== option.there)
    .map(option => `${option.name} (here ${quote(option.here)}, there ${quote(option.there)})`);
  return refused('options', `options differ: ${differing.join(', ')}`);
}

function refused(field: string, what: string): EpochvisorError {
  const hint =
    field === 'secret' ? 'give both the same secret' : 'start both with the same module, version and options';
  return new EpochvisorError('PEER_REFUSED', `the connection was refused: its ${what}`, hint);
}

function quote(value: string | number | undefined): string {
  const text = String(value);
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text;
}

/** Each option by its name, those in an object as `object.name`, as JSON. */
function parseOptions(json: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (name: string, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) found.set(name, JSON.stringify(value));
    else for (const [field, inner] of Object.entries(value)) add(name === '' ? field : `${name}.${field}`, inner);
  };
  try {
    add('', JSON.parse(json));
  } catch {
    found.set('options', json);
  }
  return found;
}

/**
 * Exchanges hellos over a fresh link; resolves with that of the peer. The link hears nothing before it is listened to
 * again. On a refusal the link is closed and the promise rejects: PEER_REFUSED; PACKET_MALFORMED where what came is no
 * hello; HELLO_LATE; LINK_CLOSED.
 */
export function exchangeHellos(link: Link, own: Hello, side: 'caller' | 'listener'): Promise<Hello> {
  const hello = encodeHello(own);
  assert(hello.length <= HELLO_MAX_BYTES, 'a hello is within its bound');
  return new Promise((resolve, reject) => {
    const fail = (code: number, word: string, error: EpochvisorError) => {
      reject(error);
      void link.close(code, word);
    };
    const late = setTimeout(
      () => fail(REFUSED, 'hello', new EpochvisorError('HELLO_LATE', 'the peer did not say who it is in time')),
      HELLO_MAX_MS,
    );
    const message = (bytes: Uint8Array) => {
      clearTimeout(late);
      link.unlisten();
      try {
        const peer = decodeHello(bytes);
        const field = difference(own, peer);
        if (side === 'listener' && field !== 'secret') link.send(hello);
        if (field === undefined) resolve(peer);
        else fail(REFUSED, field, refusal(field, own, peer));
      } catch (error) {
        if (!(error instanceof EpochvisorError)) throw error;
        fail(REFUSED, 'hello', error);
      }
    };
    const closed = (reason: EpochvisorError, code: number, word: string) => {
      clearTimeout(late);
      reject(code === REFUSED ? refused(word, `${word} differs`) : reason);
    };
    link.listen({ message, closed });
    if (side === 'caller') link.send(hello);
  });
}
