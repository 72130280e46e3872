// What happened, as a log tells it: epochs, what was delivered, what the guest learned and put out, views and failovers, in order.

import type { Interrupt, LogEntry, Outcome } from '../protocol/vocabulary.js';
import { SnapshotDecoder } from '../snapshot/snapshot-decoder.js';
import type { EntryState } from '../wire/entry-history.js';
import { EntryDecoder } from '../wire/log-entries.js';
import type { OutputNote } from '../wire/segment-records.js';
import type { Recording } from './recording.js';

/** Data is told by its length: a log may hold secrets of the guest. */
export type LogEvent =
  /** From here on it is told by the log of this replica. */
  | { readonly kind: 'source'; readonly epoch: number; readonly replica: string }
  | {
      readonly kind: 'view';
      readonly epoch: number;
      readonly view: number;
      readonly primary: string;
      readonly backups: readonly string[];
      readonly reason: string;
      readonly atMs: number;
    }
  /** A backup has become primary, and has raised its uncertain interrupts. */
  | { readonly kind: 'failover'; readonly epoch: number; readonly uncertain: number; readonly atMs: number }
  | { readonly kind: 'checkpoint'; readonly epoch: number; readonly position: number; readonly count: number }
  /** `epochs` ended without anything to deliver, the last of them, `epoch`, at this count. */
  | { readonly kind: 'empty'; readonly epoch: number; readonly epochs: number; readonly count: number }
  | { readonly kind: 'end'; readonly epoch: number; readonly count: number; readonly timeNs: number }
  | ({ readonly kind: 'interrupt'; readonly epoch: number } & ToldInterrupt)
  | { readonly kind: 'result'; readonly epoch: number; readonly source: number; readonly value: bigint }
  | { readonly kind: 'output'; readonly epoch: number; readonly note: OutputNote }
  | { readonly kind: 'digest'; readonly epoch: number; readonly firstPage: number; readonly pages: number }
  | { readonly kind: 'length'; readonly epoch: number; readonly epochLength: number }
  | { readonly kind: 'outcome'; readonly epoch: number; readonly outcome: Outcome }
  | { readonly kind: 'closed'; readonly epoch: number; readonly code: string; readonly why: string };

type ToldInterrupt = {
  readonly interrupt: Interrupt['kind'];
  readonly stream?: number;
  readonly offset?: number;
  readonly opened?: number;
  readonly operation?: bigint;
  readonly status?: number;
  /** Of its data. */
  readonly bytes?: number;
};

export const EVENT_KINDS: readonly LogEvent['kind'][] = [
  'source',
  'view',
  'failover',
  'checkpoint',
  'empty',
  'end',
  'interrupt',
  'result',
  'output',
  'digest',
  'length',
  'outcome',
  'closed',
];

/** @throws EpochvisorError LOG_CORRUPT, LOG_VERSION, LOG_MISSING */
export function* eventsOf(recording: Recording): Generator<LogEvent, void, undefined> {
  const walk = new LogWalk(recording);
  for (const { record } of recording.records()) {
    const { epoch } = walk;
    switch (record.type) {
      case 'source':
        yield { kind: 'source', epoch, replica: record.incarnation };
        break;
      case 'view': {
        const { number, primary, backups } = record.view;
        const { reason, atMs } = record;
        yield { kind: 'view', epoch, view: number, primary, backups, reason, atMs };
        break;
      }
      case 'live':
        yield { kind: 'failover', epoch: record.epoch, uncertain: record.uncertain, atMs: record.atMs };
        break;
      case 'checkpoint':
        yield { kind: 'checkpoint', epoch: record.epoch, position: record.position, count: record.count };
        break;
      case 'log': {
        let { position } = record;
        for (const { entries, bytes } of record.parts) {
          yield* walk.part(position, bytes);
          position += entries;
        }
        break;
      }
      case 'outputs':
        for (const note of record.notes) yield { kind: 'output', epoch: walk.epochAt(note.position), note };
        break;
      case 'closed':
        yield { kind: 'closed', epoch, code: record.code, why: record.why };
        break;
      case 'begins':
      case 'piece':
      case 'module':
      case 'synced':
        break;
    }
  }
}

/** Entries are decoded in their order, each against those before. */
class LogWalk {
  readonly #recording: Recording;
  #decoder: EntryDecoder | undefined;
  epoch = 0;
  /** After which position of the log which epoch began, as far as it is still asked for. */
  #begun: { readonly position: number; readonly epoch: number }[] = [{ position: 0, epoch: 0 }];

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  part(position: number, bytes: Uint8Array): LogEvent[] {
    this.#decoder ??= this.#begin(position);
    const events: LogEvent[] = [];
    for (const [index, entry] of this.#decoder.decode(bytes).entries()) {
      events.push(...this.#entry(entry));
      if (entry.type === 'end' || entry.type === 'empty') {
        this.#begun.push({ position: position + index + 1, epoch: this.epoch });
      }
    }
    return events;
  }

  /** Where the log does not begin with the machine it is read against what the first checkpoint there says. */
  #begin(position: number): EntryDecoder {
    if (position === 0) return new EntryDecoder();
    const codec = codecAt(this.#recording, position);
    this.epoch = codec.epoch;
    this.#begun = [{ position, epoch: codec.epoch }];
    return new EntryDecoder(codec);
  }

  /** Notes come in the order of their positions. */
  epochAt(position: number): number {
    const later = this.#begun.findIndex(one => one.position > position);
    const at = (later === -1 ? this.#begun.length : later) - 1;
    this.#begun.splice(0, Math.max(0, at));
    return this.#begun[0]?.epoch ?? this.epoch;
  }

  #entry(entry: LogEntry): LogEvent[] {
    switch (entry.type) {
      case 'value':
        return [{ kind: 'result', epoch: this.epoch, source: entry.source, value: entry.value }];
      case 'empty':
        this.epoch += entry.epochs;
        return [{ kind: 'empty', epoch: this.epoch - 1, epochs: entry.epochs, count: entry.digest.count }];
      case 'end': {
        this.epoch = entry.epoch + 1;
        const { epoch, digest, timeNs, interrupts } = entry;
        return [
          { kind: 'end', epoch, count: digest.count, timeNs },
          ...interrupts.map(one => ({ kind: 'interrupt', epoch, ...toldInterrupt(one) }) as const),
        ];
      }
      case 'digest':
        return [{ kind: 'digest', epoch: entry.epoch, firstPage: entry.firstPage, pages: entry.pages }];
      case 'length':
        return [{ kind: 'length', epoch: entry.epoch, epochLength: entry.epochLength }];
      case 'final':
        return [{ kind: 'outcome', epoch: entry.epoch, outcome: entry.outcome }];
    }
  }
}

function toldInterrupt(interrupt: Interrupt): ToldInterrupt {
  const { kind } = interrupt;
  switch (kind) {
    case 'timer':
      return { interrupt: kind };
    case 'stream':
      return { interrupt: kind, stream: interrupt.stream, offset: interrupt.offset, bytes: interrupt.bytes.length };
    case 'completion': {
      const { operation, status, data } = interrupt;
      return { interrupt: kind, operation, status, bytes: data.length };
    }
    case 'uncertain':
      return { interrupt: kind, operation: interrupt.operation };
    case 'opened':
      return { interrupt: kind, stream: interrupt.stream, opened: interrupt.opened, bytes: interrupt.data.length };
    case 'taken':
      return { interrupt: kind, stream: interrupt.stream, offset: interrupt.offset };
    case 'reset':
      return { interrupt: kind, stream: interrupt.stream };
  }
}

/** What the entry at a position is encoded against: a checkpoint was taken there. @throws EpochvisorError SNAPSHOT_INVALID */
function codecAt(recording: Recording, position: number): EntryState {
  let decoder = new SnapshotDecoder();
  for (const found of recording.records()) {
    if (found.type !== 'begins' && found.type !== 'piece' && found.type !== 'checkpoint') continue;
    const { record } = found;
    if (record.type === 'begins') decoder = new SnapshotDecoder();
    else if (record.type === 'piece') decoder.push(record.bytes);
    else if (record.type === 'checkpoint' && record.position === position) break;
  }
  return decoder.finish().guest.codec;
}
