// What execution keeps account of for its guest, the same on every replica at the same boundary: the epoch, what was
// asked of the outside and what came of it. A snapshot holds it, the digests are made of it.

import type { ExecutionState } from './execution-events.js';
import type { StreamOffset } from './messages.js';
import { type Digest, FIRST_OPENED_STREAM, type LogEntry, type Operation, type OperationId } from './vocabulary.js';

export class GuestAccount {
  /** Number of the epoch the guest is in; the first is 0. */
  epoch = 0;
  /** EL: instructions an epoch, from the present one on. A difference shows in the digest of the end that comes next. */
  epochLength: number;
  /** Digest parts: I/O instructions executed and environment results consumed since the start. */
  submitted = 0;
  consumed = 0;
  /** Interval timer, guest state: the deadline on the monotonic clock in ns, 0 while disarmed. */
  timerDeadlineNs = 0;
  /** Bytes written to each output stream so far. */
  readonly written = new Map<number, number>();
  /** Opened streams that were delivered and not closed. */
  readonly opened = new Set<number>();
  /** Operations submitted and not yet ended by a completion or an uncertain interrupt, in program order. */
  readonly outstanding = new Map<OperationId, Operation>();

  constructor(epochLength: number, from?: ExecutionState) {
    this.epochLength = epochLength;
    if (from === undefined) return;
    this.epoch = from.epoch;
    this.epochLength = from.epochLength;
    this.submitted = from.submitted;
    this.consumed = from.consumed;
    this.timerDeadlineNs = from.timerDeadlineNs;
    for (const { stream, offset } of from.written) this.written.set(stream, offset);
    for (const stream of from.opened) this.opened.add(stream);
    for (const operation of from.outstanding) this.outstanding.set(operation.id, operation);
  }

  save(): Omit<ExecutionState, 'input'> {
    const { epoch, epochLength, submitted, consumed, timerDeadlineNs } = this;
    return {
      epoch,
      epochLength,
      submitted,
      consumed,
      timerDeadlineNs,
      written: offsets(this.written),
      opened: [...this.opened],
      outstanding: [...this.outstanding.values()],
    };
  }

  // ---- streams

  /** Whether the guest may hear of a stream, and write to it: of an opened one, until it has closed it. */
  isOpen(stream: number): boolean {
    return stream < FIRST_OPENED_STREAM || this.opened.has(stream);
  }

  /** Where the next output of a stream begins, which takes so many places of it. */
  place(stream: number, places: number): number {
    const offset = this.written.get(stream) ?? 0;
    this.written.set(stream, offset + places);
    return offset;
  }

  closed(stream: number): void {
    this.opened.delete(stream);
    this.written.delete(stream);
  }

  // ---- divergence (DG)

  digest(count: number): Digest {
    return { count, submitted: this.submitted, consumed: this.consumed };
  }

  agrees(digest: Digest, count: number): boolean {
    return digest.count === count && digest.submitted === this.submitted && digest.consumed === this.consumed;
  }

  where(count: number): string {
    return `instruction ${count} (I/O ${this.submitted}, environment ${this.consumed})`;
  }
}

function offsets(streams: ReadonlyMap<number, number>): StreamOffset[] {
  return [...streams].map(([stream, offset]) => ({ stream, offset }));
}

/** A run of epochs that ended without anything to deliver: one short entry of the log, once it has to be logged (FL). */
export class EmptyRun {
  epochs = 0;
  /** Time of the first epoch's end, ns. */
  sinceNs = 0;
  /** Digest of the last one's. */
  #count = 0;
  #submitted = 0;
  #consumed = 0;

  /** Allocates nothing: this is the hot path of the whole system. */
  add(count: number, account: GuestAccount, nowNs: number): void {
    if (this.epochs === 0) this.sinceNs = nowNs;
    this.epochs += 1;
    this.#count = count;
    this.#submitted = account.submitted;
    this.#consumed = account.consumed;
  }

  take(): LogEntry {
    const digest = { count: this.#count, submitted: this.#submitted, consumed: this.#consumed };
    const entry: LogEntry = { type: 'empty', epochs: this.epochs, digest };
    this.epochs = 0;
    return entry;
  }
}
