// The timeline of a trial laid out as a sequence of rows, time going down: who said what to whom, and when somebody was struck.

import type { KillProof } from '../../testing/kill-hook.js';
import type { PointRecord } from '../../testing/point-record.js';
import { shortName, type TimelineEvent, type TimelineOwner } from '../../testing/timeline.js';
import { shortened } from '../../testing/timeline-links.js';

/** More would not be looked at; those around the strike stay. */
export const ROWS_MAX = 70;

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
  /** Of a message that was sent and received. */
  readonly link?: number;
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
/** Of what is nobody's, such as a view: it has no lane. */
export const NO_LANE = '';

type Moment = Omit<TimelineRow, 'other' | 'leftOut'>;

/** @param record its timeline is linked (timeline-links.ts) */
export function layOut(record: PointRecord, rowsMax = ROWS_MAX): TimelineLayout {
  const { kill, timeline = [] } = record;
  // Deaths are told of by their proofs, which say more.
  const events = timeline.filter(({ kind }) => kind !== 'death');
  const moments = [...events.map(momentOf), ...strikesOf(record, events)].sort((a, b) => a.atNs - b.atNs);
  const originNs = kill?.atNs ?? moments[0]?.atNs ?? 0;
  const struck = moments.findIndex(({ kind }) => kind === 'strike');
  const { kept, gapAt, leftOut } = shortened(moments, struck < 0 ? undefined : struck, rowsMax);
  const ends = new Map<number, number[]>();
  for (const [index, { link }] of kept.entries()) {
    if (link !== undefined) ends.set(link, [...(ends.get(link) ?? []), index]);
  }
  const rows = kept.map((moment, index) => {
    const other = moment.link === undefined ? undefined : ends.get(moment.link)?.find(end => end !== index);
    const before = leftOut > 0 && index === gapAt ? leftOut : 0;
    return { ...moment, atNs: moment.atNs - originNs, ...(other === undefined ? {} : { other }), leftOut: before };
  });
  return { lanes: lanesOf(moments), rows, leftOut };
}

function laneOf({ owner, name }: Pick<TimelineEvent, 'owner' | 'name'>): string {
  if (owner === 'bus') return BUS_LANE;
  if (owner === 'machine') return NO_LANE;
  return `${owner} ${name}`;
}

function momentOf(event: TimelineEvent): Moment {
  const { owner: _, name: __, ...more } = event;
  return { lane: laneOf(event), ...more };
}

function strikesOf(
  { kill, secondKill, second, fault, victim }: PointRecord,
  events: readonly TimelineEvent[],
): Moment[] {
  const done = { kill: 'killed', pause: 'stopped', cut: 'cut off', lose: 'lost' }[fault];
  const others = { primary: 'backup', backup: 'primary', bus: 'bus' } as const;
  const other = second?.startsWith('join') === true ? 'joining' : others[victim];
  return [
    ...(kill === null ? [] : [strikeOf(kill, victim, done, events)]),
    ...(secondKill === null ? [] : [strikeOf(secondKill, other, 'killed', events)]),
  ];
}

function strikeOf(proof: KillProof, owner: TimelineOwner, done: string, events: readonly TimelineEvent[]): Moment {
  const { replica, atNs, epoch, count, instruction, what, inFlight } = proof;
  const own = events.filter(event => event.owner === owner);
  const name = replica === undefined ? (own[0]?.name ?? '') : shortName(replica.incarnation);
  // A bus notes nothing itself.
  const witnesses = owner === 'bus' ? events : own;
  const view = inFlight?.view ?? witnesses.findLast(event => event.atNs <= atNs)?.view ?? 0;
  const where = what ?? (instruction === undefined ? '' : `instruction ${instruction}`);
  const said = where === '' ? done : `${done}: ${where}`;
  return {
    lane: laneOf({ owner, name }),
    atNs,
    kind: 'strike',
    what: said,
    number: 0,
    epoch,
    count,
    view,
  };
}

const OWNERS: readonly TimelineOwner[] = ['primary', 'backup', 'joining'];

/** The bus first: arrows between it and the primary cross no one else's lane. */
function lanesOf(moments: readonly Moment[]): Lane[] {
  const keys = [...new Set(moments.map(({ lane }) => lane))];
  const isBus = moments.some(({ kind, lane }) => kind === 'output' || kind === 'bus' || lane === BUS_LANE);
  const lanes = OWNERS.flatMap(owner => {
    const theirs = keys.filter(key => key.startsWith(`${owner} `));
    return theirs.map(key => ({ key, title: theirs.length === 1 ? owner : key }));
  });
  return isBus ? [{ key: BUS_LANE, title: 'bus' }, ...lanes] : lanes;
}
