// The guest thread of a replica: the toy guest under the production driver, over the production end of the rings.
//
// What is the simulator's own is the guest, and time. It is written as a generator that yields what a thread does with its
// time: so many nanoseconds of work, or sleep until its bell is rung, or for so long. Between two yields nothing can strike;
// a kill or a pause comes at a yield.

import { ExecutionDriver, type ExecutionGuest, ReplicaHalt } from '../driver/execution-driver.js';
import { EpochvisorError } from '../errors/errors.js';
import type { Bounds } from '../protocol/bounds.js';
import { SOURCE_MONOTONIC, SOURCE_RANDOM, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type {
  DigestEntry,
  ExecutionEffect,
  ExecutionEvent,
  ExecutionRole,
  ExecutionStart,
} from '../protocol/execution.js';
import type { ExecutionState } from '../protocol/execution-events.js';
import type { Interrupt, Output, StateDigest } from '../protocol/vocabulary.js';
import { GuestEnd } from '../threads/guest-end.js';
import {
  type SharedBlock,
  WORD_BEGUN,
  WORD_COUNT,
  WORD_EPOCH,
  WORD_EXECUTED,
  WORD_LOG_BYTES_TAKEN,
} from '../threads/shared.js';
import { SnapshotGuestEnd } from '../threads/snapshot-guest-end.js';
import type { StatePort } from '../threads/thread-ports.js';
import type { EntryState } from '../wire/entry-history.js';
import { RECORD_ENDED, RECORD_LOADED, RECORD_STARTED } from '../wire/records.js';
import type { Actor } from './actor.js';
import { hashOfBoundary, hashOfValue } from './course.js';
import { type Happening, type History, restore, type Standing } from './history.js';
import type { ClockPart, ExecutionPart } from './parts.js';
import type { Random } from './random.js';
import { EPOCH_LENGTHS } from './run-plan.js';
import { Guest, type GuestAction, type GuestOptions } from './toy-guest.js';

/** What a snapshot holds here. */
export interface SavedGuest {
  readonly position: number;
  readonly count: number;
  readonly execution: ExecutionState;
  readonly codec: EntryState;
  readonly history: History;
  /** How many happenings there were, and what they come to. */
  readonly course: { readonly length: number; readonly hash: number };
  /** Greatest times that the clock has given. */
  readonly realTimeNs: bigint;
  readonly monotonicNs: number;
}

/** What the judge is told. */
export interface GuestObserver {
  /** An output that `preceding` happenings precede. */
  produced(output: Output, preceding: number): void;
  /** An environment result or a boundary, by its hash. */
  happened(hash: number): void;
  /** How many happenings there were, and what they come to. */
  course(): { readonly length: number; readonly hash: number };
  restored(saved: SavedGuest): void;
  boundary(epoch: number, hash: number): void;
  live(epoch: number, uncertain: number): void;
  /** EL: a primary has changed the epoch length. */
  resized(): void;
  diverged(message: string): void;
  /** It cannot be saved where it stands. */
  refused(): void;
}

export interface HostClock {
  realTimeNs(): bigint;
  monotonicNs(): number;
}

export interface GuestThreadOptions {
  readonly actor: Actor;
  readonly random: Random;
  readonly shared: SharedBlock;
  readonly port: StatePort;
  readonly bounds: Bounds;
  readonly newExecution: (from?: ExecutionStart) => ExecutionPart;
  readonly clock: ClockPart;
  readonly hostClock: HostClock;
  readonly guest: GuestOptions;
  /** The guest goes on from a state that is in `port` when it may begin. */
  readonly restores: boolean;
  readonly epochLength: number;
  /** How likely a primary's boundary changes the epoch length, and by which choice. */
  readonly lengthProbability: number;
  readonly lengths: Random;
  /** How likely a boundary has a state digest. */
  readonly digestProbability: number;
  /** Whether a backup is asked for snapshots, too: checkpoints of its log. */
  readonly takesCheckpoints: boolean;
  /** Time of one instruction, ns; changes where a host is slow for a while. */
  readonly instructionNs: () => number;
  /** Time to load the guest, and to have clones of a suspended one ready, ns. */
  readonly loadNs: number;
  readonly observer: GuestObserver;
}

/** Work, ns; or sleep: at most so many ms. */
type Life = Generator<number | { readonly sleepMs: number }, void, void>;

export class GuestThread implements ExecutionGuest {
  readonly #options: GuestThreadOptions;
  readonly #life: Life;
  #link: GuestEnd;
  readonly #snapshots: SnapshotGuestEnd;
  #guest: Guest;
  #execution!: ExecutionPart;
  #driver!: ExecutionDriver;
  /** Counts sleeps: a timer of an earlier one wakes nobody. */
  #sleeps = 0;
  #asleep = false;
  #clones: 'none' | 'making' | 'ready' = 'none';
  #realTimeNs = 0n;

  #due: number;
  #delivered: Interrupt[] = [];
  #happenings: Happening[] = [];
  #actions = 0;
  /** Of the present boundary. */
  #digests = false;
  #resizes = false;

  constructor(options: GuestThreadOptions) {
    this.#options = options;
    this.#guest = new Guest(options.guest);
    this.#due = options.epochLength;
    this.#link = new GuestEnd(options.shared, undefined, options.bounds);
    this.#snapshots = new SnapshotGuestEnd(options.shared, this.#link, options.port);
    this.#life = this.#live();
    options.actor.after(0, () => this.#goOn());
  }

  get history(): History {
    return { happenings: this.#happenings, actions: this.#actions };
  }

  get role(): ExecutionRole {
    return this.#execution.role;
  }

  flip(): void {
    this.#guest.flip();
  }

  /** Its bell was rung, some time ago. */
  wake(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#goOn();
  }

  // ---- the thread

  #goOn(): void {
    let next: IteratorResult<number | { readonly sleepMs: number }, void>;
    try {
      next = this.#life.next();
    } catch (error) {
      if (error instanceof ReplicaHalt) return;
      throw error;
    }
    if (next.done === true) return;
    if (typeof next.value === 'number') {
      this.#options.actor.after(next.value, () => this.#goOn());
      return;
    }
    this.#asleep = true;
    this.#sleeps += 1;
    const { sleepMs } = next.value;
    if (sleepMs === Infinity) return;
    const sleep = this.#sleeps;
    this.#options.actor.after(sleepMs * 1e6, () => {
      if (this.#sleeps === sleep) this.wake();
    });
  }

  *#live(): Life {
    const { shared, loadNs, newExecution, restores } = this.#options;
    yield loadNs;
    this.#link.tell(RECORD_LOADED, '');
    while (Atomics.load(shared.words, WORD_BEGUN) === 0) yield { sleepMs: Infinity };
    let standing: Standing | undefined;
    if (restores) standing = this.#restore(this.#options.port.take() as SavedGuest);
    else this.#begin(newExecution());
    this.#link.tell(RECORD_STARTED, '');
    const program = standing?.program ?? this.#guest.run();
    let answer = 0n;
    if (standing !== undefined) {
      answer = standing.answer;
      yield* this.#finish(standing);
    }
    for (;;) {
      const next = program.next(answer);
      if (next.done === true) break;
      this.#actions += 1;
      answer = yield* this.#act(next.value);
      if (next.value.type === 'outcome') break;
      if (next.value.type !== 'compute' && next.value.type !== 'wait') yield* this.#compute(1);
    }
    this.#publish();
    this.#link.tell(RECORD_ENDED, '');
    // The guest is over; a backup still hears of its promotion.
    for (;;) {
      this.#driver.pump();
      this.#driver.goOn();
      if (!this.#link.hasIncoming) yield { sleepMs: this.#driver.timeoutMs };
    }
  }

  #begin(execution: ExecutionPart, codec?: EntryState): void {
    const { clock, hostClock, random } = this.#options;
    this.#execution = execution;
    const observed = {
      step: (event: ExecutionEvent) => this.#observed(event, execution.step(event)),
      get role() {
        return execution.role;
      },
      get taken() {
        return execution.taken;
      },
    };
    this.#driver = new ExecutionDriver(
      this,
      observed,
      this.#link,
      {
        read: source => {
          if (source === SOURCE_RANDOM) return BigInt(random.below(2 ** 31)) << 20n;
          if (source === SOURCE_MONOTONIC) return BigInt(clock.readMonotonicNs(hostClock.monotonicNs()));
          return clock.readRealTimeNs(hostClock.realTimeNs());
        },
        monotonicNs: () => clock.readMonotonicNs(hostClock.monotonicNs()),
        observeMonotonicNs: timeNs => clock.observeMonotonicNs(timeNs),
        adopt: () => clock.adopt(hostClock.realTimeNs(), hostClock.monotonicNs()),
      },
      codec,
    );
  }

  #restore(saved: SavedGuest): Standing {
    const { guest, clock, newExecution, observer } = this.#options;
    const standing = restore(guest, saved.history);
    this.#guest = standing.guest;
    this.#happenings = [...saved.history.happenings];
    this.#actions = saved.history.actions;
    this.#observe(SOURCE_REAL_TIME, saved.realTimeNs);
    clock.observeMonotonicNs(saved.monotonicNs);
    observer.restored(saved);
    this.#begin(newExecution({ state: saved.execution, position: saved.position }), saved.codec);
    this.#due = standing.guest.count + this.#execution.epochLength;
    this.#publish();
    return standing;
  }

  /** What the execution says is told the judge before it is done. */
  #observed(event: ExecutionEvent, effects: readonly ExecutionEffect[]): readonly ExecutionEffect[] {
    const { observer } = this.#options;
    // What a boundary delivers precedes the releases that follow it.
    let ended = false;
    for (const effect of effects) {
      if (effect.type === 'deliver') ended = true;
      else if (effect.type === 'output') observer.produced(effect.output, observer.course().length + (ended ? 1 : 0));
      else if (effect.type === 'log' && effect.entry.type === 'length') observer.resized();
      else if (effect.type === 'live') observer.live(effect.epoch, effect.uncertain);
      else if (effect.type === 'diverged') observer.diverged(effect.message);
    }
    void event;
    return effects;
  }

  /** A restored guest is in the midst of an action. */
  *#finish({ action, left }: Standing): Life {
    yield* this.#compute(left);
    if (action.type === 'wait') yield* this.#waitOn(action.seen);
  }

  *#waitOn(seen: number): Life {
    while (this.#guest.arrived === seen) yield* this.#boundary(true);
  }

  *#act(action: GuestAction): Generator<number | { readonly sleepMs: number }, bigint, void> {
    const guest = this.#guest;
    switch (action.type) {
      case 'compute':
        yield* this.#compute(action.instructions);
        return 0n;
      case 'environment': {
        yield* this.#step({ type: 'environment', source: action.source });
        const { result } = this.#driver;
        this.#observe(action.source, result);
        this.#happenings.push({ type: 'value', source: action.source, value: result });
        this.#options.observer.happened(hashOfValue(action.source, result));
        return result;
      }
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
    let left = instructions;
    while (left > 0) {
      const now = Math.min(left, this.#due - this.#guest.count);
      this.#guest.executed(now);
      left -= now;
      yield now * this.#options.instructionNs();
      if (this.#guest.count >= this.#due) yield* this.#boundary(false);
    }
  }

  *#boundary(waiting: boolean): Life {
    const { observer } = this.#options;
    const guest = this.#guest;
    const { epoch } = this.#execution;
    this.#delivered = [];
    if (!this.#driver.epochEnd(guest.count, waiting)) yield* this.#standStill();
    this.#due = guest.count + this.#execution.epochLength;
    const interrupts = this.#delivered;
    this.#happenings.push({ type: 'boundary', count: guest.count, interrupts });
    observer.happened(hashOfBoundary(interrupts));
    for (const interrupt of interrupts) guest.deliver(interrupt);
    observer.boundary(epoch, guest.hash);
    this.#publish();
    if (this.#snapshots.seemsDue(this.#execution.epoch) && this.#snapshotIsDue()) this.#takeSnapshot();
    if (this.#link.full) yield* this.#standStill();
  }

  *#step(event: ExecutionEvent): Life {
    if (!this.#driver.step(event)) yield* this.#standStill();
  }

  *#standStill(): Life {
    while (!this.#driver.goOn()) yield { sleepMs: this.#driver.timeoutMs };
  }

  #publish(): void {
    const { positions } = this.#options.shared;
    positions[WORD_EPOCH] = this.#execution.epoch;
    positions[WORD_COUNT] = this.#guest.count;
    if (this.#execution.role !== 'backup') return;
    positions[WORD_EXECUTED] = this.#execution.taken;
    positions[WORD_LOG_BYTES_TAKEN] = this.#driver.logBytesTaken;
  }

  #observe(source: number, value: bigint): void {
    this.#options.clock.observe(source, value);
    if (source === SOURCE_REAL_TIME && value > this.#realTimeNs) this.#realTimeNs = value;
  }

  // ---- snapshots (JN)

  #snapshotIsDue(): boolean {
    const isPrimary = this.#execution.role === 'primary';
    if (!isPrimary && !this.#options.takesCheckpoints) return false;
    if (isPrimary || this.#execution.isAtLogsEnd)
      return this.#snapshots.isDue(this.#execution.epoch, isPrimary, this.#stack, () => 64);
    this.#snapshots.tellSize(this.#stack, () => 64);
    return false;
  }

  /** Clones of the suspended functions take a moment; then the bell is rung. */
  readonly #stack = {
    isReady: () => this.#clones === 'ready',
    get ready(): boolean {
      return this.isReady();
    },
    prepare: () => {
      if (this.#clones !== 'none') return;
      this.#clones = 'making';
      this.#options.actor.after(this.#options.loadNs, () => {
        this.#clones = 'ready';
        this.wake();
      });
    },
  };

  /** At times the guest stands where it cannot be saved. */
  #takeSnapshot(): void {
    const { clock, hostClock, random, observer } = this.#options;
    this.#clones = 'none';
    this.#snapshots.take<void>(
      this.#execution.epoch,
      () => {
        if (!random.chance(0.1)) return;
        observer.refused();
        throw new EpochvisorError('NOT_SNAPSHOTABLE', 'not here');
      },
      (): SavedGuest => {
        const isPrimary = this.#execution.role === 'primary';
        if (isPrimary) this.#driver.step({ type: 'snapshot', nowNs: this.#driver.nowNs() });
        const { length, hash } = observer.course();
        return {
          position: isPrimary ? this.#link.logged : this.#execution.taken,
          count: this.#guest.count,
          execution: this.#execution.save(),
          codec: isPrimary ? this.#link.codec : this.#driver.codec,
          history: { happenings: [...this.#happenings], actions: this.#actions },
          course: { length, hash },
          realTimeNs: this.#realTimeNs,
          monotonicNs: clock.readMonotonicNs(hostClock.monotonicNs()),
        };
      },
    );
  }

  // ---- what the execution asks of the guest (ExecutionGuest)

  deliver(interrupt: Interrupt): void {
    this.#delivered.push(interrupt);
  }

  /** By chance a boundary has a state digest, and another epoch length. */
  get reviewDueNs(): number {
    if (this.#execution.role !== 'primary') return Infinity;
    const { random, digestProbability, lengths, lengthProbability } = this.#options;
    this.#digests = random.chance(digestProbability);
    this.#resizes = lengths.chance(lengthProbability);
    return this.#digests || this.#resizes ? 0 : Infinity;
  }

  review(): void {
    if (this.#digests) this.#driver.step({ type: 'digest', digest: this.#stateDigest() });
    if (!this.#resizes) return;
    this.#driver.step({ type: 'length', epochLength: this.#options.lengths.pick(EPOCH_LENGTHS) });
  }

  #stateDigest(): StateDigest {
    const guest = this.#guest;
    return { firstPage: 0, pages: 1, memory: guest.hash >>> 0, kernel: guest.arrived, globals: guest.count >>> 0 };
  }

  difference(entry: DigestEntry): string | undefined {
    const own = this.#stateDigest();
    const same = own.memory === entry.memory && own.kernel === entry.kernel && own.globals === entry.globals;
    return same ? undefined : 'memory';
  }

  standsStill(): void {
    this.#publish();
  }

  get isReadyForSnapshot(): boolean {
    return this.#stack.ready;
  }

  get isSnapshotDue(): boolean {
    return this.#snapshots.seemsDue(this.#execution.epoch) && this.#snapshotIsDue();
  }
}
