// What nobody foresaw: one line for the user, the stack for who asks for it, and the end of the process.
//
// Not part of any recovery: what has failed an assertion is not to be trusted any more. Where a replica ends so, the others
// of its view go on.

import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import { asError, DEBUG_VARIABLE, EpochvisorError } from '../errors/errors.js';

/** Exit status after a defect, and of a machine that can't go on (EX_SOFTWARE of sysexits.h). */
export const DEFECT_STATUS = 70;
const STDERR = 2;

/** Says a line, at once: the process may end before a stream has written. */
export function complain(line: string): void {
  write(`epochvisor: ${line}\n`);
}

function write(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // Nobody reads stderr, or it is full. There is no other place to say so.
  }
}

/** Where the user has asked for it: the stack of what is a defect. */
export function showStack(thrown: unknown, environment: NodeJS.ProcessEnv = process.env): void {
  if (environment[DEBUG_VARIABLE] !== '1' || thrown instanceof EpochvisorError) return;
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  write(`${stack ?? String(thrown)}\n`);
}

/** Says on stderr what was thrown, in one line. */
export function complainOf(thrown: unknown): void {
  showStack(thrown);
  complain(asError(thrown).line);
}

/** From here on whatever nobody catches, and nobody answers for, ends this process in one line. */
export function endOnDefects(): void {
  const end = (thrown: unknown): void => {
    if (answering().length > 0) return;
    complainOf(thrown);
    process.exit(DEFECT_STATUS);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

// ---- who answers for a part of what a process does, in place of the process

interface Answerer {
  readonly take: (thrown: unknown) => void;
}

const answerers = new Set<Answerer>();
const within = new AsyncLocalStorage<Answerer>();

/** Not known is it where a socket that came in, or a microtask, has thrown: then all answer. */
function answering(): readonly Answerer[] {
  const own = within.getStore();
  if (own === undefined) return [...answerers];
  return answerers.has(own) ? [own] : [];
}

function give(thrown: unknown): void {
  const all = answering();
  for (const { take } of all) take(thrown);
  // Something that somebody answered for once, and who does so no more; where others listen, it is theirs.
  if (all.length === 0 && process.listenerCount('uncaughtException') === 1) throw thrown;
}

/**
 * Does `act`; what nobody catches of it, or of what it has begun, is given to `take` until it is done, and does not end the
 * process.
 */
export async function answeredBy<Value>(take: (thrown: unknown) => void, act: () => Promise<Value>): Promise<Value> {
  const answerer = { take };
  if (answerers.size === 0) {
    process.on('uncaughtException', give);
    process.on('unhandledRejection', give);
  }
  answerers.add(answerer);
  try {
    return await within.run(answerer, act);
  } finally {
    answerers.delete(answerer);
    if (answerers.size === 0) {
      process.off('uncaughtException', give);
      process.off('unhandledRejection', give);
    }
  }
}
