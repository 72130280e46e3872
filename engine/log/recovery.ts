// Which log a machine goes on from when all of its replicas are dead, and from where in it.
//
//   whose      of those that the latest view names, as the arbiter has it: nobody else has all that has left
//   which      the longest: in one view each is the beginning of the longest, and what nobody has acknowledged does no harm
//   where      the last checkpoint before which all output is known to be outside: what a guest had put out before its
//              checkpoint, and nobody had taken, is in no snapshot. Without one, the beginning of the machine
//
// What precedes the log of one that joined is in others (chain.ts): it may be needed for where.

import { assert, EpochvisorError } from '../errors/errors.js';
import type { OpenStream } from '../protocol/bus/bus-memory.js';
import type { StreamOffset } from '../protocol/messages.js';
import { FIRST_OPENED_STREAM, type View } from '../protocol/vocabulary.js';
import { EntryDecoder } from '../wire/log-entries.js';
import type { SegmentHeader } from '../wire/segments.js';
import {
  type ChainLink,
  chainTo,
  extentOf,
  type LogExtent,
  latest,
  recordsOfChain,
  refuseParted,
  refuseStrangers,
} from './chain.js';
import type { LogDisk } from './disk.js';
import { openLogs } from './log-reader.js';
import { checkpointsIn, type LoggedState, type Records, type SavedIn } from './stored-checkpoints.js';

export interface Recovery extends Records {
  /** Of the log that is gone on from. */
  readonly header: SegmentHeader;
  readonly path: string;
  /** Where it ends. */
  readonly end: number;
  /** Where the guest goes on: with the machine, or from a checkpoint. */
  readonly position: number;
  readonly checkpoint: number | undefined;
  /** Whether a log of one of the view's backups is among those that were given; or the view has none. */
  readonly hasBackup: boolean;
}

/**
 * @param folders of logs, on this disk
 * @param view the latest one
 * @param outside how much of each stream's output is known to be there
 * @throws EpochvisorError LOG_MISSING, LOG_CORRUPT, LOG_VERSION, LOGS_DIFFER; RECOVER_OVERTAKEN, RECOVER_LACKING
 */
export function planRecovery(
  disk: LogDisk,
  folders: readonly string[],
  view: View,
  outside: readonly StreamOffset[],
  saved: SavedIn<Pick<LoggedState, 'execution'>>,
): Recovery {
  return recoveryOf(extentsIn(disk, folders), view, outside, (log, number) => saved(log, number).execution);
}

/** What a checkpoint says of the outputs before it. */
type Saved = SavedIn<Pick<LoggedState['execution'], 'written'>>;

/** As `planRecovery`, of what is in the logs. */
export function recoveryOf(
  extents: readonly LogExtent[],
  view: View,
  outside: readonly StreamOffset[],
  saved: Saved,
): Recovery {
  refuseStrangers(extents);
  const [first] = extents;
  assert(first !== undefined, 'a folder without a log is refused');
  const named = [view.primary, ...view.backups];
  const candidates = extents.filter(
    ({ log, isWhole, closed }) => isWhole && closed !== 'DIVERGED' && named.includes(log.header.incarnation),
  );
  const [last, ...others] = candidates.sort((a, b) => b.to - a.to);
  if (last === undefined) throw overtaken(first, view, named);
  for (const other of others) if (latest(other)?.number === latest(last)?.number) refuseParted(last, other);
  const place = placeIn(chainTo(last, extents), last, (log, number) => hasLeft(saved(log, number), outside));
  const ofBackup = ({ log }: LogExtent) => view.backups.includes(log.header.incarnation);
  return { ...place, hasBackup: view.backups.length === 0 || candidates.some(ofBackup) };
}

/** The same plan, made again from the log that it named. @throws EpochvisorError as `planRecovery` */
export function chainOfRecovery(disk: LogDisk, folders: readonly string[], path: string): Records {
  const extents = extentsIn(disk, folders);
  const last = extents.find(({ log }) => log.path === path);
  assert(last !== undefined, 'the log that was chosen is among those that were given');
  return recordsOf(chainTo(last, extents));
}

/** A folder may be named twice, or lie in another. */
function extentsIn(disk: LogDisk, folders: readonly string[]): LogExtent[] {
  const logs = new Map(folders.flatMap(folder => openLogs(disk, folder)).map(log => [log.path, log]));
  return [...logs.values()].map(extentOf);
}

const recordsOf = (links: readonly ChainLink[]): Records => ({ records: () => recordsOfChain(links) });

function placeIn(
  links: readonly ChainLink[],
  last: LogExtent,
  mayBegin: (log: Records, checkpoint: number) => boolean,
): Omit<Recovery, 'hasBackup'> {
  const log = recordsOf(links);
  const { header, path } = last.log;
  const found = { ...log, header, path, end: last.to };
  const ends = (position: number) => position <= last.to;
  for (const { number, position } of checkpointsIn(log)
    .filter(checkpoint => ends(checkpoint.position))
    .reverse()) {
    if (mayBegin(log, number)) return { ...found, position, checkpoint: number };
  }
  if (links[0]?.extent.from === 0) return { ...found, position: 0, checkpoint: undefined };
  throw new EpochvisorError(
    'RECOVER_LACKING',
    `${path} does not go back far enough: not all that was put out before its checkpoints has left`,
    'name the folders with the logs of the other replicas, too',
  );
}

/** Whether what precedes a state is outside; what was open then is reset, whatever it had. */
function hasLeft({ written }: ReturnType<Saved>, outside: readonly StreamOffset[]): boolean {
  return written
    .filter(({ stream }) => stream < FIRST_OPENED_STREAM)
    .every(({ stream, offset }) => offset <= (outside.find(one => one.stream === stream)?.offset ?? 0));
}

function overtaken({ log }: LogExtent, view: View, named: readonly string[]): EpochvisorError {
  const whose = named.map(name => name.slice(0, 8)).join(' and ');
  return new EpochvisorError(
    'RECOVER_OVERTAKEN',
    `${log.path} was overtaken: view ${view.number} of the machine belongs to ${whose}, of whom no whole log is there`,
    'name the folder with the log of one of them',
  );
}

/** What has come to the guest where a log ends. */
export interface Delivered {
  /** How much of each stream's input, by stream; of a source, streams that it opened. */
  readonly input: ReadonlyMap<number, number>;
  /** Streams that are open to it, or were after the place that it goes on from. */
  readonly opened: ReadonlySet<number>;
}

/**
 * @param log a whole one, from which the guest goes on
 * @param guest what is saved at its checkpoint; undefined: it goes on from the beginning of the machine
 */
export function deliveredIn(
  log: Records,
  from: number,
  guest: Pick<LoggedState, 'execution' | 'codec'> | undefined,
): Delivered {
  const input = new Map((guest?.execution.input ?? []).map(({ stream, offset }) => [stream, offset]));
  const opened = new Set(guest?.execution.opened ?? []);
  const decoder = new EntryDecoder(guest?.codec);
  for (const { bytes } of partsFrom(log, from)) {
    for (const entry of decoder.decode(bytes)) {
      for (const interrupt of entry.type === 'end' ? entry.interrupts : []) {
        if (interrupt.kind === 'stream') input.set(interrupt.stream, interrupt.offset + interrupt.bytes.length);
        else if (interrupt.kind !== 'opened') continue;
        else {
          input.set(interrupt.stream, interrupt.offset + 1);
          opened.add(interrupt.opened);
        }
      }
    }
  }
  return { input, opened };
}

/**
 * The bus has them, the guest was told of them, and does not know them where it goes on: it had closed them, and the close is in no
 * checkpoint, for it had not left.
 * @param open what the bus still has
 */
export function closedBefore(open: readonly OpenStream[], { input, opened }: Delivered): StreamOffset[] {
  const wasTold = ({ untold }: OpenStream) => untold === undefined || untold.offset < (input.get(untold.stream) ?? 0);
  return open.filter(one => !opened.has(one.stream) && wasTold(one)).map(({ stream, offset }) => ({ stream, offset }));
}

/** More has happened outside than the log accounts for: its end was lost, with the power of its host. */
export function behind(what: string, outside: number, known: number): EpochvisorError {
  return new EpochvisorError(
    'RECOVER_BEHIND',
    `of the ${what} ${outside} have passed, and the log knows of ${known}: its end was lost`,
    'what no disk had (--durability) nobody can go on with',
  );
}

export interface PositionedPart {
  readonly position: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Those from this position on. */
export function* partsFrom(log: Records, from: number): Generator<PositionedPart, void, undefined> {
  for (const found of log.records()) {
    if (found.type !== 'log') continue;
    const { record } = found;
    if (record.type !== 'log') continue;
    let { position } = record;
    for (const { entries: length, bytes } of record.parts) {
      if (position >= from) yield { position, length, bytes };
      position += length;
    }
  }
}
