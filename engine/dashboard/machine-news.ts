// What has happened to a machine, in words for its page: from the events that its journal has.

import type { JournalEvent } from '../observe/event-journal.js';
import type { PageNews } from '../page/page-frame.js';

type News = Pick<PageNews, 'kind' | 'text'>;

/** A replica's word may be long, and of a file. */
const TEXT_MAX = 400;
const UUID = /\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g;

/** Undefined: no news for people. @param pidOf the process of an incarnation, where it is known */
export function newsOf(event: JournalEvent, pidOf: (incarnation: string) => number | undefined): News | undefined {
  const news = worded(event, pidOf);
  return news === undefined ? undefined : { ...news, text: news.text.slice(0, TEXT_MAX) };
}

function worded(event: JournalEvent, pidOf: (incarnation: string) => number | undefined): News | undefined {
  const replica = nameOf(event.replica);
  const known = (incarnation: unknown) => {
    const pid = pidOf(String(incarnation));
    return pid === undefined ? 'a replica' : `replica ${pid}`;
  };
  switch (event.event) {
    case 'running':
      return { kind: 'note', text: `${replica} runs` };
    case 'joining':
      return { kind: 'note', text: `${replica} joins` };
    case 'unjoined':
      return { kind: 'trouble', text: `${replica} is gone before it has joined: ${event.reason}` };
    case 'lost':
      return { kind: 'lost', text: `${replica} is gone: ${event.reason}` };
    case 'failover':
      return { kind: 'failover', text: `failover: ${known(event.to)} takes over, in view ${event.view}` };
    case 'joined':
      return { kind: 'joined', text: `${known(event.incarnation)} is the backup, in view ${event.view}` };
    case 'view':
      return {
        kind: 'view',
        text: `view ${event.view}: ${String(event.reason).replace(UUID, one => String(pidOf(one) ?? one))}`,
      };
    case 'fenced': {
      const silence = event.silentMs === undefined ? '' : `, after ${event.silentMs} ms of silence`;
      return { kind: 'view', text: `the bus belongs to view ${event.view}${silence}` };
    }
    case 'live':
      return { kind: 'view', text: `${replica} is live: failover epoch ${event.failoverEpoch}` };
    case 'uncertain':
      return { kind: 'note', text: `${event.operations} operations are uncertain, and are repeated` };
    case 'divergence':
    case 'halted':
    case 'unlogged':
      return { kind: 'trouble', text: `${replica}: ${event.message} [${event.code}]` };
    case 'log waits':
      return { kind: 'trouble', text: `outputs wait for the log of ${replica}: ${event.why}` };
    case 'logs on':
      return { kind: 'note', text: `${replica} logs on` };
    case 'refused':
      return { kind: 'trouble', text: `the bus has refused a connection: ${event.message}` };
    default:
      return undefined;
  }
}

function nameOf(replica: unknown): string {
  const { pid } = (replica ?? {}) as { readonly pid?: number };
  return pid === undefined || pid === 0 ? 'a replica' : `replica ${pid}`;
}
