// Looking at a part of a machine: one call, one question, its answer.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EpochvisorError } from '../errors/errors.js';
import { type FromObserver, type Hello, OBSERVER_PREFIX, type ToObserver } from '../protocol/messages.js';
import { decodeToObserver, encodeFromObserver } from '../wire/observer-packets.js';
import { type ConnectOptions, connect } from './connect.js';
import type { Link } from './link.js';

/** Whoever is turned away asks again after it, ms. */
const TURNED_AWAY_MS = 50;

/** A call as of a replica; who calls says itself that it only looks. `deadlineMs`: until the last of the answer. */
export interface ObserveOptions extends Omit<ConnectOptions, 'hello' | 'signal'> {
  readonly hello: Omit<Hello, 'incarnation'>;
}

/**
 * What a part knows: a JSON object, of which the asker believes what it understands.
 * @throws EpochvisorError as `connect`; PEER_UNREACHABLE: nobody answers, or not in time; PACKET_MALFORMED
 */
export function askReport(options: ObserveOptions): Promise<Readonly<Record<string, unknown>>> {
  return ask(options, 'askReport', (message, done) => {
    if (message.type === 'report') done(readObject(message.json));
  });
}

/**
 * The guest's module, as a part has it; undefined: it has none. Its hash is the asker's to compare.
 * @param bytesMax the largest that is taken
 * @throws EpochvisorError as `askReport`
 */
export function askModule(options: ObserveOptions, bytesMax: number): Promise<Uint8Array | undefined> {
  let module: Uint8Array | undefined;
  let at = 0;
  return ask(options, 'askModule', (message, done) => {
    if (message.type !== 'module') return;
    const { size, part } = message;
    if (size === 0) {
      done(undefined);
      return;
    }
    if (size > bytesMax || size !== (module?.length ?? size) || at + part.length > size) {
      throw new EpochvisorError('PACKET_MALFORMED', 'malformed packet: a module of another size than was said');
    }
    module ??= new Uint8Array(size);
    module.set(part, at);
    at += part.length;
    if (at === size) done(module);
  });
}

/**
 * Asks a replica to die as if it were killed, and waits until it has.
 * @throws EpochvisorError as `askReport`; PEER_UNREACHABLE also where it still lives at the deadline
 */
export async function askCrash(options: ObserveOptions): Promise<void> {
  try {
    await ask(options, 'crash', () => undefined);
  } catch (error) {
    // The connection ends with the process.
    if (!(error instanceof EpochvisorError) || error.code !== 'LINK_CLOSED') throw error;
  }
}

/** The link ended before the answer. */
function isTurnedAway(error: unknown): boolean {
  return error instanceof EpochvisorError && error.code === 'LINK_CLOSED';
}

type Answered<T> = (message: ToObserver, done: (answer: T) => void) => void;

async function ask<T>(
  { hello, deadlineMs, ...call }: ObserveOptions,
  type: FromObserver['type'],
  answered: Answered<T>,
): Promise<T> {
  const abort = new AbortController();
  const late = setTimeout(() => abort.abort(), deadlineMs);
  try {
    for (;;) {
      const incarnation = `${OBSERVER_PREFIX}${randomUUID()}`;
      // Once: who is not there now is told of as such.
      const link = await connect({
        ...call,
        hello: { ...hello, incarnation },
        deadlineMs,
        retryMs: deadlineMs,
        signal: abort.signal,
      });
      try {
        return await answerOn(link, type, answered, abort.signal);
      } catch (error) {
        // It has as many observers as it takes; those before this one are soon answered.
        if (!isTurnedAway(error) || type === 'crash' || abort.signal.aborted) throw error;
        await sleep(TURNED_AWAY_MS, undefined, { signal: abort.signal });
      }
    }
  } catch (error) {
    if (!abort.signal.aborted && (type === 'crash' || !isTurnedAway(error))) throw error;
    const why = abort.signal.aborted ? 'no answer in time' : (error as EpochvisorError).message;
    throw new EpochvisorError('PEER_UNREACHABLE', `${call.address} can't be reached: ${why}`);
  } finally {
    clearTimeout(late);
  }
}

function answerOn<T>(link: Link, type: FromObserver['type'], answered: Answered<T>, late: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => link.terminate();
    late.addEventListener('abort', abort, { once: true });
    link.listen({
      message: bytes =>
        answered(decodeToObserver(bytes), answer => {
          late.removeEventListener('abort', abort);
          resolve(answer);
          void link.close();
        }),
      closed: reason => {
        late.removeEventListener('abort', abort);
        reject(reason);
      },
    });
    link.send(encodeFromObserver({ type }));
    if (late.aborted) abort();
  });
}

function readObject(json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new EpochvisorError('PACKET_MALFORMED', 'malformed packet: a report that is no JSON object');
}
