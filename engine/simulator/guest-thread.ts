// The guest thread of a replica: runs the toy guest under Execution and stands still where a rule says 'await'.
//
// It is written as a generator that yields what a thread does with its time: so many nanoseconds of work, or sleep
// until something arrives. Between two yields nothing can strike; a kill or a pause comes at a yield.

import { assert } from '../errors/errors.js';
import { SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { ExecutionEffect, ExecutionEvent, ExecutionState } from '../protocol/execution.js';
import { SHIP_AFTER_NS } from '../protocol/execution.js';
import type { Interrupt, LogEntry, Output, StateDigest } from '../protocol/machine.js';
import type { Actor } from './actor.js';
import type { Guest, GuestAction } from './guest.js';
import type { Happening, History, Standing } from './history.js';
import type { ClockPart, ExecutionPart, Part } from './parts.js';
import type { Random } from './random.js';

export type ToIo =
  | { readonly type: 'logged'; readonly part: Part }
  | { readonly type: 'output'; readonly position: number; readonly output: Output }
  | { readonly type: 'progress'; readonly executed: number; readonly backlog: number }
  | { readonly type: 'snapshot'; readonly saved: SavedGuest }
  | { readonly type: 'snapshotFailed' }
  | { readonly type: 'diverged'; readonly message: string };

/** What a snapshot holds here. */
export interface SavedGuest {
  readonly position: number;
  readonly execution: ExecutionState;
  readonly history: History;
  readonly precedence: Precedence;
  /** Greatest times that the clock has given. */
  readonly realTimeNs: bigint;
  readonly monotonicNs: number;
}

export type ToGuest =
  | { readonly type: 'log'; readonly part: Part }
  | { readonly type: 'interrupt'; readonly interrupt: Interrupt }
  | { readonly type: 'promote' };

/** What precedes a point of a guest's run: the epochs that ended and the results that were consumed. */
export interface Precedence {
  readonly boundaries: number;
  readonly values: number;
}

/** What the judge is told. */
export interface GuestObserver {
  produced(output: Output, precedence: Precedence): void;
  boundary(epoch: number, hash: number): void;
  live(epoch: number, uncertain: number): void;
  diverged(message: string): void;
}

export interface HostClock {
  realTimeNs(): bigint;
  monotonicNs(): number;
}

export interface GuestThreadOptions {
  readonly actor: Actor;
  readonly random: Random;
  readonly execution: ExecutionPart;
  readonly clock: ClockPart;
  readonly hostClock: HostClock;
  readonly guest: Guest;
  /** Where a joining replica's guest stands; the guest is that of the standing. */
  readonly from?: { readonly saved: SavedGuest; readonly standing: Standing };
  readonly epochLength: number;
  /** How likely a boundary has a state digest. */
  readonly digestProbability: number;
  /** Time of one instruction, ns; changes where a host is slow for a while. */
  readonly instructionNs: () => number;
  /** Feeds the log only when execution asks for it; else whatever has come at each boundary. */
  readonly lazy: boolean;
  readonly toIo: (message: ToIo) => void;
  readonly observer: GuestObserver;
}

type Await = ExecutionEffect & { type: 'await' };
type Life = Generator<number | 'sleep', void, void>;

export class GuestThread {
  readonly #options: GuestThreadOptions;
  readonly #life: Life;
  #asleep = false;
  #inbox: ToGuest[] = [];
  #acknowledged = 0;
  #throttled = false;
  #snapshotDue = false;
  /** It has diverged: its process is about to end. */
  #halted = false;
  #realTimeNs = 0n;

  /** Logged and not yet shipped. */
  #unshipped: LogEntry[] = [];
  #unshippedSinceNs = 0;
  #logged = 0;
  #reported = 0;

  #due: number;
  #result = 0n;
  #delivered: readonly Interrupt[] = [];
  #happenings: Happening[] = [];
  #actions = 0;
  #boundaries = 0;
  #values = 0;

  constructor(options: GuestThreadOptions) {
    this.#options = options;
    this.#due = options.guest.count + options.epochLength;
    const saved = options.from?.saved;
    if (saved !== undefined) {
      this.#happenings = [...saved.history.happenings];
      this.#actions = saved.history.actions;
      this.#boundaries = saved.precedence.boundaries;
      this.#values = saved.precedence.values;
      this.#observe(SOURCE_REAL_TIME, saved.realTimeNs);
      options.clock.observeMonotonicNs(saved.monotonicNs);
    }
    this.#life = this.#live();
    options.actor.after(0, () => this.#goOn());
  }

  get history(): History {
    return { happenings: this.#happenings, actions: this.#actions };
  }

  receive(message: ToGuest): void {
    this.#inbox.push(message);
    this.#wake();
  }

  /** It may go back: from all there is to what who joins has acknowledged. */
  acknowledged(position: number): void {
    this.#acknowledged = position;
    this.#wake();
  }

  requestSnapshot(): void {
    this.#snapshotDue = true;
    this.#wake();
  }

  flip(): void {
    this.#options.guest.flip();
  }

  throttle(on: boolean): void {
    this.#throttled = on;
    this.#wake();
  }

  // ---- the thread

  #goOn(): void {
    const next = this.#life.next();
    if (next.done === true) return;
    if (next.value === 'sleep') this.#asleep = true;
    else this.#options.actor.after(next.value, () => this.#goOn());
  }

  #wake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#goOn();
  }

  *#live(): Life {
    const { guest, from } = this.#options;
    const program = from?.standing.program ?? guest.run();
    let answer = 0n;
    if (from !== undefined) {
      this.#report();
      answer = from.standing.answer;
      yield* this.#finish(from.standing);
    }
    for (;;) {
      const next = program.next(answer);
      if (next.done === true) return;
      this.#actions += 1;
      answer = yield* this.#act(next.value);
      if (next.value.type === 'outcome') break;
      if (next.value.type !== 'compute' && next.value.type !== 'wait') yield* this.#compute(1);
    }
    // The guest is over; a backup still hears of its promotion.
    for (;;) {
      this.#drain(true);
      yield 'sleep';
    }
  }

  /** A restored guest is in the midst of an action. */
  *#finish({ action, left }: Standing): Life {
    yield* this.#compute(left);
    if (action.type === 'wait') yield* this.#waitOn(action.seen);
  }

  *#waitOn(seen: number): Life {
    const { guest } = this.#options;
    while (guest.arrived === seen) yield* this.#boundary(true);
  }

  *#act(action: GuestAction): Generator<number | 'sleep', bigint, void> {
    const { guest } = this.#options;
    switch (action.type) {
      case 'compute':
        yield* this.#compute(action.instructions);
        return 0n;
      case 'environment':
        yield* this.#step({ type: 'environment', source: action.source });
        this.#values += 1;
        this.#observe(action.source, this.#result);
        this.#happenings.push({ type: 'value', source: action.source, value: this.#result });
        return this.#result;
      case 'wait':
        guest.executed(1);
        yield* this.#boundary(guest.arrived === action.seen);
        yield* this.#waitOn(action.seen);
        return 0n;
      case 'outcome':
        yield* this.#step({ type: 'outcome', count: guest.count, outcome: action.outcome });
        return 0n;
      default:
        yield* this.#step(action);
        return 0n;
    }
  }

  *#compute(instructions: number): Life {
    const { guest } = this.#options;
    let left = instructions;
    while (left > 0) {
      const now = Math.min(left, this.#due - guest.count);
      guest.executed(now);
      left -= now;
      yield now * this.#options.instructionNs();
      if (guest.count >= this.#due) yield* this.#boundary(false);
    }
  }

  *#boundary(waiting: boolean): Life {
    const { guest, execution, observer } = this.#options;
    while (this.#throttled && execution.role === 'primary') {
      this.#ship();
      yield 'sleep';
    }
    this.#drain(!this.#options.lazy);
    this.#shipIfOld();
    const { epoch } = execution;
    this.#delivered = [];
    if (execution.role === 'primary' && this.#options.random.chance(this.#options.digestProbability)) {
      this.#carryOut(execution.step({ type: 'digest', digest: this.#stateDigest() }));
    }
    yield* this.#step({ type: 'epochEnd', count: guest.count, waiting, nowNs: this.#nowNs() });
    this.#boundaries += 1;
    this.#due = guest.count + this.#options.epochLength;
    this.#happenings.push({ type: 'boundary', count: guest.count, interrupts: this.#delivered });
    for (const interrupt of this.#delivered) guest.deliver(interrupt);
    observer.boundary(epoch, guest.hash);
    this.#report();
    if (this.#snapshotDue && execution.role === 'primary') yield* this.#save();
  }

  /** JN: at a boundary, after what it delivered. At times the guest stands where it cannot be saved. */
  *#save(): Life {
    const { execution, clock, hostClock, random, toIo } = this.#options;
    this.#snapshotDue = false;
    if (random.chance(0.1)) {
      toIo({ type: 'snapshotFailed' });
      return;
    }
    yield* this.#step({ type: 'snapshot', nowNs: this.#nowNs() });
    const saved: SavedGuest = {
      position: this.#position(),
      execution: execution.save(),
      history: { happenings: [...this.#happenings], actions: this.#actions },
      precedence: { boundaries: this.#boundaries, values: this.#values },
      realTimeNs: this.#realTimeNs,
      monotonicNs: clock.readMonotonicNs(hostClock.monotonicNs()),
    };
    this.#ship();
    toIo({ type: 'snapshot', saved });
  }

  #stateDigest(): StateDigest {
    const { guest } = this.#options;
    return { firstPage: 0, pages: 1, memory: guest.hash >>> 0, kernel: guest.arrived, globals: guest.count >>> 0 };
  }

  #observe(source: number, value: bigint): void {
    this.#options.clock.observe(source, value);
    if (source === SOURCE_REAL_TIME && value > this.#realTimeNs) this.#realTimeNs = value;
  }

  // ---- execution

  *#step(event: ExecutionEvent): Life {
    let awaited = this.#carryOut(this.#options.execution.step(event));
    while (awaited !== undefined || this.#halted) {
      if (awaited === undefined) {
        yield 'sleep';
        continue;
      }
      yield* this.#await(awaited);
      const nowNs = this.#nowNs();
      // JN: a guest that waits is not left out.
      const ends = awaited.what === 'interrupt' && this.#snapshotDue;
      awaited = this.#carryOut(this.#options.execution.step({ type: ends ? 'snapshot' : 'resume', nowNs }));
    }
  }

  *#await(awaited: Await): Life {
    switch (awaited.what) {
      case 'log':
        this.#report();
        while (this.#inbox.length === 0) yield 'sleep';
        this.#feed(this.#inbox.shift()!);
        return;
      case 'acknowledgement':
        while (this.#acknowledged < this.#position()) yield 'sleep';
        return;
      case 'interrupt':
        if (awaited.untilNs !== Infinity) {
          const aheadNs = Math.max(0, awaited.untilNs - this.#nowNs());
          this.#options.actor.after(aheadNs, () => this.#wake());
        }
        while (this.#inbox.length === 0 && this.#nowNs() < awaited.untilNs && !this.#snapshotDue) yield 'sleep';
        this.#drain(true);
    }
  }

  #carryOut(effects: readonly ExecutionEffect[]): Await | undefined {
    const { execution, observer, clock, hostClock } = this.#options;
    let awaited: Await | undefined;
    for (const effect of effects) {
      switch (effect.type) {
        case 'log':
          if (this.#unshipped.length === 0) this.#unshippedSinceNs = this.#options.hostClock.monotonicNs();
          this.#unshipped.push(effect.entry);
          this.#logged += 1;
          break;
        case 'output':
          // FL: what precedes an output is shipped before it.
          this.#ship();
          observer.produced(effect.output, { boundaries: this.#boundaries, values: this.#values });
          this.#options.toIo({ type: 'output', position: this.#position(), output: effect.output });
          break;
        case 'flush':
          this.#ship();
          break;
        case 'read': {
          const value = this.#read(effect.source);
          awaited = this.#carryOut(execution.step({ type: 'environmentValue', source: effect.source, value }));
          break;
        }
        case 'result':
          this.#result = effect.value;
          break;
        case 'deliver':
          this.#delivered = effect.interrupts;
          break;
        case 'await':
          awaited = effect;
          break;
        case 'proceed':
          break;
        case 'observe':
          clock.observeMonotonicNs(effect.timeNs);
          break;
        case 'adoptClock':
          clock.adopt(hostClock.realTimeNs(), hostClock.monotonicNs());
          break;
        case 'verify': {
          const own = this.#stateDigest();
          const same = own.memory === effect.entry.memory && own.kernel === effect.entry.kernel;
          const difference = same && own.globals === effect.entry.globals ? undefined : 'memory';
          awaited = this.#carryOut(execution.step({ type: 'verified', difference }));
          break;
        }
        case 'live':
          observer.live(effect.epoch, effect.uncertain);
          break;
        case 'diverged':
          this.#halted = true;
          observer.diverged(effect.message);
          this.#options.toIo({ type: 'diverged', message: effect.message });
      }
    }
    return awaited;
  }

  #read(source: number): bigint {
    const { clock, hostClock, random } = this.#options;
    if (source === SOURCE_RANDOM) return BigInt(random.below(2 ** 31)) << 20n;
    if (source === SOURCE_MONOTONIC) return BigInt(clock.readMonotonicNs(hostClock.monotonicNs()));
    return clock.readRealTimeNs(hostClock.realTimeNs());
  }

  /** Only a replica that reads its own devices has a time. */
  #nowNs(): number {
    const { execution, clock, hostClock } = this.#options;
    return execution.role === 'backup' ? 0 : clock.readMonotonicNs(hostClock.monotonicNs());
  }

  // ---- from and to the I/O thread

  #drain(log: boolean): void {
    while (this.#inbox.length > 0 && (log || this.#inbox[0]!.type !== 'log')) this.#feed(this.#inbox.shift()!);
  }

  #feed(message: ToGuest): void {
    const { execution } = this.#options;
    switch (message.type) {
      case 'log':
        this.#carryOut(execution.step({ type: 'log', entries: message.part }));
        return;
      case 'interrupt':
        this.#carryOut(execution.step(message));
        break;
      case 'promote':
        assert(this.#carryOut(execution.step(message)) === undefined, 'a promotion makes no guest wait');
    }
  }

  #position(): number {
    return this.#options.execution.taken + this.#logged;
  }

  #ship(): void {
    if (this.#unshipped.length === 0) return;
    const part = this.#unshipped;
    this.#unshipped = [];
    this.#options.toIo({ type: 'logged', part });
  }

  /** FL: at most 1 ms late. */
  #shipIfOld(): void {
    if (this.#options.hostClock.monotonicNs() - this.#unshippedSinceNs >= SHIP_AFTER_NS) this.#ship();
  }

  #report(): void {
    const executed = this.#options.execution.taken;
    if (executed === this.#reported) return;
    this.#reported = executed;
    this.#options.toIo({ type: 'progress', executed, backlog: this.#inbox.length });
  }
}
