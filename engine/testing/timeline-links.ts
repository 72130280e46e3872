// The timeline of a trial made fit to be kept: events in the order in which they happened, what was heard linked to what was said, and
// of long ones a part.
//
// Events are noted when they have happened, so what one of them caused within itself is noted before it: an acknowledgement before
// the log that it answers. Numbers tell the order. What was said and what was heard are told by different replicas; links keep
// their order, so the first log that was received is the first that was sent. Where three replicas talk at once, it may be that two
// of the same kind change places.

import type { TimelineEvent } from './timeline.js';

/** A guest of a minute has tens of thousands; those around a strike are looked at. */
export const TIMELINE_EVENTS_MAX = 400;
/** Of these so many from the beginning, */
const FIRST_EVENTS = 6;
/** and of the rest this part before the strike. */
const BEFORE_PART = 0.35;

/** Each gets the events of its other end: `link` is the same at both. */
export function linked(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const ordered = inOrder(events);
  const links = new Map<TimelineEvent, number>();
  const sentAt = new Map<TimelineEvent, number>();
  const waiting = new Map<string, TimelineEvent[]>();
  for (const event of ordered) {
    const type = typeOf(event, 'send');
    if (type === undefined) continue;
    const others = waiting.get(type);
    if (others === undefined) waiting.set(type, [event]);
    else others.push(event);
  }
  for (const received of ordered) {
    const sends = waiting.get(typeOf(received, 'receive') ?? '') ?? [];
    const index = sends.findIndex(sent => !isSameReplica(sent, received));
    if (index < 0) continue;
    const [sent] = sends.splice(index, 1);
    const link = links.size / 2 + 1;
    links.set(sent!, link).set(received, link);
    // It is noted when it has left, which may be after it has come.
    sentAt.set(sent!, Math.min(sent!.atNs, received.atNs - 1));
  }
  const told = ordered.map(event => {
    const link = links.get(event);
    return link === undefined ? event : { ...event, atNs: sentAt.get(event) ?? event.atNs, link };
  });
  return told.sort((a, b) => a.atNs - b.atNs);
}

/** An event happened no later than one of its kind with a higher number at the same replica. */
function inOrder(events: readonly TimelineEvent[]): TimelineEvent[] {
  const earliest = new Map<string, number>();
  const backwards = [...events].sort((a, b) => b.number - a.number);
  const told = backwards.map(event => {
    const key = `${event.owner} ${event.name} ${event.kind}`;
    const atNs = Math.min(event.atNs, earliest.get(key) ?? Infinity);
    earliest.set(key, atNs);
    return { ...event, atNs };
  });
  // At one time the lower number was first.
  return told.sort((a, b) => a.atNs - b.atNs || a.number - b.number);
}

function typeOf({ kind, what }: TimelineEvent, verb: 'send' | 'receive'): string | undefined {
  return kind === 'message' && what.startsWith(`${verb} `) ? what.slice(verb.length + 1) : undefined;
}

function isSameReplica(a: TimelineEvent, b: TimelineEvent): boolean {
  return a.owner === b.owner && a.name === b.name;
}

/** Items of which the first follow one another, then, after those that were left out, the rest. */
export interface Shortened<Item> {
  readonly kept: readonly Item[];
  /** The index among those kept of the first after the gap; the number of those in it. */
  readonly gapAt: number;
  readonly leftOut: number;
}

/** The first few, and the rest of `max` around the item at `center`; without one, the last. */
export function shortened<Item>(items: readonly Item[], center: number | undefined, max: number): Shortened<Item> {
  if (items.length <= max) return { kept: items, gapAt: 0, leftOut: 0 };
  const rest = max - FIRST_EVENTS;
  const wanted = (center ?? items.length) - Math.round(rest * BEFORE_PART);
  const from = Math.max(FIRST_EVENTS, Math.min(items.length - rest, wanted));
  const kept = [...items.slice(0, FIRST_EVENTS), ...items.slice(from, from + rest)];
  return { kept, gapAt: FIRST_EVENTS, leftOut: items.length - kept.length };
}

/** What of a timeline is kept in a record. @param strikeNs when somebody was struck */
export function keptTimeline(events: readonly TimelineEvent[], strikeNs: number | undefined): readonly TimelineEvent[] {
  const all = linked(events);
  const after = strikeNs === undefined ? -1 : all.findIndex(({ atNs }) => atNs > strikeNs);
  return shortened(all, after < 0 ? undefined : after, TIMELINE_EVENTS_MAX).kept;
}
