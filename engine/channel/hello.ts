// The hello: who is there, whether it belongs to the machine, and whether it executes the same thing in the same way.
//
//   caller                                     listener
//     | -- upgrade: version, nonce ------------> |   greeting.ts
//     | <- 101: version, nonce ----------------- |   other version: closed with REFUSED by whoever sees it first
//     | <- proof ------------------------------- |   credentials.ts; wrong: closed with REFUSED, and not a word more
//     | -- proof, hello ------------------------> |   likewise
//     | <- hello ------------------------------- |   anything different: closed with REFUSED, after its own hello
//
// The listener's proof leaves with its 101, so all this takes as many round trips as hellos alone would. Who does not know the
// machine's secret is told nothing but a nonce and a proof that is worth nothing elsewhere: not even which machine this is. The
// secret itself never crosses the wire. Both compare what hellos say, so both can say in one line what differs.

import { assert, EpochvisorError } from '../errors/errors.js';
import type { Hello } from '../protocol/messages.js';
import { PROTOCOL_VERSION } from '../protocol/vocabulary.js';
import { decodeHello, decodeProof, encodeHello, encodeProof } from '../wire/packets.js';
import { type Credentials, proofOf, proves, type Role, type Session } from './credentials.js';
import type { Greeting } from './greeting.js';
import type { Link } from './link.js';

/** Close code: the hello was refused; the reason is the name of the field that differs. */
export const REFUSED = 4401;
/** The largest hello: what a stranger can make a listener hold. Names, hashes and options (comparedOptions) are far smaller. */
export const HELLO_MAX_BYTES = 64 * 1024;
/** From a connection's start to its hello: past it the connection is closed. */
export const HELLO_MAX_MS = 5_000;

/** What must be equal, in the order in which it is compared. */
const COMPARED = ['moduleHash', 'options'] as const;
type Field = (typeof COMPARED)[number];

/** What may be said of a refusal: a stranger's words are no part of a message. */
const WORDS: readonly string[] = ['protocol', ...COMPARED];

/** Longest value that a message quotes. */
const QUOTED_MAX = 80;

/** The first field in which two hellos differ, or undefined. */
export function difference(own: Hello, peer: Hello): Field | undefined {
  return COMPARED.find(field => own[field] !== peer[field]);
}

/** One line that names the field, and for options those that differ. */
export function refusal(field: Field, own: Hello, peer: Hello): EpochvisorError {
  if (field !== 'options') return refused(`${field} differs: here ${quote(own[field])}, there ${quote(peer[field])}`);
  const [here, there] = [parseOptions(own.options), parseOptions(peer.options)];
  const names = [...new Set([...here.keys(), ...there.keys()])].sort();
  const differing = names
    .map(name => ({ name, here: here.get(name), there: there.get(name) }))
    .filter(option => option.here !== option.there)
    .map(option => `${option.name} (here ${quote(option.here)}, there ${quote(option.there)})`);
  return refused(`options differ: ${differing.join(', ')}`);
}

function refused(what: string): EpochvisorError {
  const hint = 'start both with the same module, version and options';
  return new EpochvisorError('PEER_REFUSED', `the connection was refused: its ${what}`, hint);
}

/** Nobody of the machine has said so, or it could not be told: it is no reason to believe that the machine is elsewhere. */
export function unproven(who: string, why: string): EpochvisorError {
  return new EpochvisorError(
    'PEER_UNPROVEN',
    `${who} does not prove that it belongs to this machine: ${why}`,
    "give both the machine's id and secret",
  );
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

/** One side of a connection, as its hellos see it. */
export interface Party {
  readonly role: Role;
  readonly hello: Hello;
  readonly credentials: Credentials;
  readonly nonce: string;
  readonly binding: Uint8Array;
  /** Who the other one is, for messages: "who calls from ...". */
  readonly peer: string;
}

/**
 * Exchanges proofs and hellos over a fresh link; resolves with the hello of the peer. The link hears nothing before it is
 * listened to again. On a refusal the link is closed and the promise rejects: PEER_UNPROVEN where it is not known to be of this
 * machine, PEER_REFUSED where it is; PACKET_MALFORMED where what came is no hello; HELLO_LATE; LINK_CLOSED.
 * @param greeting the peer's
 */
export function exchangeHellos(link: Link, own: Party, greeting: Greeting | undefined): Promise<Hello> {
  const { role, credentials, peer } = own;
  const hello = encodeHello(own.hello);
  assert(hello.length <= HELLO_MAX_BYTES, 'a hello is within its bound');
  if (greeting?.protocol !== PROTOCOL_VERSION) {
    void link.close(REFUSED, 'protocol');
    const there = greeting?.protocol ?? 'none, or one of before 6';
    return Promise.reject(refused(`protocol differs: here ${PROTOCOL_VERSION}, there ${there}`));
  }
  const session = sessionOf(own, greeting);
  return new Promise((resolve, reject) => {
    let proven = false;
    const fail = (word: string, error: EpochvisorError) => {
      clearTimeout(late);
      link.unlisten();
      reject(error);
      void link.close(REFUSED, word);
    };
    const late = setTimeout(
      () => fail('hello', new EpochvisorError('HELLO_LATE', `${peer} did not say who it is in time`)),
      HELLO_MAX_MS,
    );
    const prove = () => link.send(encodeProof(proofOf(role, credentials, session)));
    const proof = (bytes: Uint8Array) => {
      proven = proves(decodeProof(bytes), other(role), credentials, session);
      if (!proven) {
        fail('secret', unproven(peer, 'its machine or its secret differs'));
      } else if (role === 'caller') {
        prove();
        link.send(hello);
      }
    };
    const greeted = (theirs: Hello) => {
      clearTimeout(late);
      link.unlisten();
      const field = difference(own.hello, theirs);
      if (role === 'listener') link.send(hello);
      if (field === undefined) resolve(theirs);
      else fail(field, refusal(field, own.hello, theirs));
    };
    const message = (bytes: Uint8Array) => {
      try {
        if (proven) greeted(decodeHello(bytes));
        else proof(bytes);
      } catch (error) {
        if (!(error instanceof EpochvisorError)) throw error;
        fail('hello', error);
      }
    };
    const closed = (reason: EpochvisorError, code: number, word: string) => {
      clearTimeout(late);
      reject(code === REFUSED ? refusedBy(word, proven, peer) : reason);
    };
    if (role === 'listener') prove();
    link.listen({ message, closed });
  });
}

function refusedBy(word: string, proven: boolean, peer: string): EpochvisorError {
  if (WORDS.includes(word) && (proven || word === 'protocol')) return refused(`${word} differs`);
  return unproven(peer, 'it does not take the proof of this side');
}

function other(role: Role): Role {
  return role === 'caller' ? 'listener' : 'caller';
}

function sessionOf({ role, nonce, binding }: Party, greeting: Greeting): Session {
  const [callerNonce, listenerNonce] = role === 'caller' ? [nonce, greeting.nonce] : [greeting.nonce, nonce];
  return { callerNonce, listenerNonce, binding };
}
