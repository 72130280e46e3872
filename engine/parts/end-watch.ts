// Looking, again and again, whether the machine has ended: whoever ends it writes that at the arbiter, and each part ends with it.

import type { Arbiter } from '../arbiter/arbiter.js';
import type { MachineEnd } from '../arbiter/machine-end.js';
import { EpochvisorError } from '../errors/errors.js';

/** Between an answer and the next question. */
const ASK_EVERY_MS = 1_000;

export interface EndWatchParts {
  readonly machine: string;
  readonly arbiter: Pick<Arbiter, 'ended'>;
  /** Once. */
  readonly ended: (end: MachineEnd) => void;
  /** The record can't be read, whenever it is asked for; once. */
  readonly failed: (error: EpochvisorError) => void;
}

export class EndWatch {
  readonly #parts: EndWatchParts;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(parts: EndWatchParts) {
    this.#parts = parts;
    this.#askLater();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #askLater(): void {
    this.#timer = setTimeout(() => void this.#ask(), ASK_EVERY_MS);
  }

  async #ask(): Promise<void> {
    const { machine, arbiter, ended, failed } = this.#parts;
    let end: MachineEnd | undefined;
    try {
      end = await arbiter.ended(machine);
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      if (error.code !== 'ARBITER_UNREACHABLE' && !this.#over) {
        this.stop();
        failed(error);
      }
    }
    if (this.#over) return;
    if (end === undefined) {
      this.#askLater();
      return;
    }
    this.stop();
    ended(end);
  }
}
