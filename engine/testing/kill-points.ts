// Where a replica or the bus is struck: points named by a user, and points spread over a run.

import { BUS_KINDS, START_STEPS } from '../bus/bus-hook.js';
import { EpochvisorError } from '../errors/errors.js';
import { IO_KINDS, JOIN_STEPS, JOINER_STEPS, TAKEOVER_STEPS, type When } from '../replica/io-hook.js';
import type { KillPoint } from './kill-hook.js';
import type { ListedPlace } from './listing-hook.js';

/** Each point is two replicas and a whole run of the guest, which takes a fortieth of a second at best: more is a mistake, not a wish. */
export const POINTS_MAX = 100_000;

const PLACE_KINDS = [...new Set([...IO_KINDS, ...BUS_KINDS])];

/** Whether the bus comes to such a point. */
export function isBusPoint(point: KillPoint): boolean {
  return point.at === 'place' && BUS_KINDS.some(kind => kind === point.kind);
}

/** Whether a replica does. */
export function isReplicaPoint(point: KillPoint): boolean {
  return point.at !== 'place' || IO_KINDS.some(kind => kind === point.kind);
}

/** `EPOCH:INSTRUCTION`, both from 0; or a place, `KIND:NUMBER[:before|after]`, or a step by its name. @throws EpochvisorError BAD_POINT */
export function parsePoint(text: string): KillPoint {
  const plain = text.replaceAll('_', '');
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(plain);
  if (match !== null) return { at: 'epoch', epoch: Number(match[1]), instruction: Number(match[2]) };
  const count = /^count:(\d{1,15})$/.exec(plain);
  if (count !== null) return { at: 'count', count: Number(count[1]) };
  const [, kind = '', which = '', when = 'before'] =
    /^([a-z]+):([a-z]+|\d{1,15})(?::(before|after))?$/.exec(plain) ?? [];
  const number = numberOf(kind, which);
  if (number !== undefined && number >= 1) {
    if (kind === 'io') return { at: 'io', number, when: when as When };
    const known = PLACE_KINDS.find(name => name === kind);
    if (known !== undefined) return { at: 'place', kind: known, number, when: when as When };
  }
  throw new EpochvisorError(
    'BAD_POINT',
    `'${text}' is no point to kill at`,
    'write EPOCH:INSTRUCTION, such as 3:50000, or KIND:NUMBER[:before|after], such as message:17:after; kinds are ' +
      `io, ${PLACE_KINDS.join(', ')}`,
  );
}

/** By a number, or the name of a step. */
function numberOf(kind: string, which: string): number | undefined {
  if (/^\d/.test(which)) return Number(which);
  const index = (stepsOf(kind) as readonly string[]).indexOf(which);
  return index < 0 ? undefined : index + 1;
}

function stepsOf(kind: string): readonly string[] {
  return { takeover: TAKEOVER_STEPS, join: JOIN_STEPS, start: START_STEPS }[kind] ?? [];
}

const LISTED = ['all', 'boundaries', 'io', 'messages', 'outputs', 'memory'] as const;

/** Places of a reference run, or every so many instructions. */
export type Sweep = { readonly of: (typeof LISTED)[number] } | { readonly of: 'every'; readonly every: number };

/** @throws EpochvisorError BAD_POINT */
export function parseSweep(text: string): Sweep {
  const listed = LISTED.find(name => name === text);
  if (listed !== undefined) return { of: listed };
  const every = Number(/^every:([\d_]+|\d+e\d+)$/.exec(text)?.[1]?.replaceAll('_', ''));
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new EpochvisorError(
      'BAD_POINT',
      `'${text}' is no sweep`,
      `write ${LISTED.join(', ')}, or every:K, K instructions, such as every:1000000`,
    );
  }
  return { of: 'every', every };
}

const KINDS_OF: Readonly<Record<(typeof LISTED)[number], readonly ListedPlace['kind'][]>> = {
  all: ['boundary', 'io', 'message', 'bus', 'output', 'operation', 'memory', 'start'],
  boundaries: ['boundary'],
  io: ['io', 'operation'],
  messages: ['message', 'bus'],
  outputs: ['output'],
  memory: ['memory'],
};

/** Of what a reference run listed, each once, in its order. */
export function pointsListed(of: (typeof LISTED)[number], listing: readonly ListedPlace[]): KillPoint[] {
  const points = new Map<string, KillPoint>();
  for (const place of listing) {
    if (!KINDS_OF[of].includes(place.kind)) continue;
    const point = pointOf(place);
    points.set(describePoint(point), point);
  }
  return [...points.values()];
}

function pointOf({ kind, number, when, epoch, instruction = 0 }: ListedPlace): KillPoint {
  if (kind === 'boundary') return { at: 'epoch', epoch, instruction };
  return kind === 'io' ? { at: 'io', number, when } : { at: 'place', kind, number, when };
}

/**
 * Where a second kill is: at a step of a takeover, or of a replica that joins, or of a bus that is started again; `takeover`,
 * `joining` and `restart` are all of them, before and after. @throws EpochvisorError BAD_POINT
 */
export function parseSecondKill(text: string): KillPoint[] {
  const all = (kind: 'takeover' | 'join' | 'start', steps: readonly string[]) =>
    steps.flatMap((_, index) =>
      (['before', 'after'] as const).map(when => ({ at: 'place', kind, number: index + 1, when }) as const),
    );
  if (text === 'takeover') return all('takeover', TAKEOVER_STEPS);
  if (text === 'joining') return all('join', JOINER_STEPS);
  if (text === 'restart') return all('start', START_STEPS);
  const point = parsePoint(text);
  const isTakeover = point.at === 'place' && point.kind === 'takeover' && point.number <= TAKEOVER_STEPS.length;
  const isJoiners = point.at === 'place' && point.kind === 'join' && point.number <= JOINER_STEPS.length;
  const isStart = point.at === 'place' && point.kind === 'start' && point.number <= START_STEPS.length;
  if (isTakeover || isJoiners || isStart) return [point];
  throw new EpochvisorError(
    'BAD_POINT',
    `'${text}' is no second kill`,
    `write takeover, joining, restart, or a step such as takeover:fence:after: ${TAKEOVER_STEPS.join(', ')}; ` +
      `join:snapshot: ${JOINER_STEPS.join(', ')} (a primary that dies while another joins ` +
      `leaves nobody); start:memory: ${START_STEPS.join(', ')}`,
  );
}

/** At most `limit` of them, as far from each other as they can be. */
export function sample<Point>(points: readonly Point[], limit: number): readonly Point[] {
  return points.length <= limit ? points : sampled(points.length, limit).map(index => points[index]!);
}

/** Indexes. */
function sampled(count: number, limit: number): number[] {
  if (count <= limit) return Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: limit }, (_, index) => Math.floor(((index + 0.5) * count) / limit));
}

/**
 * Every `every` instructions of a run of `instructions`; of these at most `limit`, spread.
 * @throws EpochvisorError BAD_POINT where they are too many
 */
export function pointsEvery(every: number, instructions: number, limit?: number): KillPoint[] {
  const count = Math.max(1, Math.floor((instructions - 1) / every));
  if (count > POINTS_MAX && limit === undefined) {
    const least = Math.ceil(instructions / POINTS_MAX);
    throw new EpochvisorError(
      'BAD_POINT',
      `every:${every} makes ${count} points of a run of ${instructions} instructions`,
      `at most ${POINTS_MAX}: take every:${least} or more, or --limit N of them`,
    );
  }
  return sampled(count, limit ?? count).map(index => ({ at: 'count', count: (index + 1) * every }));
}

/** `count` points with equal distances between them and to both ends of a run of `instructions`. */
export function pointsSpread(count: number, instructions: number): KillPoint[] {
  return Array.from({ length: count }, (_, index) => ({
    at: 'count',
    count: Math.max(1, Math.round(((index + 1) * instructions) / (count + 1))),
  }));
}

/** As a user writes it; of a point of a sweep by instructions, the instruction count alone. */
export function describePoint(point: KillPoint): string {
  switch (point.at) {
    case 'epoch':
      return `${point.epoch}:${point.instruction}`;
    case 'count':
      return String(point.count);
    case 'io':
      return `io:${point.number}:${point.when}`;
    case 'place':
      return `${point.kind}:${stepsOf(point.kind)[point.number - 1] ?? point.number}:${point.when}`;
  }
}
