// One guest, run epoch by epoch: what the guest does becomes steps of the execution (execution-driver.ts).
//
// All of this runs on the guest thread, below the guest's frames: `boundary` is called by generated code at the first
// safe point at or after the due count, the hypercalls (hardware.ts) by the guest.

import { ExecutionDriver, type ExecutionGuest, ReplicaHalt } from '../driver/execution-driver.js';
import { assert } from '../errors/errors.js';
import type { Meter } from '../instance/meter.js';
import { type SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import { type DigestEntry, Execution, type ExecutionEvent } from '../protocol/execution.js';
import type { Interrupt, Outcome } from '../protocol/vocabulary.js';
import { captureMachine, firstMemory, memoryBytes } from '../suspend/machine-image.js';
import type { Activation, SuspendedStack } from '../suspend/suspended-stack.js';
import { GuestEnd } from '../threads/guest-end.js';
import {
  type SharedBlock,
  WORD_COUNT,
  WORD_DELIVERED,
  WORD_EPOCH,
  WORD_EPOCH_LENGTH,
  WORD_EXECUTED,
  WORD_LOG_BYTES_TAKEN,
  WORD_OUTSTANDING,
  WORD_OVER,
  WORD_TO_GUEST_BELL,
  WORD_WAITS,
} from '../threads/shared.js';
import { isReady, SnapshotGuestEnd } from '../threads/snapshot-guest-end.js';
import { putVerification } from '../threads/verification.js';
import type { BoundaryHook, Place } from './boundary-hook.js';
import { GuestClock } from './guest-clock.js';
import type { GuestDevices } from './guest-devices.js';
import { GuestPace } from './guest-pace.js';
import type { GuestState, Stage } from './guest-state.js';
import { hostMs } from './host-clock.js';
import { type Dispatch, InterruptController } from './interrupt-controller.js';
import type { MachineOptions } from './machine-options.js';
import { StateDigests } from './state-digest.js';
import { type GuestThreadData, statePort } from './thread-data.js';

/** Thrown through the guest's frames when it exits: the only way to leave them for good. */
export class GuestExit {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

export class Guest implements ExecutionGuest {
  readonly #options: MachineOptions;
  readonly #hook: BoundaryHook | undefined;
  readonly #shared: SharedBlock;
  readonly #link: GuestEnd;
  readonly #execution: Execution;
  readonly #clock: GuestClock;
  readonly #driver: ExecutionDriver;
  readonly #snapshots: SnapshotGuestEnd;
  readonly #meter: Meter;
  readonly interrupts: InterruptController;
  /** Whether the guest exports a handler; what is delivered to one without is not dispatched. */
  handlesInterrupts = true;
  #devices: GuestDevices | undefined;
  /** There once the guest's instance is. */
  #stack: SuspendedStack | undefined;
  #digests: StateDigests | undefined;
  /** The machine's clock when a state digest is due, or a look at the epoch length. */
  #reviewDueNs = Infinity;
  /** There where the epoch length is to follow it. */
  readonly #pace: GuestPace | undefined;
  /** Time at which the guest stood still since it was last set to 0; ns. */
  #stoodNs = 0;
  /** Something was delivered at this boundary. */
  #delivered = false;

  /** The guest executed `wait`: the epoch ends here. */
  #waits = false;
  /** Count at which the present epoch began, and at which it is due to end. */
  #epochStart = 0;
  #due: number;
  /** The guest is to be suspended at this boundary: a snapshot is due. */
  #suspends = false;
  stage: Stage = { at: 'start' };

  /** @param from what another guest thread gave: the guest goes on from there */
  constructor(
    data: GuestThreadData,
    shared: SharedBlock,
    meter: Meter,
    random: () => bigint,
    from?: GuestState,
    hook?: BoundaryHook,
  ) {
    this.#options = data.options;
    this.#hook = hook;
    this.#shared = shared;
    this.#link = new GuestEnd(shared, from?.codec);
    this.#snapshots = new SnapshotGuestEnd(shared, this.#link, statePort(data.port));
    this.#clock = new GuestClock(data.options.bornMs, random, from?.clock);
    this.interrupts = new InterruptController(from?.interrupts);
    this.#meter = meter;
    const { variant, operationIds, epochLength, latencyMaxMs } = data.options;
    if (latencyMaxMs !== undefined) this.#pace = new GuestPace(latencyMaxMs * 1e6);
    this.#execution = new Execution(
      { role: data.role, variant, operationIds, epochLength },
      from && { state: from.execution, position: from.position },
    );
    this.#driver = new ExecutionDriver(this, this.#execution, this.#link, this.#clock, from?.codec);
    this.#due = from?.due ?? epochLength;
    shared.positions[WORD_EPOCH_LENGTH] = this.#execution.epochLength;
    if (from === undefined) this.#arm(0);
    else this.#continueFrom(from);
  }

  #continueFrom({ stage, epochStart, due, count, position, codec }: GuestState): void {
    this.stage = stage;
    this.#epochStart = epochStart;
    // A guest that has ended has no frames, and is not suspended.
    if (stage.at === 'end') this.#meter.restart(count);
    else this.#meter.beginSuspended(count, due);
    if (this.#execution.role === 'primary') {
      this.#clock.adopt();
      this.#link.continueAt(position, codec);
    }
    this.#publish(count);
  }

  get isPrimary(): boolean {
    return this.#execution.role === 'primary';
  }

  get link(): GuestEnd {
    return this.#link;
  }

  get devices(): GuestDevices {
    assert(this.#devices !== undefined, 'devices are there from the making of hardware or kernel on');
    return this.#devices;
  }

  set devices(devices: GuestDevices) {
    this.#devices = devices;
  }

  /** Where values of the embedder's functions are read, at the primary. */
  set hostResults(read: () => bigint) {
    this.#clock.hostResults = read;
  }

  /** The instance is made: from here on the guest can be suspended. */
  attach(stack: SuspendedStack): void {
    assert(this.#devices !== undefined, 'devices stand before the instance, which imports them');
    this.#stack = stack;
    const { verifyShare } = this.#options;
    this.#digests = new StateDigests({ stack, devices: this.#devices, interrupts: this.interrupts }, verifyShare);
    this.#reviewDueNs = Math.min(this.#digests.dueNs, this.#pace?.dueNs ?? Infinity);
    stack.onSuspended = () => {
      const activations = stack.take();
      if (this.#suspends) {
        this.#takeSnapshot(activations);
        // Exact counting is slow in any code, and has a safe point at every instruction: no two clones are the same.
        if (this.#options.counting === 'block') stack.optimise('later');
      }
      return stack.continueFrom(activations);
    };
  }

  // ---- boundaries

  /** The hook of generated code. Answers 1 where the guest's handler is to be called (`nextInterrupt`). */
  boundary(count: number): number {
    const answer = this.#atBoundary(count);
    if (this.#suspends || this.#stack?.improvable) this.#meter.suspend();
    return answer;
  }

  #atBoundary(count: number): number {
    if (this.#hook !== undefined) this.#tellHook(this.#hook, count);
    if (this.#waits || count >= this.#due) this.#epochEnd(count);
    else this.#arm(count);
    if (!this.handlesInterrupts) this.interrupts.drop();
    if (!this.interrupts.dispatches) return 0;
    this.interrupts.begin();
    return 1;
  }

  nextInterrupt(): Dispatch | undefined {
    return this.interrupts.next();
  }

  /** The guest waits: the wrapper around the import takes the boundary as soon as the import returns. */
  wait(): void {
    this.#waits = true;
    this.interrupts.force();
    this.#meter.exhaust();
  }

  /** The import that calls this blocks: its wrapper takes the boundary, waits there, and calls it again. */
  waitAgain(): void {
    this.#waits = true;
    this.#meter.callAgain();
  }

  /** No code of the guest is left to run: ends the epoch here, and waits for an interrupt. */
  waitAtEnd(): void {
    this.#waits = true;
    this.#atBoundary(this.#meter.instructionCount());
    // There is no stack to unwind.
    if (this.#suspends) this.#takeSnapshot([]);
  }

  #epochEnd(count: number): void {
    const waiting = this.#waits && !this.interrupts.isPending;
    const dueFrom = this.#waits ? count : this.#due;
    this.#waits = false;
    if (waiting) this.#shared.words[WORD_WAITS] = 1;
    if (this.#pace?.timesNext === true) this.#endTimed(this.#pace, count, waiting);
    else if (!this.#driver.epochEnd(count, waiting)) this.#standStill();
    if (waiting) this.#shared.words[WORD_WAITS] = 0;
    this.#due = dueFrom + this.#execution.epochLength;
    this.#epochStart = count;
    this.#publish(count);
    this.#arm(count);
    if (this.#delivered) {
      this.#delivered = false;
      this.#devices!.settle();
    }
    if (this.#snapshots.seemsDue(this.#execution.epoch)) this.#suspends = this.#snapshotIsDue();
  }

  /**
   * EL: this boundary is to be timed. That the guest stands still at it tells of its cost under `original` alone; else it
   * waits, or its backup lags, however long epochs are.
   */
  #endTimed(pace: GuestPace, count: number, waiting: boolean): void {
    this.#stoodNs = 0;
    const begunNs = this.#driver.nowNs();
    if (!this.#driver.epochEnd(count, waiting)) this.#standStill();
    const ns = this.#driver.nowNs() - begunNs;
    const isAlike = !this.#delivered && !waiting && (this.#stoodNs === 0 || this.#options.variant === 'original');
    if (isAlike && this.isPrimary) pace.timed(ns, this.#stoodNs);
  }

  /** Blocks until the guest may go on. */
  #standStill(): void {
    const begunNs = this.#pace === undefined ? 0 : this.#driver.nowNs();
    const { words } = this.#shared;
    for (;;) {
      const bell = Atomics.load(words, WORD_TO_GUEST_BELL);
      if (this.#driver.goOn()) break;
      this.#leaveIfOver();
      Atomics.wait(words, WORD_TO_GUEST_BELL, bell, this.#driver.timeoutMs);
    }
    if (this.#pace === undefined) return;
    const ns = this.#driver.nowNs() - begunNs;
    this.#stoodNs += ns;
    this.#pace.stood(ns);
  }

  #leaveIfOver(): void {
    if (this.#shared.words[WORD_OVER] === 1) throw new ReplicaHalt();
  }

  #arm(count: number): void {
    const wanted =
      this.#hook === undefined ? Infinity : this.#hook.wantedCount(this.#execution.epoch, this.#epochStart);
    this.#meter.arm(Math.min(this.#due, wanted), count);
  }

  #publish(count: number): void {
    const { positions } = this.#shared;
    positions[WORD_COUNT] = count;
    // After the count: who sees a new epoch reads the count at its start (sampling-thread.ts).
    positions[WORD_EPOCH] = this.#execution.epoch;
    positions[WORD_OUTSTANDING] = this.#execution.outstanding.size;
    positions[WORD_EPOCH_LENGTH] = this.#execution.epochLength;
    if (this.#execution.role === 'backup') {
      positions[WORD_EXECUTED] = this.#execution.taken;
      positions[WORD_LOG_BYTES_TAKEN] = this.#driver.logBytesTaken;
    }
  }

  /** Apart: a closure would have every boundary allocate, with a hook and without. */
  #tellHook(hook: BoundaryHook, count: number): void {
    hook.boundary(this.place(count), () => firstMemory(this.#stack!));
  }

  /** Where the guest is. */
  protected place(count = this.#meter.instructionCount()): Place {
    const { epoch, outstanding } = this.#execution;
    return { epoch, epochStart: this.#epochStart, count, outstanding: outstanding.size };
  }

  // ---- snapshots and digests

  #snapshotIsDue(): boolean {
    const stack = this.#stack!;
    const stateBytes = () => memoryBytes(stack) + this.#devices!.contentBytes;
    if (this.#standsInLog) return this.#snapshots.isDue(this.#execution.epoch, this.isPrimary, stack, stateBytes);
    this.#snapshots.tellSize(stack, stateBytes);
    return false;
  }

  /** A primary alone can have the log say all of the guest up to here; a backup may have come to what it says so far. */
  get #standsInLog(): boolean {
    return this.isPrimary || this.#execution.isAtLogsEnd;
  }

  /** @param activations of the suspended guest; none where it has ended */
  #takeSnapshot(activations: readonly Activation[]): void {
    this.#suspends = false;
    const stack = this.#stack!;
    this.#snapshots.take(
      this.#execution.epoch,
      area => ({
        image: captureMachine(stack, activations, area.take(memoryBytes(stack))),
        devices: this.#devices!.save(area.put),
      }),
      ({ image, devices }) => {
        if (this.isPrimary) this.#driver.step({ type: 'snapshot', nowNs: this.#driver.nowNs() });
        return {
          stage: this.stage,
          position: this.isPrimary ? this.#link.logged : this.#execution.taken,
          count: this.#meter.instructionCount(),
          epochStart: this.#epochStart,
          due: this.#due,
          execution: this.#execution.save(),
          clock: this.#clock.save(),
          codec: this.isPrimary ? this.#link.codec : this.#driver.codec,
          interrupts: this.interrupts.save(),
          devices,
          image,
        };
      },
    );
    if (this.#link.full) this.#standStill();
  }

  // ---- what the guest does

  /** An environment instruction: its result, after P0 or P6. */
  environment(source: number): bigint {
    this.perform({ type: 'environment', source });
    const value = this.#driver.result;
    this.#clock.observe(source, value);
    return value;
  }

  /**
   * A clock, as `environment`, as 8 bytes at `at`: programs read clocks in tight loops, in which a bigint and the steps of
   * the execution cost more than the rest.
   */
  clock(source: typeof SOURCE_REAL_TIME | typeof SOURCE_MONOTONIC, into: DataView, at: number): void {
    if (source === SOURCE_REAL_TIME || !this.#execution.consumeOwn()) {
      into.setBigUint64(at, this.environment(source), true);
      return;
    }
    const timeNs = this.#clock.monotonicNs();
    const low = timeNs >>> 0;
    const high = (timeNs - low) / 2 ** 32;
    this.#link.logClock(source, low, high);
    into.setUint32(at, low, true);
    into.setUint32(at + 4, high, true);
    if (this.#link.full) this.#standStill();
  }

  /** Any event that has no result. */
  perform(event: ExecutionEvent): void {
    if ((event.type === 'write' || event.type === 'start') && this.#link.isSampled) this.#link.asks(hostMs());
    if (!this.#driver.step(event)) this.#standStill();
  }

  get outstandingCount(): number {
    return this.#execution.outstanding.size;
  }

  isOutstanding(operation: bigint): boolean {
    return this.#execution.outstanding.has(operation);
  }

  /** The guest ended. Blocks until this replica has nothing more to say, then answers. */
  end(outcome: Outcome): void {
    // Before it leaves: who hears of the end reads how far the guest has come.
    this.#publish(this.#meter.instructionCount());
    this.perform({ type: 'outcome', count: this.#meter.instructionCount(), outcome });
    this.#publish(this.#meter.instructionCount());
  }

  /** After the end: a backup may still be promoted, and then tells the bus of the end. */
  serveAfterEnd(): never {
    const { words } = this.#shared;
    for (;;) {
      const bell = Atomics.load(words, WORD_TO_GUEST_BELL);
      this.#driver.pump();
      this.#driver.goOn();
      this.#leaveIfOver();
      if (!this.#link.hasIncoming) Atomics.wait(words, WORD_TO_GUEST_BELL, bell, this.#driver.timeoutMs);
    }
  }

  // ---- what the execution asks of the guest (ExecutionGuest)

  deliver(interrupt: Interrupt): void {
    this.#delivered = true;
    this.#shared.positions[WORD_DELIVERED]! += 1;
    const dispatch = this.#devices!.deliver(interrupt);
    if (dispatch !== undefined) this.interrupts.raise(dispatch);
  }

  difference(entry: DigestEntry): string | undefined {
    const digests = this.#digests!;
    const difference = digests.difference(entry.epoch, entry);
    putVerification(this.#shared.positions, digests.account);
    return difference;
  }

  get reviewDueNs(): number {
    return this.#reviewDueNs;
  }

  review(nowNs: number, count: number): void {
    if (this.#execution.role !== 'primary') return;
    if (nowNs >= this.#digests!.dueNs) this.#takeDigest(nowNs);
    if (this.#pace !== undefined && nowNs >= this.#pace.dueNs) this.#reviewLength(this.#pace, nowNs, count);
    this.#reviewDueNs = Math.min(this.#digests!.dueNs, this.#pace?.dueNs ?? Infinity);
  }

  /** Nobody is there to compare where this replica is alone. */
  #takeDigest(nowNs: number): void {
    const digests = this.#digests!;
    if (this.#link.alone) digests.skip(nowNs);
    else this.#driver.step({ type: 'digest', digest: digests.take(this.#execution.epoch, nowNs) });
    putVerification(this.#shared.positions, digests.account);
  }

  #reviewLength(pace: GuestPace, nowNs: number, count: number): void {
    const { epoch, epochLength: present } = this.#execution;
    const epochLength = pace.review(nowNs, count, epoch, present);
    if (epochLength === present) return;
    this.#driver.step({ type: 'length', epochLength });
    this.#shared.positions[WORD_EPOCH_LENGTH] = epochLength;
  }

  standsStill(): void {
    this.#publish(this.#meter.instructionCount());
  }

  get isReadyForSnapshot(): boolean {
    return this.#stack !== undefined && isReady(this.#stack);
  }

  get isSnapshotDue(): boolean {
    return this.#snapshots.seemsDue(this.#execution.epoch) && this.#snapshotIsDue();
  }
}
