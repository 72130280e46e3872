// The journal of a machine: a file of JSON lines, what happened to it and when, for whoever collects logs.
//
// A line is written at once, by the process in which the bus lives: nothing is lost with the process, and a line is small and
// rare. What can't be written any more (a full disk, a reader of a pipe that has gone or is slow) stops nothing: it is said once,
// and the next line that can be written says how many are missing.

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import pino from 'pino';
import { EpochvisorError } from '../errors/errors.js';

/** One event: its name, the rule of the protocol that it follows from where there is one, and what belongs to it. */
export interface JournalEvent {
  readonly event: string;
  readonly rule?: string;
  readonly [detail: string]: unknown;
}

/** A pipe that nobody reads is an error, and not a machine that stands still. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export class EventJournal {
  readonly #descriptor: number;
  readonly #path: string;
  readonly #failed: (error: EpochvisorError) => void;
  readonly #logger: pino.Logger;
  #hasFailed = false;
  #lastFailure: EpochvisorError | undefined;
  /** Lines that could not be written since the last one that was. */
  #missing = 0;
  /** What was written last is half a line. */
  #isTorn = false;

  /**
   * @param about is in every line
   * @param failed once, when something can't be written
   * @throws EpochvisorError JOURNAL_FILE: it can't be opened
   */
  constructor(path: string, about: object, failed: (error: EpochvisorError) => void) {
    this.#path = path;
    this.#failed = failed;
    try {
      this.#descriptor = openSync(path, FLAGS, 0o644);
    } catch (error) {
      throw this.#unwritable(error);
    }
    this.#logger = pino(
      {
        base: about,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: label => ({ level: label }) },
      },
      { write: line => this.#write(line) },
    );
  }

  /** The first line: it is known before the start that there can be others. @throws EpochvisorError JOURNAL_FILE */
  begin(event: JournalEvent): void {
    // Who begins says so, and nobody else needs to.
    this.#hasFailed = true;
    this.write(event);
    this.#hasFailed = false;
    if (this.#missing === 0) return;
    this.close();
    throw this.#lastFailure;
  }

  write(event: JournalEvent): void {
    const missing = this.#missing === 0 ? {} : { missing: this.#missing };
    this.#logger.info({ ...event, ...missing });
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #write(line: string): void {
    const bytes = Buffer.from(this.#isTorn ? `\n${line}` : line);
    try {
      const written = writeSync(this.#descriptor, bytes);
      if (written === bytes.length) {
        this.#missing = 0;
        this.#isTorn = false;
        return;
      }
      this.#isTorn = written > 0 || this.#isTorn;
      this.#hasNotWritten(new Error('there is no room'));
    } catch (error) {
      this.#hasNotWritten(error);
    }
  }

  #hasNotWritten(error: unknown): void {
    this.#missing += 1;
    this.#lastFailure = this.#unwritable(error);
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failed(this.#lastFailure);
  }

  #unwritable(error: unknown): EpochvisorError {
    const { code, message } = error as NodeJS.ErrnoException;
    return new EpochvisorError(
      'JOURNAL_FILE',
      `the journal ${this.#path} can't be written: ${code ?? message}`,
      'name another file',
    );
  }
}
