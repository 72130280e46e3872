// One request to one endpoint of an etcd, over its JSON gateway: a POST, and an answer that is bounded, whoever gives it.

import { Agent as PlainAgent, request as plainRequest, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { SecureContext } from 'node:tls';
import type { EtcdEndpoint } from './etcd-address.js';

/** Above what the records of a machine come to, all its members' included; an etcd takes no request of more than 1.5 MiB. */
export const ANSWER_MAX_BYTES = 8 * 1024 * 1024;
/** What is shown of what an etcd says of a failure. */
const REASON_MAX = 200;
/** A connection that nobody needs for so long is closed, ms: a renewal of a lease finds the one before. */
const IDLE_MAX_MS = 20_000;

export type Answer = Readonly<Record<string, unknown>>;

/** Numbers of gRPC for failures. */
export const FAILED_PRECONDITION = 9;
const UNAUTHENTICATED = 16;

export type FailureKind =
  /** The connection ended without an answer. */
  | 'closed'
  /** The token is none, or none any more. */
  | 'token'
  | 'other';

/** Why an endpoint gave no answer that can be used; its message is one short line. */
export class EtcdFailure extends Error {
  readonly kind: FailureKind;
  /** gRPC's, where etcd gave one. */
  readonly code: number | undefined;

  constructor(reason: string, kind: FailureKind = 'other', code?: number) {
    super(oneLine(reason));
    this.kind = kind;
    this.code = code;
  }
}

/** Makes requests; connections are kept for the next one. */
export class EtcdRequests {
  readonly #agent: PlainAgent;
  readonly #isSecure: boolean;

  /** @param secureContext undefined: without TLS */
  constructor(secureContext: SecureContext | undefined) {
    const kept = { keepAlive: true, maxFreeSockets: 2, timeout: IDLE_MAX_MS };
    this.#isSecure = secureContext !== undefined;
    this.#agent = secureContext === undefined ? new PlainAgent(kept) : new SecureAgent({ ...kept, secureContext });
  }

  /** @throws EtcdFailure */
  post(
    { host, port }: EtcdEndpoint,
    path: string,
    body: object,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    const bytes = Buffer.from(JSON.stringify(body));
    const options: RequestOptions = {
      host,
      port,
      path,
      method: 'POST',
      agent: this.#agent,
      signal,
      headers: {
        'content-type': 'application/json',
        'content-length': bytes.length,
        ...(token === undefined ? {} : { authorization: token }),
      },
    };
    return new Promise((resolve, reject) => {
      const request = (this.#isSecure ? secureRequest : plainRequest)(options, response => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length > ANSWER_MAX_BYTES) request.destroy(new EtcdFailure('its answer is too long'));
        });
        response.on('error', error => reject(failureOf(error)));
        response.on('end', () => {
          try {
            resolve(answerOf(response.statusCode ?? 0, Buffer.concat(chunks).toString()));
          } catch (error) {
            reject(error);
          }
        });
      });
      request.on('error', error => reject(failureOf(error)));
      request.end(bytes);
    });
  }
}

/** @throws EtcdFailure where it tells of a failure, or is none of etcd's */
function answerOf(status: number, text: string): Answer {
  let answer: Record<string, unknown>;
  try {
    answer = Object(JSON.parse(text));
  } catch {
    // A server that speaks something else says what in plain words: `Client sent an HTTP request to an HTTPS server.`
    throw new EtcdFailure(status === 200 ? 'its answer is no JSON' : `it answers ${status}: ${text}`);
  }
  // What streams its answer has the failure in an object.
  const failed = typeof answer.error === 'object' ? Object(answer.error) : answer;
  const code = Number(failed.code ?? failed.grpc_code);
  if (status === 200 && answer.error === undefined) return answer;
  const said = String(failed.message ?? failed.error ?? text);
  const isOfToken = code === UNAUTHENTICATED || /invalid auth token|revision of auth store is old/.test(said);
  throw new EtcdFailure(
    `it answers: ${said}`,
    isOfToken ? 'token' : 'other',
    Number.isInteger(code) ? code : undefined,
  );
}

function failureOf(error: Error): EtcdFailure {
  if (error instanceof EtcdFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const isClosed = code === 'ECONNRESET' || code === 'EPIPE';
  return isClosed
    ? new EtcdFailure('it closed the connection without an answer', 'closed')
    : new EtcdFailure(message === '' ? (code ?? 'it fails') : message);
}

/** What others say, as part of one line. */
function oneLine(text: string): string {
  const line = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > REASON_MAX ? `${line.slice(0, REASON_MAX)}...` : line;
}
