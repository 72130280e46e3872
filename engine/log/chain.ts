// The log of a machine, put together of what its replicas have written: across failovers and joins, up to its end.
//
//   last     the most advanced: of the latest view, its primary's before others, the longest
//   before   where that one joined, it begins at a snapshot: what precedes it is in the log of the primary that it joined, or of
//            another replica of that view; and so on, to the beginning of the machine
//
// What a dead primary had logged and sent to nobody is in no other log, and has never happened: another replica has executed
// something else there. A log of an earlier view is therefore believed up to where the next one begins, and no further.
// Where a log is missing, the whole begins at the first checkpoint that is left.

import { EpochvisorError } from '../errors/errors.js';
import type { View } from '../protocol/vocabulary.js';
import type { LogPart, SegmentRecord } from '../wire/segment-records.js';
import { type FoundRecord, nameOfLog, type StoredLog } from './log-reader.js';

/** What one log holds. */
export interface LogExtent {
  readonly log: StoredLog;
  /** Position at which it begins: with the machine, or with a snapshot. */
  readonly from: number;
  readonly to: number;
  /** Whether one can begin there. */
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
  let from: number | undefined;
  let to = 0;
  let checkpoint: number | undefined;
  const checkpoints = new Map<number, number>();
  let [begun, logged] = [0, -1];
  let closed: string | undefined;
  for (const { record, path, at } of log.records()) {
    if (record.type === 'view') views.push(record.view);
    else if (record.type === 'begins') begun += 1;
    else if (record.type === 'closed') closed = record.code;
    else if (record.type === 'checkpoint') {
      checkpoint ??= record.position;
      checkpoints.set(begun - 1, logged);
    } else if (record.type === 'log') {
      if (from !== undefined && record.position !== to) throw gap(path, at, to, record.position);
      from ??= record.position;
      logged = record.position;
      to = record.position + entriesOf(record.parts);
    }
  }
  from ??= checkpoint ?? 0;
  return { log, from, to: Math.max(from, to), isWhole: from === 0 || checkpoint === from, views, checkpoints, closed };
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
      if (Buffer.compare(here.bytes, there.bytes) !== 0) {
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

function* partsOf(log: StoredLog): Generator<{ position: number; bytes: Uint8Array; at: number }, void, undefined> {
  for (const { record, at } of log.records()) {
    if (record.type !== 'log') continue;
    let { position } = record;
    for (const { entries, bytes } of record.parts) {
      yield { position, bytes, at };
      position += entries;
    }
  }
}

/**
 * The records of a chain, each where it was found; `source` says whose the next ones are. Of a checkpoint that was not finished
 * there is nothing: nobody can begin there, and it is the guest's memory.
 */
export function* recordsOfChain(links: readonly ChainLink[]): Generator<FoundRecord, void, undefined> {
  let view = 0;
  for (const [index, { extent, to }] of links.entries()) {
    const { log, from, checkpoints } = extent;
    const isLast = index === links.length - 1;
    yield { record: { type: 'source', position: from, incarnation: log.header.incarnation }, path: log.path, at: 0 };
    let [isOver, begun] = [false, 0];
    const isUnfinished = () => (checkpoints.get(begun - 1) ?? Infinity) >= (isLast ? Infinity : to);
    for (const found of log.records()) {
      isOver ||= found.record.type === 'log' && !isLast && found.record.position >= to;
      // What it has put out it may have noted later.
      if (isOver && found.record.type !== 'outputs') continue;
      if (found.record.type === 'begins') begun += 1;
      if ((found.record.type === 'begins' || found.record.type === 'piece') && isUnfinished()) continue;
      if (found.record.type === 'view') {
        if (found.record.view.number <= view) continue;
        view = found.record.view.number;
      }
      const record = isLast ? found.record : upTo(found.record, to);
      if (record !== undefined) yield { ...found, record };
    }
  }
}

/** What of a record precedes a position; parts are cut where they were logged. */
function upTo(record: SegmentRecord, to: number): SegmentRecord | undefined {
  if (record.type === 'closed') return undefined;
  if (record.type === 'outputs') return { ...record, notes: record.notes.filter(({ position }) => position < to) };
  if (record.type !== 'log') return record;
  const parts: LogPart[] = [];
  let { position } = record;
  for (const part of record.parts) {
    if (position >= to) break;
    parts.push(part);
    position += part.entries;
  }
  return { ...record, parts };
}
