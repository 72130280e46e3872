// What a replica tells of its log, as its reports have it from then on.

import type { FromReplica } from './replica-configuration.js';
import type { LogReport } from './replica-report.js';

export class LogNews {
  #report: LogReport = {};

  get report(): LogReport {
    return this.#report;
  }

  told(message: FromReplica): void {
    if (message.type === 'logWaits') {
      const { logWaits: _, ...rest } = this.#report;
      this.#report = message.why === '' ? rest : { ...rest, logWaits: message.why };
    } else if (message.type === 'unlogged') {
      const { code, message: why, atMs, isAwaited } = message;
      const unlogged = { code, why, since: new Date(atMs).toISOString() };
      this.#report = { ...this.#report, unlogged, ...(isAwaited ? { logWaits: why } : {}) };
    }
  }
}
