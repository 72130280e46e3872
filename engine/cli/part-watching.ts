// The metrics and the journal of a part of a machine on several hosts, with the flags of `run`.

import type { EventJournal, JournalEvent } from '../observe/event-journal.js';
import type { ObservedMachine } from '../observe/machine-figures.js';
import type { LauncherStatus } from '../observe/status.js';
import { version } from './about.js';
import type { SuperviseFlags } from './supervise.js';

export type WatchFlags = Pick<SuperviseFlags, 'metrics' | 'journal'>;

/** What a part knows of its machine, and tells of it. */
export interface WatchedPart extends ObservedMachine {
  metrics: string | undefined;
  readonly launcher: LauncherStatus;
  tells(write: (event: JournalEvent) => void): void;
}

/**
 * To be called before the part is started.
 * @param part what it is: `replica`, `bus`
 * @returns what takes an event that is not the part's own
 * @throws EpochvisorError METRICS_ADDRESS, JOURNAL_FILE
 */
export async function watchPart(
  part: string,
  machine: string,
  account: WatchedPart,
  { metrics, journal }: WatchFlags,
  say: (line: string) => void,
): Promise<(event: JournalEvent) => void> {
  // Loaded for those who ask for it: a start costs what it loads.
  if (metrics !== undefined) {
    const { MetricsServer } = await import('../observe/metrics-server.js');
    account.metrics = (await MetricsServer.start(account, metrics, version())).address;
    say(`metrics at ${account.metrics}`);
  }
  if (journal === undefined) return () => undefined;
  const { EventJournal: Journal } = await import('../observe/event-journal.js');
  const file: EventJournal = new Journal(journal, { machine, part }, error => say(error.line));
  file.begin({ event: 'started', version: version(), ...account.launcher });
  const write = (event: JournalEvent) => file.write(event);
  account.tells(write);
  return write;
}
