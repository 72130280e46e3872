// What the replicas of a trial said and heard, and when: one line of events of all of them.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IoPlace, TestedReplica } from '../replica/io-hook.js';

/** Whose it is: the first primary's, a first backup's, that of one who joined, or the bus'; a view is nobody's. */
export type TimelineOwner = 'primary' | 'backup' | 'joining' | 'bus' | 'machine';

export interface TimelineEvent {
  /** By the host's monotonic clock. */
  readonly atNs: number;
  readonly owner: TimelineOwner;
  /** Of several backups, or of those who joined: which, by the beginning of its incarnation. */
  readonly name: string;
  readonly kind: IoPlace['kind'] | 'death' | 'view';
  readonly number: number;
  /** `send log`, `release stream`, a step; of a death what was struck. */
  readonly what: string;
  readonly epoch: number;
  readonly count: number;
  readonly view: number;
  /** Of a message that was sent and received: the same at both (timeline-links.ts). */
  readonly link?: number;
}

/** A replica that is a thread tells at once; a process writes to a file. */
export type TimelineTarget = string | ((event: TimelineEvent) => unknown);

/** Of an incarnation, for people. */
export function shortName(incarnation: string): string {
  return incarnation.slice(0, 8);
}

/** Events are noted when they have happened. */
export function noteEvent(
  target: TimelineTarget | undefined,
  owner: TimelineOwner,
  place: IoPlace,
  replica: TestedReplica,
): void {
  if (target === undefined || place.when === 'before') return;
  const { kind, number, what } = place;
  const name = shortName(replica.incarnation);
  const { epoch, count, view } = replica.inFlight();
  const event = { atNs: Number(process.hrtime.bigint()), owner, name, kind, number, what, epoch, count, view };
  if (typeof target === 'function') target(event);
  else appendFileSync(target, `${JSON.stringify(event)}\n`);
}

const TIMELINE_FILE = 'timeline';

export function timelineFile(folder: string): string {
  return join(folder, TIMELINE_FILE);
}

/** In the order of time. */
export function readTimeline(folder: string): TimelineEvent[] {
  const file = timelineFile(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // A process that was killed in the middle of a write leaves half a line.
  const whole = lines.slice(0, -1).filter(line => line.endsWith('}'));
  return whole.map(line => JSON.parse(line) as TimelineEvent).sort((a, b) => a.atNs - b.atNs);
}
