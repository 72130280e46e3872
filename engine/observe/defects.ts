// What nobody foresaw: one line for the user, the stack for who asks for it, and the end of the process.
//
// Not part of any recovery: what has failed an assertion is not to be trusted any more. Where a replica ends so, the others
// of its view go on.

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

/** From here on whatever nobody catches ends this process in one line. */
export function endOnDefects(): void {
  const end = (thrown: unknown): never => {
    complainOf(thrown);
    process.exit(DEFECT_STATUS);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
