// Drives the bus's state machine: what is to be kept goes into the journal, and what follows from it waits until it is there (RB).
// The same code in production and in the simulator.
//
//   step -> records into the journal, at once -> kept -> the effects of this step, then those of the steps that came meanwhile
//
// A step that keeps nothing that others could come to depend on waits for nobody, unless another before it waits: effects are
// carried out in the order of the steps. So a replica is never told of anything, be it by a heartbeat, that could be forgotten.

import type { Bus, BusEffect, BusEvent } from '../protocol/bus/bus.js';
import type { BusRecord } from '../protocol/bus/bus-memory.js';

export interface BusJournal {
  /** Writes records, at once and in order: they outlive the process. */
  append(records: readonly BusRecord[]): void;
  /** Calls back when all that was appended is certain to be there, whatever happens to the host; at once where it is. In order. */
  whenKept(then: () => void): void;
}

/** The effects of a step, but those that the journal takes. */
type Done = Exclude<BusEffect, { readonly type: 'keep' }>;

interface Waiting<Cause> {
  readonly effects: readonly Done[];
  readonly cause: Cause;
  kept: boolean;
}

export interface BusDriverOptions<Cause> {
  readonly bus: Pick<Bus, 'step'>;
  /** Undefined: this bus is not started again, and keeps nothing. */
  readonly journal: BusJournal | undefined;
  /** Streams whose device finds again by itself how far it has come. */
  readonly recovered: readonly number[];
  /** @param cause as given with the event */
  readonly carryOut: (effect: Done, cause: Cause) => void;
}

export class BusDriver<Cause = undefined> {
  readonly #options: BusDriverOptions<Cause>;
  #waiting: Waiting<Cause>[] = [];
  /** The tick that waits: another one would say nothing that it does not. */
  #tick: Waiting<Cause> | undefined;

  constructor(options: BusDriverOptions<Cause>) {
    this.#options = options;
  }

  step(event: BusEvent, cause: Cause): void {
    if (event.type === 'tick' && this.#tick !== undefined) return;
    const { bus, journal } = this.#options;
    const effects: Done[] = [];
    const records: BusRecord[] = [];
    for (const effect of bus.step(event)) {
      if (effect.type === 'keep') records.push(effect.record);
      else effects.push(effect);
    }
    if (records.length > 0) journal?.append(records);
    const waits = journal !== undefined && records.some(record => this.#isAwaited(record));
    if (!waits && this.#waiting.length === 0) {
      this.#carryOut(effects, cause);
      return;
    }
    const waiting = { effects, cause, kept: !waits };
    this.#waiting.push(waiting);
    if (event.type === 'tick') this.#tick = waiting;
    if (!waits) return;
    journal.whenKept(() => {
      waiting.kept = true;
      this.#carryOutKept();
    });
  }

  /** Whether more is lost with a record than that something known is told again, or a place found again. */
  #isAwaited(record: BusRecord): boolean {
    if (record.type === 'released') return false;
    return record.type !== 'written' || !this.#options.recovered.includes(record.stream);
  }

  #carryOutKept(): void {
    for (let head = this.#waiting[0]; head?.kept === true; head = this.#waiting[0]) {
      this.#waiting.shift();
      if (head === this.#tick) this.#tick = undefined;
      this.#carryOut(head.effects, head.cause);
    }
  }

  #carryOut(effects: readonly Done[], cause: Cause): void {
    for (const effect of effects) this.#options.carryOut(effect, cause);
  }
}
