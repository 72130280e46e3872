// Steps the execution and carries out what it says: the log, outputs, delivery; where it says `await`, the thread blocks.

import { EntryDecoder } from '../channel/entries.js';
import type { EntryState } from '../channel/entry-history.js';
import { assert } from '../errors/errors.js';
import {
  type DigestEntry,
  type Execution,
  type ExecutionEffect,
  type ExecutionEvent,
  PROCEED,
} from '../protocol/execution.js';
import type { Interrupt } from '../protocol/machine.js';
import type { GuestClock } from './guest-clock.js';
import { RECORD_DIVERGED } from './records.js';
import type { ThreadLink } from './thread-link.js';

/** Thrown when this replica must not go on; the I/O thread ends the process. */
export class ReplicaHalt {}

/** What the execution asks of the guest that it is of. */
export interface ExecutionGuest {
  deliver(interrupt: Interrupt): void;
  /** SD: what differs between its state and the entry, in words. */
  difference(entry: DigestEntry): string | undefined;
  /** The thread is about to block: what a status shows should be right. */
  standsStill(): void;
  /** While the guest waits for an interrupt: whether a snapshot could be taken of it, and whether one is to be. */
  readonly isReadyForSnapshot: boolean;
  readonly isSnapshotDue: boolean;
}

export class ExecutionDriver {
  readonly #guest: ExecutionGuest;
  readonly #execution: Execution;
  readonly #link: ThreadLink;
  readonly #clock: GuestClock;
  readonly #decoder: EntryDecoder;
  /** Bytes of the log taken from the ring. */
  logBytesTaken = 0;

  /** @param codec what the first entry is encoded against, where it is not the first of the machine */
  constructor(guest: ExecutionGuest, execution: Execution, link: ThreadLink, clock: GuestClock, codec?: EntryState) {
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

  /** Steps the execution and carries out what it says, until the guest may go on; answers its result, if any. */
  step(event: ExecutionEvent): bigint | undefined {
    let effects = this.#execution.step(event);
    // The boundary at which nothing happens.
    if (effects === PROCEED) return undefined;
    for (;;) {
      let next: readonly ExecutionEffect[] | undefined;
      for (const effect of effects) {
        switch (effect.type) {
          case 'proceed':
            return undefined;
          case 'result':
            return effect.value;
          case 'read':
            next = this.#execution.step({
              type: 'environmentValue',
              source: effect.source,
              value: this.#clock.read(effect.source),
            });
            break;
          case 'await':
            next = this.#await(effect);
            break;
          case 'verify':
            next = this.#verify(effect.entry);
            break;
          default:
            this.#carryOut(effect);
        }
      }
      if (next === undefined) return undefined;
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
        this.#link.output(this.#position, effect.output);
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

  /** All of the log below it precedes what the guest does now. */
  get #position(): number {
    return this.#execution.role === 'backup' ? this.#execution.taken : this.#link.logged;
  }

  #await(effect: ExecutionEffect & { type: 'await' }): readonly ExecutionEffect[] {
    // What a status would show of a guest that stands still.
    this.#guest.standsStill();
    switch (effect.what) {
      case 'acknowledgement':
        this.#link.awaitAcknowledgement();
        break;
      case 'log':
        this.#link.awaitIncoming(Infinity);
        break;
      case 'interrupt':
        this.#link.awaitInterrupt(
          Math.max(0, (effect.untilNs - this.nowNs()) / 1e6),
          () => this.#guest.isReadyForSnapshot,
        );
        // The wait ends, and the guest, which is to ask again what it waits for, stands at a boundary.
        if (this.#guest.isSnapshotDue) return this.#execution.step({ type: 'snapshot', nowNs: this.nowNs() });
        break;
    }
    this.pump();
    return this.#execution.step({ type: 'resume', nowNs: this.nowNs() });
  }

  #verify(entry: DigestEntry): readonly ExecutionEffect[] {
    return this.#execution.step({ type: 'verified', difference: this.#guest.difference(entry) });
  }

  /** Hands the execution what has come in. A backup takes one part of the log at a time: the rest stays in the ring. */
  pump(): void {
    for (let incoming = this.#link.take(); incoming !== undefined; incoming = this.#link.take()) {
      switch (incoming.type) {
        case 'interrupt':
          this.#execution.step({ type: 'interrupt', interrupt: incoming.interrupt });
          break;
        case 'promote':
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
