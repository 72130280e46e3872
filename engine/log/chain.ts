// The log of a machine, put together of what its replicas have written: across failovers and joins, up to its end.
//
//   last     the most advanced: of the latest view, its primary's before others, the longest
//   before   where that one joined, it begins at a snapshot: what precedes it is in the log of the primary that it joined, or of
//            another replica of that view; and so on, to the beginning of the machine
//
// What a dead primary had logged and sent to nobody is in no other log, and has never happened: another replica has executed
// something else there. A log of an earlier view is therefore believed up to where the next one begins, and no further.
// Where a log is missing, or the beginning of one was dropped (retention.ts), the whole begins at the first checkpoint that is left.

import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import type { LogPart, SegmentRecord } from '../wire/segment-records.js';
import { type FoundRecord, nameOfLog, type StoredLog } from './log-reader.js';

/** What one log holds. */
export interface LogExtent {
  readonly log: StoredLog;
  /** Position at which one can begin: with the machine, or at its first checkpoint; what it has of before is left out. */
  readonly from: number;
  readonly to: number;
  /** Whether one can. */
  readonly isWhole: boolean;
  readonly views: readonly View[];
  /** Checkpoints that are whole, by how many had begun before; and the position of the last part of the log before each was. */
  readonly checkpoints: ReadonlyMap<number, number>;
  /** The code with which its replica ended; empty: the guest came to its end; undefined: nobody could say. */
  readonly closed: string | undefined;
}

/** A log, from its beginning up to a position. */
export interface ChainLink {
  readonly extent: LogExtent;
  readonly to: number;
}

/** What is in a log. @throws EpochvisorError LOG_CORRUPT, LOG_VERSION */
export function extentOf(log: StoredLog): LogExtent {
  const views: View[] = [];
  const whole: number[] = [];
  const checkpoints = new Map<number, number>();
  let first: number | undefined;
  let [to, begun, logged] = [0, 0, -1];
  let closed: string | undefined;
  for (const found of log.records()) {
    if (found.type === 'piece' || found.type === 'outputs') continue;
    const { record, path, at } = found;
    if (record.type === 'view') views.push(record.view);
    else if (record.type === 'begins') begun += 1;
    else if (record.type === 'closed') closed = record.code;
    else if (record.type === 'checkpoint' && begun > 0) {
      whole.push(record.position);
      checkpoints.set(begun - 1, logged);
    } else if (record.type === 'log') {
      if (first !== undefined && record.position !== to) throw gap(path, at, to, record.position);
      first ??= record.position;
      logged = record.position;
      to = record.position + entriesOf(record.parts);
    }
  }
  const from = first === 0 ? 0 : whole.find(position => position >= (first ?? 0));
  const isWhole = from !== undefined || (first === undefined && begun === 0);
  return { log, from: from ?? first ?? 0, to: Math.max(from ?? 0, to), isWhole, views, checkpoints, closed };
}

function gap(path: string, at: number, due: number, position: number): EpochvisorError {
  const why = `the log goes on at ${position} where ${due} was due`;
  return new EpochvisorError('LOG_CORRUPT', `${path} can't be relied on: ${why}, at byte ${at}`);
}

const entriesOf = (parts: readonly LogPart[]): number => parts.reduce((sum, { entries }) => sum + entries, 0);

/**
 * What the machine has done, in the order of its log.
 * @throws EpochvisorError LOG_MISSING; LOGS_DIFFER: two that should be one part ways
 */
export function chainOf(extents: readonly LogExtent[]): readonly ChainLink[] {
  refuseStrangers(extents);
  const [last] = [...extents].filter(({ isWhole }) => isWhole).sort(byAdvance);
  if (last === undefined) {
    const { path } = extents[0]!.log;
    throw new EpochvisorError('LOG_MISSING', `${path}: no log begins where one can begin`, 'name one that is whole');
  }
  const number = latest(last)?.number;
  for (const other of extents) {
    if (other !== last && latest(other)?.number === number) refuseParted(last, other);
  }
  return chainTo(last, extents);
}

/** The end of one log, and what precedes it, as far as the others have it. */
export function chainTo(last: LogExtent, extents: readonly LogExtent[]): readonly ChainLink[] {
  const links: ChainLink[] = [{ extent: last, to: last.to }];
  for (let first = last; first.from > 0; ) {
    const before = beforeOf(first, extents);
    if (before === undefined) break;
    links.unshift({ extent: before, to: first.from });
    first = before;
  }
  return links;
}

/** The last view that it knows. */
export const latest = ({ views }: LogExtent): View | undefined => views.at(-1);

function byAdvance(a: LogExtent, b: LogExtent): number {
  const rank = (extent: LogExtent) => latest(extent)?.number ?? 0;
  const rules = (extent: LogExtent) => Number(latest(extent)?.primary === extent.log.header.incarnation);
  return rank(b) - rank(a) || rules(b) - rules(a) || b.to - a.to;
}

/** What precedes the snapshot with which `joined` begins. */
function beforeOf(joined: LogExtent, extents: readonly LogExtent[]): LogExtent | undefined {
  const [view] = joined.views;
  if (view === undefined) return undefined;
  const named = [view.primary, ...view.backups];
  const reach = extents.filter(({ from, to, isWhole }) => isWhole && from < joined.from && to >= joined.from);
  return named
    .map(name => reach.find(({ log }) => log.header.incarnation === name))
    .find(extent => extent !== undefined);
}

/** @throws EpochvisorError LOGS_DIFFER */
export function refuseStrangers(extents: readonly LogExtent[]): void {
  const [first, ...others] = extents;
  for (const { log } of others) {
    if (log.header.machine === first!.log.header.machine) continue;
    throw new EpochvisorError(
      'LOGS_DIFFER',
      `${log.path} and ${first!.log.path} are the logs of two machines`,
      'name a folder with those of one',
    );
  }
}

/** Two of one view have one log, as far as both reach. @throws EpochvisorError LOGS_DIFFER */
export function refuseParted(one: LogExtent, other: LogExtent): void {
  const [ours, theirs] = [partsOf(one.log), partsOf(other.log)];
  for (let a = ours.next(), b = theirs.next(); a.done !== true && b.done !== true; ) {
    const [here, there] = [a.value, b.value];
    if (here.position < there.position) a = ours.next();
    else if (here.position > there.position) b = theirs.next();
    else {
      if (!sameBytes(here.bytes, there.bytes)) {
        const names = `those of ${nameOfLog(one.log)} and ${nameOfLog(other.log)}`;
        throw new EpochvisorError(
          'LOGS_DIFFER',
          `two logs of one view part ways: ${names}, at position ${here.position}, bytes ${here.at} and ${there.at}`,
          'one of them is of another run, or was changed',
        );
      }
      a = ours.next();
      b = theirs.next();
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function* partsOf(log: StoredLog): Generator<{ position: number; bytes: Uint8Array; at: number }, void, undefined> {
  for (const found of log.records()) {
    if (found.type !== 'log') continue;
    const { at, record } = found;
    if (record.type !== 'log') continue;
    let { position } = record;
    for (const { entries, bytes } of record.parts) {
      yield { position, bytes, at };
      position += entries;
    }
  }
}

/**
 * The records of a chain, each where it was found; `source` says whose the next ones are. Of a checkpoint that was not finished, or
 * whose beginning was dropped, there is nothing: nobody can begin there, and it is the guest's memory.
 */
export function* recordsOfChain(links: readonly ChainLink[]): Generator<FoundRecord, void, undefined> {
  let view = 0;
  for (const [index, { extent, to }] of links.entries()) {
    const { log, from, checkpoints } = extent;
    const isLast = index === links.length - 1;
    const until = isLast ? Infinity : to;
    const source = { type: 'source', position: from, incarnation: log.header.incarnation } as const;
    yield { type: 'source', record: source, path: log.path, at: 0 };
    let [isOver, begun] = [false, 0];
    const isUnfinished = () => (checkpoints.get(begun - 1) ?? Infinity) >= until;
    for (const found of log.records()) {
      const { type } = found;
      if (type === 'begins') begun += 1;
      if (type === 'begins' || type === 'piece' || type === 'checkpoint') {
        // As it is, for nobody may want to read it.
        if (!isOver && !isUnfinished()) yield found;
        continue;
      }
      // What it has put out it may have noted later.
      if (isOver && type !== 'outputs') continue;
      const { record } = found;
      isOver ||= record.type === 'log' && record.position >= until;
      if (record.type === 'view') {
        if (record.view.number <= view) continue;
        view = record.view.number;
      }
      const part = between(record, from, until);
      if (part !== undefined) yield { type, record: part, path: found.path, at: found.at };
    }
  }
}

/** What of a record is of these positions; parts are cut where they were logged. Undefined: nothing. */
function between(record: SegmentRecord, from: number, to: number): SegmentRecord | undefined {
  if (record.type === 'closed') return to === Infinity ? record : undefined;
  if (record.type === 'outputs') {
    const notes = record.notes.filter(({ position }) => position >= from && position < to);
    return notes.length === 0 ? undefined : { ...record, notes };
  }
  if (record.type !== 'log') return record;
  const parts: LogPart[] = [];
  let { position } = record;
  let first = position;
  for (const part of record.parts) {
    if (position >= to) break;
    if (position < from) first += part.entries;
    else parts.push(part);
    position += part.entries;
  }
  return parts.length === 0 ? undefined : { ...record, position: first, parts };
}
