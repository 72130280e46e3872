// The judge: no part of the system. It looks at what the guests produce, at what comes into a backup's memory, and at
// what the bus does, and knows the promises that must hold at every step. `verdict.ts` holds those for the end.

import type { BusEffect } from '../protocol/bus.js';
import type { ExecutionRole } from '../protocol/execution.js';
import type { Operation, Outcome, Output, View } from '../protocol/machine.js';
import type { BusObserver, Cause } from './bus-host.js';
import type { GuestObserver, Precedence } from './guest-thread.js';
import type { Part } from './parts.js';

/** An operation as the outside saw it performed. */
export interface Performed {
  readonly operation: Operation;
  readonly status: number;
  readonly data: Uint8Array;
}

/** What a run went through: a simulator that never reaches a failover proves nothing. */
export interface Coverage {
  failovers: number;
  simplex: number;
  uncertain: number;
  /** Outputs of an older view that reached the bus. */
  late: number;
  throttled: number;
  halted: number;
}

export class Judge implements BusObserver {
  #violation: string | undefined;
  /** What precedes each output; those of streams, which may be cut and joined on the way, by where their bytes end. */
  readonly #precedence = new WeakMap<object, Precedence>();
  readonly #written = new Map<string, { readonly end: number; readonly precedence: Precedence }[]>();
  /** What came into the memory of each replica, as a backup. */
  readonly #accepted = new Map<string, { boundaries: number; values: number }>();
  /** Hash of the guest at the end of each epoch, of the first primary and of its backup while it is one. */
  readonly #firstPrimary: string;
  readonly #states = new Map<number, number>();
  readonly #views = new Map<number, View>();
  /** The highest view that the bus was fenced at, and who fenced it. */
  #fenced = { view: 0, owner: '' };

  #progress = 0;

  /** What the outside has of each stream. */
  readonly transcript = new Map<number, number[]>();
  readonly performances: Performed[] = [];
  outcome: Outcome | undefined;
  readonly coverage: Coverage = { failovers: 0, simplex: 0, uncertain: 0, late: 0, throttled: 0, halted: 0 };

  constructor(firstPrimary: string) {
    this.#firstPrimary = firstPrimary;
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
      diverged: message => this.violate(`${name} diverged (DG): ${message}`),
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

  /** Replicas' states are equal at equal epochs; either may be the first to tell. */
  #boundary(name: string, role: ExecutionRole, epoch: number, hash: number): void {
    if (role !== 'backup' && name !== this.#firstPrimary) return;
    const other = this.#states.get(epoch);
    if (other === undefined) this.#states.set(epoch, hash);
    else if (other !== hash) this.violate(`the replicas differ at the end of epoch ${epoch} (P5, P6)`);
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
    if (before !== undefined && before.primary !== view.primary && !before.backups.includes(view.primary)) {
      this.violate(`view ${view.number} belongs to ${view.primary}, no part of view ${before.number} (VW)`);
    }
    if (before?.primary === view.primary) this.coverage.simplex += 1;
    this.#views.set(view.number, view);
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
    for (const backup of this.#views.get(view)?.backups ?? []) {
      const { boundaries, values } = this.#accepted.get(backup) ?? { boundaries: 0, values: 0 };
      if (boundaries >= precedence.boundaries && values >= precedence.values) continue;
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
