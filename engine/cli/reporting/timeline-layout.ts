// The timeline of a trial laid out as a sequence of rows, time going down: who said what to whom, and when somebody was struck.
//
// Events are noted when they have happened, so what one of them caused within itself is noted before it: an acknowledgement before
// the log that it answers. Numbers tell the order (`inOrder`). What was said and what was heard are told by different replicas;
// links keep their order, so the first log that was received is the first that was sent (`paired`).

import type { KillProof } from '../../testing/kill-hook.js';
import type { PointRecord } from '../../testing/point-record.js';
import type { TimelineEvent, TimelineOwner } from '../../testing/timeline.js';

/** More would not be looked at; those around the strike stay. */
export const ROWS_MAX = 90;
/** Of these so many at the beginning. */
const FIRST_ROWS = 6;
/** Before the first strike, of what is left. */
const BEFORE_PART = 0.35;

export interface Lane {
  readonly key: string;
  readonly title: string;
}

export interface TimelineRow {
  readonly lane: string;
  /** From the strike, or where nobody was struck from the first event. */
  readonly atNs: number;
  readonly kind: TimelineEvent['kind'] | 'strike';
  /** `send log`, `release stream`, the name of a step, what was done to whom was struck. */
  readonly what: string;
  readonly number: number;
  readonly epoch: number;
  readonly count: number;
  readonly view: number;
  /** Of a message: the index of the row at its other end; undefined where it is not shown, or there is none. */
  readonly other?: number;
  /** Of a message: it has another end, which is shown or not. */
  readonly isPaired?: boolean;
  /** So many that came before it are not shown. */
  readonly leftOut: number;
}

export interface TimelineLayout {
  readonly lanes: readonly Lane[];
  readonly rows: readonly TimelineRow[];
  /** How many are not shown. */
  readonly leftOut: number;
}

export const BUS_LANE = 'bus';

interface Moment extends Omit<TimelineRow, 'other' | 'leftOut' | 'atNs'> {
  atNs: number;
  partner?: Moment;
}

export function layOut(record: PointRecord, rowsMax = ROWS_MAX): TimelineLayout {
  const { kill, timeline = [] } = record;
  const events = inOrder(timeline).map(momentOf);
  pair(events);
  const strikes = strikesOf(record, timeline);
  const moments = [...events, ...strikes].sort((a, b) => a.atNs - b.atNs);
  const originNs = kill?.atNs ?? moments[0]?.atNs ?? 0;
  const kept = around(moments, rowsMax);
  const places = new Map(kept.map(({ moment }, index) => [moment, index]));
  const rows = kept.map(({ moment, leftOut }) => {
    const { partner, ...more } = moment;
    const other = partner && places.get(partner);
    const isPaired = partner !== undefined;
    return { ...more, atNs: moment.atNs - originNs, ...(other === undefined ? {} : { other }), isPaired, leftOut };
  });
  return { lanes: lanesOf(moments), rows, leftOut: moments.length - kept.length };
}

/** An event happened no later than one of its kind with a higher number at the same replica. */
function inOrder(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const byNumber = [...events].sort((a, b) => b.number - a.number);
  const latest = new Map<string, number>();
  const told = byNumber.map(event => {
    const key = `${laneOf(event)} ${event.kind}`;
    const atNs = Math.min(event.atNs, latest.get(key) ?? Infinity);
    latest.set(key, atNs);
    return { ...event, atNs };
  });
  // At one time the lower number was first.
  return told.sort((a, b) => a.atNs - b.atNs || a.number - b.number);
}

function laneOf({ owner, name }: Pick<TimelineEvent, 'owner' | 'name'>): string {
  return `${owner} ${name}`;
}

function momentOf(event: TimelineEvent): Moment {
  const { atNs, kind, what, number, epoch, count, view } = event;
  return { lane: laneOf(event), atNs, kind, what, number, epoch, count, view };
}

/** Gives each message that was received the one that was sent. */
function pair(moments: readonly Moment[]): void {
  const waiting = new Map<string, Moment[]>();
  const messages = moments.filter(({ kind }) => kind === 'message').sort((a, b) => a.atNs - b.atNs);
  for (const sent of messages) {
    const type = /^send (.*)$/.exec(sent.what)?.[1];
    if (type !== undefined) waiting.set(type, [...(waiting.get(type) ?? []), sent]);
  }
  for (const received of messages) {
    const type = /^receive (.*)$/.exec(received.what)?.[1];
    const sends = type === undefined ? [] : (waiting.get(type) ?? []);
    const index = sends.findIndex(({ lane }) => lane !== received.lane);
    if (index < 0) continue;
    const [sent] = sends.splice(index, 1);
    sent!.partner = received;
    received.partner = sent!;
    // It is noted when it has left, which may be after it has come.
    sent!.atNs = Math.min(sent!.atNs, received.atNs);
  }
}

function strikesOf(
  { kill, secondKill, second, fault, victim }: PointRecord,
  events: readonly TimelineEvent[],
): Moment[] {
  const done = { kill: 'killed', pause: 'stopped', cut: 'cut off' }[fault];
  const other: TimelineOwner =
    second?.startsWith('join') === true ? 'joining' : victim === 'primary' ? 'backup' : 'primary';
  return [
    ...(kill === null ? [] : [strikeOf(kill, victim, done, events)]),
    ...(secondKill === null ? [] : [strikeOf(secondKill, other, 'killed', events)]),
  ];
}

function strikeOf(proof: KillProof, owner: TimelineOwner, done: string, events: readonly TimelineEvent[]): Moment {
  const { pid, atNs, epoch, count, instruction, what, inFlight } = proof;
  const own = events.filter(event => event.owner === owner);
  const named = own.find(({ name }) => name === String(pid)) ?? own[0];
  const view = inFlight?.view ?? own.findLast(event => event.atNs <= atNs)?.view ?? 0;
  const where = what ?? (instruction === undefined ? '' : `instruction ${instruction}`);
  const said = where === '' ? done : `${done}: ${where}`;
  return {
    lane: laneOf({ owner, name: named?.name ?? String(pid) }),
    atNs,
    kind: 'strike',
    what: said,
    number: 0,
    epoch,
    count,
    view,
  };
}

/** The first few, and the rest of `limit` around the first strike; without one, from the beginning and before the end. */
function around(moments: readonly Moment[], limit: number): { readonly moment: Moment; readonly leftOut: number }[] {
  if (moments.length <= limit) return moments.map(moment => ({ moment, leftOut: 0 }));
  const first = Math.min(FIRST_ROWS, limit);
  const struck = moments.findIndex(({ kind }) => kind === 'strike');
  const center = struck < 0 ? moments.length : struck;
  const rest = limit - first;
  const from = Math.max(first, Math.min(moments.length - rest, center - Math.round(rest * BEFORE_PART)));
  const window = moments.slice(from, from + rest);
  return [...moments.slice(0, first), ...window].map((moment, index) => ({
    moment,
    leftOut: index === first ? from - first : 0,
  }));
}

const OWNERS: readonly TimelineOwner[] = ['primary', 'backup', 'joining'];

/** The bus first: arrows between it and the primary cross no one else's lane. */
function lanesOf(moments: readonly Moment[]): Lane[] {
  const keys = [...new Set(moments.map(({ lane }) => lane))];
  const isBus = moments.some(({ kind }) => kind === 'output' || kind === 'bus');
  const lanes = OWNERS.flatMap(owner => {
    const theirs = keys.filter(key => key.startsWith(`${owner} `));
    return theirs.map((key, index) => ({ key, title: theirs.length === 1 ? owner : `${owner} ${index + 1}` }));
  });
  return isBus ? [{ key: BUS_LANE, title: 'bus' }, ...lanes] : lanes;
}
