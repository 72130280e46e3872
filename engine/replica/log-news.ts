// What a replica tells of its log, as its reports have it from then on.

import type { FromReplica } from './replica-configuration.js';
import type { LogReport } from './replica-report.js';

/** After a replica has told this of its log. */
export function afterLogNews(before: LogReport, message: FromReplica): LogReport {
  if (message.type === 'logWaits') {
    const { logWaits: _, ...rest } = before;
    return message.why === '' ? rest : { ...rest, logWaits: message.why };
  }
  if (message.type !== 'unlogged') return before;
  const { code, message: why, atMs, isAwaited } = message;
  const unlogged = { code, why, since: new Date(atMs).toISOString() };
  return { ...before, unlogged, ...(isAwaited ? { logWaits: why } : {}) };
}
