// A teller: a machine that dispenses notes. The device that must not do twice what it was asked for once.
//
// It appends one line a dispense to its journal, `NUMBER OPERATION AMOUNT`: a double is there to be seen.

import { type FileHandle, open } from 'node:fs/promises';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_IO_ERROR, STATUS_REFUSED } from '../device.js';
import { AMOUNT_MAX, tellerMovement } from './teller-commands.js';

export class Teller implements OperationDevice {
  readonly class = 'opaque';
  readonly sizeBytes = 0;
  readonly #journal: FileHandle;
  #dispenses = 0;
  #closed = false;
  /** One dispense at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param path the journal, begun where there is none
   * @throws EpochvisorError TELLER_UNUSABLE
   */
  static async open(path: string): Promise<Teller> {
    try {
      return new Teller(await open(path, 'a'));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new EpochvisorError('TELLER_UNUSABLE', `the teller's journal ${path} can't be opened: ${code ?? message}`);
    }
  }

  private constructor(journal: FileHandle) {
    this.#journal = journal;
  }

  perform(operation: Operation): Promise<Completion> {
    const { id, command, argument } = operation;
    const known = tellerMovement(this.sizeBytes, command, argument) !== undefined;
    if (this.#closed || !known || argument < 1n || argument > BigInt(AMOUNT_MAX))
      return Promise.resolve({ status: STATUS_REFUSED, data: NO_DATA });
    const done = this.#last.then(() => this.#dispense(id, Number(argument)));
    this.#last = done;
    return done;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    await this.#journal.close();
  }

  async #dispense(id: bigint, amount: number): Promise<Completion> {
    try {
      await this.#journal.appendFile(`${this.#dispenses + 1} ${id} ${amount}\n`);
    } catch {
      return { status: STATUS_IO_ERROR, data: NO_DATA };
    }
    this.#dispenses += 1;
    return { status: amount, data: NO_DATA };
  }
}
