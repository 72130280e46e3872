// The judge: no part of the system. It looks at what the guests produce, at what comes into a backup's memory, and at
// what the bus does, and knows the promises that must hold at every step. `verdict.ts` holds those for the end.

import type { BusEffect } from '../protocol/bus.js';
import type { ExecutionRole } from '../protocol/execution.js';
import type { Operation, Outcome, Output, Variant, View } from '../protocol/machine.js';
import type { BusObserver, Cause } from './bus-host.js';
import type { GuestObserver, Precedence } from './guest-thread.js';
import type { Part } from './parts.js';

/** An operation as the outside saw it performed. */
export interface Performed {
  readonly operation: Operation;
  readonly status: number;
  readonly data: Uint8Array;
}

/** No fault leaves a replica with a log that cannot be continued: one that has it kept it. */
const LOGS_LOST = ['LOG_GAP', 'FOLLOW_LOST'];

/** What a run went through: a simulator that never reaches a failover proves nothing. */
export interface Coverage {
  failovers: number;
  simplex: number;
  uncertain: number;
  /** Outputs of an older view that reached the bus. */
  late: number;
  throttled: number;
  halted: number;
  /** Replicas that started from a snapshot; views that name one. */
  joins: number;
  named: number;
  /** Divergences that a state digest found. */
  diverged: number;
}

export class Judge implements BusObserver {
  readonly #variant: Variant;
  #violation: string | undefined;
  /** What precedes each output; those of streams, which may be cut and joined on the way, by where their bytes end. */
  readonly #precedence = new WeakMap<object, Precedence>();
  readonly #written = new Map<string, { readonly end: number; readonly precedence: Precedence }[]>();
  /** What came into the memory of each replica, as a backup. */
  readonly #accepted = new Map<string, { boundaries: number; values: number }>();
  /** Hashes of the guests at the end of each epoch, of every replica that was not a backup then. */
  readonly #states = new Map<number, Set<number>>();
  readonly #views = new Map<number, View>();
  #latest: View | undefined;
  readonly #named = new Set<string>();
  readonly #restored = new Set<string>();
  readonly #flipped = new Set<string>();
  /** What precedes all outputs that the bus has heard of. */
  #heard: Precedence = { boundaries: 0, values: 0 };
  /** The highest view that the bus was fenced at, and who fenced it. */
  #fenced = { view: 0, owner: '' };

  #progress = 0;

  /** What the outside has of each stream. */
  readonly transcript = new Map<number, number[]>();
  readonly performances: Performed[] = [];
  outcome: Outcome | undefined;
  readonly coverage: Coverage = {
    failovers: 0,
    simplex: 0,
    uncertain: 0,
    late: 0,
    throttled: 0,
    halted: 0,
    joins: 0,
    named: 0,
    diverged: 0,
  };

  constructor(variant: Variant) {
    this.#variant = variant;
  }

  /** The first broken promise. */
  get violation(): string | undefined {
    return this.#violation;
  }

  /** Incarnation of the replica that is the machine, as the bus sees it. */
  get owner(): string {
    return this.#fenced.owner;
  }

  /** Grows whenever a guest comes further. */
  get progress(): number {
    return this.#progress;
  }

  violate(what: string): void {
    this.#violation ??= what;
  }

  // ---- the guests

  /** What guest thread `name` tells; `role` is asked when it tells something. */
  observe(name: string, role: () => ExecutionRole): GuestObserver {
    return {
      produced: (output, precedence) => {
        this.#progress += 1;
        this.#produced(name, output, precedence);
      },
      boundary: (epoch, hash) => {
        this.#progress += 1;
        this.#boundary(name, role(), epoch, hash);
      },
      live: (_epoch, uncertain) => {
        this.coverage.failovers += 1;
        this.coverage.uncertain += uncertain;
      },
      diverged: message => {
        if (this.#flipped.has(name)) this.coverage.diverged += 1;
        else this.violate(`${name} diverged (DG): ${message}`);
      },
    };
  }

  #produced(name: string, output: Output, precedence: Precedence): void {
    if (output.type !== 'stream') {
      this.#precedence.set(keyOf(output), precedence);
      return;
    }
    const key = `${name} ${output.stream}`;
    const writes = this.#written.get(key) ?? [];
    this.#written.set(key, writes);
    writes.push({ end: output.offset + output.bytes.length, precedence });
  }

  /** Of the last byte, where an output of a stream is of several. */
  #precedenceOf(name: string, output: Output): Precedence | undefined {
    if (output.type !== 'stream') return this.#precedence.get(keyOf(output));
    const end = output.offset + output.bytes.length;
    return this.#written.get(`${name} ${output.stream}`)?.find(write => write.end >= end)?.precedence;
  }

  /**
   * What a backup executes was executed before, by whoever logged it: it is in the same state then. Under `original` a
   * primary tells only when its end is acknowledged, or never: there the histories at the end must do.
   */
  #boundary(name: string, role: ExecutionRole, epoch: number, hash: number): void {
    const states = this.#states.get(epoch) ?? new Set();
    this.#states.set(epoch, states);
    if (role !== 'backup') states.add(hash);
    else if (this.#variant !== 'original' && !states.has(hash) && !this.#flipped.has(name)) {
      this.violate(`the replicas differ at the end of epoch ${epoch} (P5, P6)`);
    }
  }

  /** A bit of its memory was flipped: what it does is wrong from here on. */
  flipped(name: string): void {
    this.#flipped.add(name);
  }

  halted(name: string, code: string): void {
    this.coverage.halted += 1;
    if (LOGS_LOST.includes(code)) this.violate(`${name} halts, for a part of the log is missing (${code}) (KP, OS)`);
  }

  /** A replica that joins has its snapshot: with that comes what precedes it. */
  restored(name: string, precedence: Precedence): void {
    this.coverage.joins += 1;
    // The log that follows it may have come before.
    const { boundaries, values } = this.#accepted.get(name) ?? { boundaries: 0, values: 0 };
    this.#accepted.set(name, {
      boundaries: precedence.boundaries + boundaries,
      values: precedence.values + values,
    });
    this.#restored.add(name);
  }

  /** A part of the log came into the memory of `name`. */
  accepted(name: string, part: Part): void {
    const sum = this.#accepted.get(name) ?? { boundaries: 0, values: 0 };
    this.#accepted.set(name, sum);
    for (const entry of part) {
      if (entry.type === 'value') sum.values += 1;
      else if (entry.type === 'empty') sum.boundaries += entry.epochs;
      else if (entry.type === 'end') sum.boundaries += 1;
    }
  }

  // ---- views

  /** The arbiter wrote `view`. */
  recorded(view: View): void {
    const before = this.#views.get(view.number - 1);
    if (this.#views.has(view.number)) this.violate(`view ${view.number} is recorded twice (VW)`);
    if (before === undefined && view.number > 1) this.violate(`view ${view.number} follows none (VW)`);
    if (before !== undefined && before.primary !== view.primary && !before.backups.includes(view.primary)) {
      this.violate(`view ${view.number} belongs to ${view.primary}, no part of view ${before.number} (VW)`);
    }
    if (before?.primary === view.primary && before.backups.length > view.backups.length) this.coverage.simplex += 1;
    for (const name of [view.primary, ...view.backups]) {
      if (before !== undefined) this.#mayBeNamed(name, before, view);
      this.#named.add(name);
    }
    this.#views.set(view.number, view);
    this.#latest = view;
  }

  /** Whoever is named can go on alone: it has what precedes every output that was ever seen. */
  #mayBeNamed(name: string, before: View, view: View): void {
    if (name === before.primary) return;
    if (!before.backups.includes(name)) {
      this.coverage.named += 1;
      if (!this.#restored.has(name)) this.violate(`view ${view.number} names ${name}, which has no state yet (JN)`);
    }
    if (!this.#has(name, this.#heard))
      this.violate(`view ${view.number} names ${name}, which lacks what left (JN, BV)`);
  }

  wasNamed(name: string): boolean {
    return this.#named.has(name);
  }

  #has(name: string, precedence: Precedence): boolean {
    const { boundaries, values } = this.#accepted.get(name) ?? { boundaries: 0, values: 0 };
    return boundaries >= precedence.boundaries && values >= precedence.values;
  }

  /** Replica `name` takes `view` to be its own. */
  viewed(name: string, view: View): void {
    if (this.#views.get(view.number)?.primary !== name) {
      this.violate(`${name} acts as the owner of view ${view.number}, which is not its own (VW)`);
    }
  }

  // ---- the bus

  heard({ incarnation, message }: Cause): void {
    if (message.type === 'fence') {
      if (this.#views.get(message.view)?.primary !== incarnation) {
        this.violate(`${incarnation} fences the bus at view ${message.view}, which is not its own (FN)`);
      }
      // Who comes after the end is told of it, and changes nothing.
      if (this.outcome === undefined && message.view > this.#fenced.view)
        this.#fenced = { view: message.view, owner: incarnation };
    } else if (message.type === 'output') {
      if (this.#isOwner({ incarnation, message })) this.#outputRule(incarnation, message.view, message.output);
      else if (this.outcome === undefined) this.coverage.late += 1;
    }
  }

  did(effect: BusEffect, cause: Cause | undefined): void {
    if (effect.type !== 'write' && effect.type !== 'perform') return;
    if (this.outcome !== undefined) this.violate('the bus performs something after the end (XT)');
    if (cause === undefined || !this.#isOwner(cause)) {
      this.violate(
        `the bus performs what ${cause?.incarnation} asks for, who does not own view ${this.#fenced.view} (FN)`,
      );
    }
  }

  wrote(stream: number, offset: number, bytes: Uint8Array): void {
    const transcript = this.transcript.get(stream) ?? [];
    this.transcript.set(stream, transcript);
    if (offset !== transcript.length) {
      this.violate(`stream ${stream} is written at ${offset}, ${transcript.length} bytes are there (OF)`);
    }
    transcript.push(...bytes);
  }

  performed(operation: Operation, status: number, data: Uint8Array): void {
    this.performances.push({ operation, status, data });
  }

  ended(outcome: Outcome): void {
    if (this.outcome !== undefined) this.violate('the machine ends twice (XT)');
    this.outcome = outcome;
  }

  #isOwner({ incarnation, message }: Cause): boolean {
    return message.type === 'output' && message.view === this.#fenced.view && incarnation === this.#fenced.owner;
  }

  /** Everything that precedes an output is in the memory of every backup of its view. */
  #outputRule(name: string, view: number, output: Output): void {
    const precedence = this.#precedenceOf(name, output);
    if (precedence === undefined) {
      this.violate(`the bus hears of an output that no guest produced: ${output.type} (OR)`);
      return;
    }
    this.#heard = {
      boundaries: Math.max(this.#heard.boundaries, precedence.boundaries),
      values: Math.max(this.#heard.values, precedence.values),
    };
    // BV: the arbiter may know of a view that its primary does not yet act in.
    const latest = this.#latest?.primary === name ? this.#latest.backups : [];
    for (const backup of new Set([...(this.#views.get(view)?.backups ?? []), ...latest])) {
      if (this.#has(backup, precedence)) continue;
      const { boundaries, values } = this.#accepted.get(backup) ?? { boundaries: 0, values: 0 };
      this.violate(
        `output left before ${backup} had what precedes it (OR): ${output.type} after ${precedence.boundaries} epochs ` +
          `and ${precedence.values} results, of which it has ${boundaries} and ${values}`,
      );
    }
  }
}

/** What of an output is the same object wherever it is sent. */
function keyOf(output: Output): object {
  if (output.type === 'operation') return output.operation;
  if (output.type === 'outcome') return output.outcome;
  return output;
}
