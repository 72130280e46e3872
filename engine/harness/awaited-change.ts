// Waiting for something to become true of a machine: looked at whenever anything changes, until it is over or patience ends.

import { EpochvisorError } from '../errors/errors.js';

/** Far longer than anything here takes on a busy host; a test that waits for what never comes is told what it waited for. */
const PATIENCE_MS = 30_000;

export class Changes {
  readonly #waiting = new Set<() => void>();
  #over: EpochvisorError | undefined;

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Something may have become true. */
  notify(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Nothing becomes true any more that is not now. @param why what those who still wait are told */
  end(why: EpochvisorError): void {
    this.#over ??= why;
    this.notify();
  }

  /**
   * @param ask answers undefined as long as it is not true
   * @param what is waited for, for the error
   * @param patienceMs Infinity: as long as it takes
   * @throws EpochvisorError WAITED_TOO_LONG; the reason of `end`
   */
  until<T>(ask: () => T | undefined, what: () => string, patienceMs = PATIENCE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const giveUp = () => {
        const message = `waited ${patienceMs / 1_000} s for ${what()}`;
        settle(() => reject(new EpochvisorError('WAITED_TOO_LONG', message, 'see whether it can happen at all')));
      };
      const timer = patienceMs === Infinity ? undefined : setTimeout(giveUp, patienceMs);
      const look = () => {
        try {
          const answer = ask();
          if (answer !== undefined) settle(() => resolve(answer));
          else if (this.#over !== undefined) {
            const { code, message, hint } = this.#over;
            settle(() => reject(new EpochvisorError(code, `${message}, waiting for ${what()}`, hint)));
          }
        } catch (error) {
          settle(() => reject(error));
        }
      };
      this.#waiting.add(look);
      look();
    });
  }
}
