// Steps the execution and carries out what it says: the log, outputs, delivery. Written once for a thread that blocks and for
// a scheduler that does not: nothing here waits. Where a rule says 'await', the ring is full, or the backup lags, `step` and
// `epochEnd` answer false, and the guest stands still until `goOn` answers true:
//
//   a thread      bell = load; goOn() ? go on : Atomics.wait(bell, timeoutMs), and again
//   a scheduler   goOn() ? go on : come back when the bell is rung, or timeoutMs are over
//
// Whatever can end a standing still rings the bell for the guest thread, after it has changed what `goOn` looks at.

import { assert } from '../errors/errors.js';
import {
  type DigestEntry,
  type Execution,
  type ExecutionEffect,
  type ExecutionEvent,
  PROCEED,
} from '../protocol/execution.js';
import type { Interrupt, Output } from '../protocol/vocabulary.js';
import type { GuestEnd, Hurry } from '../threads/guest-end.js';
import type { EntryState } from '../wire/entry-history.js';
import { EntryDecoder } from '../wire/log-entries.js';
import { RECORD_DIVERGED } from '../wire/records.js';

/** Thrown when this replica must not go on; the I/O thread ends the process. */
export class ReplicaHalt {}

/** A full ring empties as fast as the I/O thread works, which says nothing of it: this is how often to look. */
const FULL_RING_LOOK_MS = 1;

/** The clocks of the machine, and random numbers. */
export interface ExecutionClock {
  /** The result of an environment instruction here, P0. */
  read(source: number): bigint;
  monotonicNs(): number;
  observeMonotonicNs(timeNs: number): void;
  /** CK: from here on this host's clocks are read, and go on from the greatest value seen. */
  adopt(): void;
}

/** What the execution asks of the guest that it is of. */
export interface ExecutionGuest {
  deliver(interrupt: Interrupt): void;
  /** SD: what differs between its state and the entry, in words. */
  difference(entry: DigestEntry): string | undefined;
  /** From when on a primary is to be told of a boundary: to step a state digest (SD), and then another epoch length (EL). */
  readonly reviewDueNs: number;
  review(nowNs: number, count: number): void;
  /** The thread is about to block: what a status shows should be right. */
  standsStill(): void;
  /** While the guest waits for an interrupt: whether a snapshot could be taken of it, and whether one is to be. */
  readonly isReadyForSnapshot: boolean;
  readonly isSnapshotDue: boolean;
}

type Await = ExecutionEffect & { readonly type: 'await' };

export class ExecutionDriver {
  readonly #guest: ExecutionGuest;
  readonly #execution: Pick<Execution, 'step' | 'role' | 'taken'>;
  readonly #link: GuestEnd;
  readonly #clock: ExecutionClock;
  readonly #decoder: EntryDecoder;
  /** What the guest stands still for. */
  #awaited: Await | undefined;
  /** An epoch is being ended: the log is shipped, and a lagging backup waited for, before the guest goes on. */
  #endsEpoch = false;
  #result = 0n;
  /** It is a backup's no more, though it has not executed all of the log. */
  #promoted = false;
  /** Bytes of the log taken from the ring. */
  logBytesTaken = 0;

  /** @param codec what the first entry is encoded against, where it is not the first of the machine */
  constructor(
    guest: ExecutionGuest,
    execution: Pick<Execution, 'step' | 'role' | 'taken'>,
    link: GuestEnd,
    clock: ExecutionClock,
    codec?: EntryState,
  ) {
    this.#guest = guest;
    this.#execution = execution;
    this.#link = link;
    this.#clock = clock;
    this.#decoder = new EntryDecoder(codec);
  }

  /** Only who decides by its own clock reads it: a backup's time comes with the log (CK). */
  nowNs(): number {
    return this.#execution.role === 'backup' ? 0 : this.#clock.monotonicNs();
  }

  /** Backup: what the next entry of the log is encoded against, where it has executed all that it was given. */
  get codec(): EntryState {
    return this.#decoder.save();
  }

  /** Of the environment instruction that was stepped last. */
  get result(): bigint {
    return this.#result;
  }

  /** Whether the guest may go on. */
  step(event: ExecutionEvent): boolean {
    const effects = this.#execution.step(event);
    if (effects === PROCEED && !this.#link.full) return true;
    this.#carryOutAll(effects);
    return this.goOn();
  }

  /** The epoch is over, by its count or because the guest waits. Whether the guest may go on. */
  epochEnd(count: number, waiting: boolean): boolean {
    // A backup takes the log only as it comes to need it: what it has not executed stays in the ring, as bytes.
    if (this.#execution.role !== 'backup' && this.#link.seemsToHaveIncoming) this.pump();
    const nowNs = this.nowNs();
    if (nowNs >= this.#guest.reviewDueNs) this.#guest.review(nowNs, count);
    const effects = this.#execution.step({ type: 'epochEnd', count, waiting, nowNs });
    if (effects === PROCEED) {
      // The boundary at which nothing happens.
      this.#link.ship();
      if (!this.#link.full && !this.#link.isThrottled) return true;
    } else {
      this.#carryOutAll(effects);
    }
    this.#endsEpoch = true;
    return this.goOn();
  }

  /** Something may have changed: whether the guest may go on. */
  goOn(): boolean {
    for (;;) {
      if (!this.#link.makeRoom()) return false;
      const awaited = this.#awaited;
      if (awaited === undefined) break;
      if (!this.#isOver(awaited)) return false;
      this.#awaited = undefined;
      this.#tellAwaited(awaited, false);
      this.#carryOutAll(this.#execution.step(this.#afterwards(awaited)));
    }
    if (!this.#endsEpoch) return true;
    this.#link.ship();
    if (!this.#link.makeRoom()) return false;
    if (this.#link.isThrottled) {
      this.#link.flush();
      return false;
    }
    this.#endsEpoch = false;
    return true;
  }

  /** While the guest stands still: when to look again though nobody rings, ms. */
  get timeoutMs(): number {
    if (this.#link.full) return FULL_RING_LOOK_MS;
    const awaited = this.#awaited;
    return awaited?.what === 'interrupt' ? Math.max(0, (awaited.untilNs - this.nowNs()) / 1e6) : Infinity;
  }

  #tellAwaited({ what }: Await, awaits: boolean): void {
    if (what === 'acknowledgement') this.#link.awaitsAcknowledgement = awaits;
    else if (what === 'log') this.#link.awaitsLog = awaits;
  }

  #isOver(awaited: Await): boolean {
    switch (awaited.what) {
      case 'acknowledgement':
        return this.#link.isAcknowledged;
      case 'log':
        return this.#link.hasIncoming;
      case 'interrupt':
        return (
          this.#link.hasIncoming ||
          this.nowNs() >= awaited.untilNs ||
          this.#link.isSnapshotWanted(() => this.#guest.isReadyForSnapshot)
        );
    }
  }

  #afterwards(awaited: Await): ExecutionEvent {
    // The wait ends, and the guest, which is to ask again what it waits for, stands at a boundary.
    const ends = awaited.what === 'interrupt' && this.#guest.isSnapshotDue;
    if (!ends) this.pump();
    return { type: ends ? 'snapshot' : 'resume', nowNs: this.nowNs() };
  }

  #carryOutAll(first: readonly ExecutionEffect[]): void {
    for (let effects: readonly ExecutionEffect[] | undefined = first; effects !== undefined; ) {
      let next: readonly ExecutionEffect[] | undefined;
      for (const effect of effects) {
        switch (effect.type) {
          case 'proceed':
            break;
          case 'result':
            this.#result = effect.value;
            break;
          case 'read': {
            const { source } = effect;
            next = this.#execution.step({ type: 'environmentValue', source, value: this.#clock.read(source) });
            break;
          }
          case 'verify':
            next = this.#execution.step({ type: 'verified', difference: this.#guest.difference(effect.entry) });
            break;
          case 'await':
            this.#awaited = effect;
            this.#tellAwaited(effect, true);
            // What a status would show of a guest that stands still.
            this.#guest.standsStill();
            break;
          default:
            this.#carryOut(effect);
        }
      }
      effects = next;
    }
  }

  /** What needs no answer. */
  #carryOut(effect: ExecutionEffect): void {
    switch (effect.type) {
      case 'log':
        this.#link.log(effect.entry);
        return;
      case 'output':
        this.#link.output(this.#position, effect.output, this.#hurry(effect.output));
        return;
      case 'flush':
        this.#link.flush();
        return;
      case 'deliver':
        for (const interrupt of effect.interrupts) this.#guest.deliver(interrupt);
        return;
      case 'observe':
        this.#clock.observeMonotonicNs(effect.timeNs);
        return;
      case 'adoptClock':
        this.#clock.adopt();
        this.#link.continueAt(this.#execution.taken, this.#decoder.save());
        return;
      case 'live':
        this.#link.tellLive(effect.epoch, effect.uncertain);
        return;
      case 'diverged':
        this.#link.tell(RECORD_DIVERGED, effect.message);
        throw new ReplicaHalt();
      default:
        assert(false, `'${effect.type}' is answered where it stands`);
    }
  }

  /**
   * What a backup puts out is held until its primary is gone. A release is of use to who waits for room, while an answer to what
   * is released comes in the same epoch: they go together.
   */
  #hurry({ type }: Output): Hurry {
    if (this.#execution.role === 'backup' && !this.#promoted && type !== 'outcome') return 'look';
    return type === 'releaseInput' ? 'epoch' : 'now';
  }

  /** All of the log below it precedes what the guest does now. */
  get #position(): number {
    return this.#execution.role === 'backup' ? this.#execution.taken : this.#link.logged;
  }

  /** Hands the execution what has come in. A backup takes one part of the log at a time: the rest stays in the ring. */
  pump(): void {
    for (let incoming = this.#link.take(); incoming !== undefined; incoming = this.#link.take()) {
      switch (incoming.type) {
        case 'interrupt':
          this.#execution.step({ type: 'interrupt', interrupt: incoming.interrupt });
          break;
        case 'promote':
          this.#promoted = true;
          this.#link.flush();
          for (const effect of this.#execution.step({ type: 'promote' })) {
            if (effect.type !== 'proceed') this.#carryOut(effect);
          }
          break;
        case 'log':
          this.logBytesTaken += incoming.bytes.length;
          this.#execution.step({ type: 'log', entries: this.#decoder.decode(incoming.bytes) });
          return;
      }
    }
  }
}
