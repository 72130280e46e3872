// A teller: a machine that dispenses notes. The device that must not do twice what it was asked for once.
//
// It appends one line a dispense to its journal, `NUMBER OPERATION AMOUNT`: a double is there to be seen. Writing the line is
// dispensing, so a teller whose process is started again finds there what it has dispensed, and does so once (teller-memory.ts).

import { type FileHandle, open } from 'node:fs/promises';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_IO_ERROR, STATUS_REFUSED } from '../device.js';
import { AMOUNT_MAX, tellerMovement } from './teller-commands.js';
import { type Dispensed, dispensedBefore } from './teller-memory.js';

export class Teller implements OperationDevice {
  readonly class = 'opaque';
  readonly sizeBytes = 0;
  readonly #journal: FileHandle;
  /** By processes before this one; undefined: there are none, and what is dispensed needs not outlive this one's host. */
  readonly #before: Dispensed | undefined;
  /** The length of the journal. */
  #bytes: number;
  #dispenses: number;
  #closed = false;
  /** The journal ends with half a line, which could not be taken back. */
  #torn = false;
  /** One dispense at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param path the journal, begun where there is none
   * @param memory as of `DeviceKind.open`
   * @throws EpochvisorError TELLER_UNUSABLE; TELLER_CHANGED, MEMORY_CORRUPT
   */
  static async open(path: string, memory?: string): Promise<Teller> {
    let journal: FileHandle | undefined;
    try {
      journal = await open(path, 'a+');
      const before = memory === undefined ? undefined : await dispensedBefore(journal, path, memory);
      return new Teller(journal, (await journal.stat()).size, before);
    } catch (error) {
      await journal?.close();
      if (error instanceof EpochvisorError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new EpochvisorError('TELLER_UNUSABLE', `the teller's journal ${path} can't be opened: ${code ?? message}`);
    }
  }

  private constructor(journal: FileHandle, bytes: number, before: Dispensed | undefined) {
    this.#journal = journal;
    this.#bytes = bytes;
    this.#before = before;
    this.#dispenses = before?.count ?? 0;
  }

  perform(operation: Operation): Promise<Completion> {
    const { id, command, argument } = operation;
    const known = tellerMovement(this.sizeBytes, command, argument) !== undefined;
    if (this.#closed || !known || argument < 1n || argument > BigInt(AMOUNT_MAX))
      return Promise.resolve({ status: STATUS_REFUSED, data: NO_DATA });
    const before = this.#before?.amounts.get(id);
    if (before !== undefined) return Promise.resolve({ status: before, data: NO_DATA });
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

  /** Of a line that was not written whole nothing stays; where that can't be had nothing more is dispensed. */
  async #takeBack(): Promise<void> {
    try {
      await this.#journal.truncate(this.#bytes);
    } catch {
      this.#torn = true;
    }
  }

  async #dispense(id: bigint, amount: number): Promise<Completion> {
    if (this.#torn) return { status: STATUS_IO_ERROR, data: NO_DATA };
    const line = `${this.#dispenses + 1} ${id} ${amount}\n`;
    try {
      await this.#journal.appendFile(line);
      if (this.#before !== undefined) await this.#journal.datasync();
    } catch {
      // Half a line would run into the next one.
      if (this.#before !== undefined) await this.#takeBack();
      return { status: STATUS_IO_ERROR, data: NO_DATA };
    }
    this.#bytes += line.length;
    this.#dispenses += 1;
    return { status: amount, data: NO_DATA };
  }
}
