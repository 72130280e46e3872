// The I/O thread's end of the memory shared with the guest thread: it never blocks.
//
// Records from the guest come in program order. Log entries that follow each other are joined into one part; an output
// is handed over after the part that precedes it. What the guest thread cannot take at once waits here, in order; its
// length is bounded by the windows of those who send it (the bus's input window, the primary's lag).
//
// What is left in the ring, because what leaves this thread is congested, is looked at again each millisecond: a socket's
// buffer empties without a word, and a guest that then waits rings no more. Nobody else is known to come back to it.

import { assert } from '../errors/errors.js';
import { BOUNDS, type Bounds } from '../protocol/bounds.js';
import type { Interrupt, Output } from '../protocol/vocabulary.js';
import { putCopy } from '../wire/copying.js';
import { interruptBytesMax, putInterrupt } from '../wire/interrupts.js';
import * as records from '../wire/records.js';
import {
  type SharedBlock,
  WORD_ACKNOWLEDGED,
  WORD_ALONE,
  WORD_AWAITS_ACKNOWLEDGEMENT,
  WORD_AWAITS_LOG,
  WORD_BEGUN,
  WORD_EXECUTED,
  WORD_IO_POLLING,
  WORD_OVER,
  WORD_THROTTLE,
  WORD_TO_GUEST_BELL,
  WORD_TO_IO_BELL,
} from './shared.js';
import { type Allocate, SnapshotIoEnd, type SnapshotRequest } from './snapshot-io-end.js';
import type { StatePort, Timers } from './thread-ports.js';

/** While log entries come, the ring is looked at this often, ms (rule FL). */
const POLL_MS = 1;
/** Looks that found nothing, after which the guest thread has to ring again. */
const POLLS_IDLE_MAX = 5;
/** How often a full ring to the guest is tried again, and one from it that was left alone, ms. */
const RETRY_MS = 1;

/** What the guest thread says, in order. */
export interface GuestListener {
  /** A part of the log: `entries` whole entries. */
  logged(part: Uint8Array, entries: number): void;
  output(position: number, output: Output): void;
  /**
   * No more for now. `said`: all that the guest puts out before this position of the log was handed over; undefined where
   * something was left.
   */
  drained(said: number | undefined): void;
  /** The guest's module is compiled: a thread that `restores` can be given a state. */
  loaded(): void;
  running(): void;
  /** The guest has come to its end; after a promotion it puts out how. */
  ended?(): void;
  live(failoverEpoch: number, uncertain: number): void;
  diverged(message: string): void;
  /** The thread is gone, or cannot go on. */
  failed(message: string): void;
  /** Whether to leave what the guest says in the ring for now: it will have to wait. */
  congested(): boolean;
}

type Write = () => boolean;

export interface IoEndParts {
  readonly shared: SharedBlock;
  /** Where the other thread posts what it gave for a snapshot. */
  readonly port: StatePort;
  readonly allocate: Allocate;
  readonly timers: Timers;
  /** Once, as soon as the bell for this thread differs from `bell`; never from within this call. */
  readonly whenRung: (bell: number, act: () => void) => void;
  readonly bounds?: Bounds;
}

export class IoEnd<State> {
  readonly #parts: IoEndParts;
  readonly #shared: SharedBlock;
  readonly #bounds: Bounds;
  #listening: GuestListener | undefined;
  #waiting: Write[] = [];
  #part: Uint8Array[] = [];
  #partEntries = 0;
  #partBytes = 0;
  #polling = false;
  #idlePolls = 0;
  #drainIsDue = false;
  #bellIsDue = false;
  #hasLeft = false;
  readonly #snapshots: SnapshotIoEnd<State>;

  /** @param restores nothing is executed yet, not even the log up to the snapshot that the guest goes on from */
  constructor(parts: IoEndParts, restores: boolean) {
    const { shared, port, allocate, bounds = BOUNDS } = parts;
    this.#parts = parts;
    this.#shared = shared;
    this.#bounds = bounds;
    this.#snapshots = new SnapshotIoEnd(shared, port, allocate);
    if (restores) shared.positions[WORD_EXECUTED] = -1;
  }

  get #listener(): GuestListener {
    assert(this.#listening !== undefined, 'somebody listens before the guest can say anything');
    return this.#listening;
  }

  get positions(): Float64Array {
    return this.#shared.positions;
  }

  /** Whether something for the guest waits for room in the ring. */
  get waits(): boolean {
    return this.#waiting.length > 0;
  }

  /** The guest has executed all of the log that it was given, and what it has put out by that has been taken from it. */
  get awaitsMore(): boolean {
    const { toGuest, toIo, words } = this.#shared;
    return !this.waits && toGuest.isEmpty && Atomics.load(words, WORD_AWAITS_LOG) === 1 && toIo.isEmpty;
  }

  /** Nothing is taken from the guest at present: what it has put out must leave first. */
  get isCongested(): boolean {
    return this.#listening?.congested() === true;
  }

  listen(listener: GuestListener): void {
    this.#listening = listener;
    this.#answerBell();
  }

  // ---- to the guest

  /** Lets the guest execute its first instruction. */
  begin(): void {
    Atomics.store(this.#shared.words, WORD_BEGUN, 1);
    Atomics.notify(this.#shared.words, WORD_BEGUN);
    // A scheduler's thread sleeps on its bell.
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }

  /**
   * This replica is over, and its process is not: the guest thread leaves its guest, and this end the memory, which others may
   * come to share.
   */
  leave(): void {
    const { words } = this.#shared;
    Atomics.store(words, WORD_OVER, 1);
    // Who runs on stands still at its next boundary.
    Atomics.store(words, WORD_THROTTLE, 1);
    this.begin();
    // Who listens for it would for ever.
    this.#shared.ring(WORD_TO_IO_BELL);
    this.#hasLeft = true;
    this.#shared.leave();
  }

  /** The guest goes on from what another thread's `snapshot` gave. Log may follow at once. */
  restore(state: State): void {
    this.#parts.port.post(state);
    this.begin();
  }

  /** Asks a primary for a snapshot. */
  requestSnapshot(request: SnapshotRequest<State>): void {
    this.#snapshots.request(request);
  }

  /** @param alone nobody takes the log: nothing needs to be logged */
  setAcknowledged(position: number, alone: boolean): void {
    this.#shared.positions[WORD_ACKNOWLEDGED] = position;
    Atomics.store(this.#shared.words, WORD_ALONE, alone ? 1 : 0);
    this.#shared.mark(WORD_TO_GUEST_BELL);
    // After the mark: a guest that says so only now looks at the bell, and then at the position, after this.
    if (Atomics.load(this.#shared.words, WORD_AWAITS_ACKNOWLEDGEMENT) === 1) this.#ringSoon();
  }

  setThrottle(on: boolean): void {
    Atomics.store(this.#shared.words, WORD_THROTTLE, on ? 1 : 0);
    this.#shared.ring(WORD_TO_GUEST_BELL);
  }

  sendLog(part: Uint8Array): void {
    this.#send(records.RECORD_LOG, part.length, (bytes, at) => {
      putCopy(bytes, at, part);
      return part.length;
    });
  }

  sendInterrupt(interrupt: Interrupt): void {
    this.#send(
      records.RECORD_INTERRUPT,
      interruptBytesMax(interrupt),
      (bytes, at) => putInterrupt(bytes, at, interrupt) - at,
    );
  }

  sendPromotion(): void {
    this.#send(records.RECORD_PROMOTE, 0, () => 0);
  }

  #send(type: number, sizeMax: number, fill: (bytes: Uint8Array, at: number, view: DataView) => number): void {
    if (this.#hasLeft) return;
    const write: Write = () => this.#shared.toGuest.write(type, sizeMax, fill);
    if (this.#waiting.length === 0 && write()) {
      this.#ringSoon();
      return;
    }
    this.#waiting.push(write);
    if (this.#waiting.length === 1) this.#parts.timers.after(RETRY_MS, () => this.#retry());
  }

  /** One bell for all that came together; and what is to be answered at once, an acknowledgement, leaves before it. */
  #ringSoon(): void {
    if (this.#bellIsDue) return;
    this.#bellIsDue = true;
    this.#parts.timers.next(() => {
      this.#bellIsDue = false;
      this.#shared.ring(WORD_TO_GUEST_BELL);
    });
  }

  #retry(): void {
    let done = 0;
    while (this.#waiting[done]?.()) done += 1;
    if (done > 0) {
      this.#waiting.splice(0, done);
      this.#shared.ring(WORD_TO_GUEST_BELL);
    }
    if (this.#waiting.length > 0) this.#parts.timers.after(RETRY_MS, () => this.#retry());
  }

  // ---- from the guest

  #answerBell(): void {
    const bell = Atomics.load(this.#shared.words, WORD_TO_IO_BELL);
    this.drain();
    this.#parts.whenRung(bell, () => this.#answerBell());
  }

  /**
   * Hands over what the guest has said so far, up to `drainRecords`: a guest that says more while it is listened to must not
   * keep heartbeats and acknowledgements from their turn.
   */
  drain(): void {
    // Read before: what it had executed then, it has said by now.
    const executed = this.#shared.positions[WORD_EXECUTED] ?? 0;
    let logged = false;
    let taken = 0;
    let left = true;
    while (!this.#listener.congested()) {
      if (taken === this.#bounds.drainRecords) break;
      const more = this.#shared.toIo.read((type, bytes, at, length) => {
        logged ||= type === records.RECORD_LOG;
        this.#record(type, bytes, at, length);
      });
      if (!more) {
        left = false;
        break;
      }
      taken += 1;
    }
    this.#closePart();
    this.#listener.drained(left ? undefined : executed);
    if (left && taken > 0) this.#drainAgain(act => this.#parts.timers.soon(act));
    else if (left) this.comeBack();
    if (logged) this.#poll();
  }

  /** What leaves here is congested, and its end is no event: the ring is looked at again. */
  protected comeBack(): void {
    this.#drainAgain(act => this.#parts.timers.after(RETRY_MS, act));
  }

  #drainAgain(plan: (act: () => void) => void): void {
    if (this.#drainIsDue) return;
    this.#drainIsDue = true;
    plan(() => {
      this.#drainIsDue = false;
      this.drain();
    });
  }

  #record(type: number, bytes: Uint8Array, at: number, length: number): void {
    if (type === records.RECORD_LOG) {
      const { entries, part } = records.readLog(bytes, at, length);
      if (this.#partBytes + part.length > this.#bounds.partBytes) this.#closePart();
      this.#part.push(part);
      this.#partBytes += part.length;
      this.#partEntries += entries;
      return;
    }
    this.#closePart();
    const number = () => new DataView(bytes.buffer, bytes.byteOffset + at, length).getFloat64(0, true);
    const text = () => records.decodeText(bytes.slice(at, at + length));
    switch (type) {
      case records.RECORD_OUTPUT: {
        const { position, output } = records.readOutputRecord(bytes, at, length);
        this.#listener.output(position, output);
        return;
      }
      case records.RECORD_LIVE: {
        const view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
        this.#listener.live(view.getFloat64(0, true), view.getFloat64(8, true));
        return;
      }
      case records.RECORD_LOADED:
        this.#listener.loaded();
        return;
      case records.RECORD_SNAPSHOT_SIZE:
        this.#snapshots.sized(number());
        return;
      case records.RECORD_SNAPSHOT:
        this.#snapshots.taken(number());
        return;
      case records.RECORD_NOT_SNAPSHOTABLE:
        this.#snapshots.refused(text());
        return;
      case records.RECORD_STARTED:
        this.#listener.running();
        return;
      case records.RECORD_ENDED:
        this.#snapshots.guestEnded();
        this.#listener.ended?.();
        return;
      case records.RECORD_DIVERGED:
        this.#listener.diverged(text());
        return;
      case records.RECORD_FAILED:
        this.#listener.failed(text());
        return;
    }
  }

  #closePart(): void {
    if (this.#part.length === 0) return;
    const part = this.#part.length === 1 ? this.#part[0]! : joined(this.#part, this.#partBytes);
    const entries = this.#partEntries;
    this.#part = [];
    this.#partBytes = 0;
    this.#partEntries = 0;
    this.#listener.logged(part, entries);
  }

  /** FL: while entries come, look every millisecond, so that the guest needs not ring for each. */
  #poll(): void {
    this.#idlePolls = 0;
    if (this.#polling) return;
    this.#polling = true;
    Atomics.store(this.#shared.words, WORD_IO_POLLING, 1);
    this.#parts.timers.after(POLL_MS, () => this.#polled());
  }

  #polled(): void {
    this.#idlePolls += 1;
    this.drain();
    if (this.#idlePolls <= POLLS_IDLE_MAX) {
      this.#parts.timers.after(POLL_MS, () => this.#polled());
      return;
    }
    this.#polling = false;
    Atomics.store(this.#shared.words, WORD_IO_POLLING, 0);
    // What came between the last look and the store was not rung for.
    this.drain();
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
