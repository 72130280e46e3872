// What is the same of every part that is watched by itself: where it is, since when, and who takes its events.

import { hostname } from 'node:os';
import type { JournalEvent } from '../observe/event-journal.js';
import type { LauncherStatus } from '../observe/status.js';

export class WatchedPart {
  protected readonly part: Omit<LauncherStatus, 'pid' | 'metrics'>;
  protected journal: (event: JournalEvent) => void = () => undefined;
  /** Where its metrics are. */
  metrics: string | undefined;

  /** @param guest path of the module */
  constructor(guest: string) {
    this.part = { host: hostname(), guest, since: new Date().toISOString() };
  }

  /** @param write takes each event from now on */
  tells(write: (event: JournalEvent) => void): void {
    this.journal = write;
  }

  get launcher(): LauncherStatus {
    return { pid: process.pid, ...this.part, ...(this.metrics === undefined ? {} : { metrics: this.metrics }) };
  }
}
