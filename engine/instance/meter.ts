// The instruction counter as the host sees it: where the guest is, and when the next boundary is due.
//
// Guest code counts down a 32-bit number; the meter knows the instruction count at which it would be 0:
//
//   count = zero - counter
//
// A boundary is due when count >= due, that is when counter < 0 with zero = due - 1. A due count that is far away is
// reached in slices, so that the counter stays small: no charge may overflow it, and the values far below 0 are left for
// marks that counting can never reach.

import { assert } from '../errors/errors.js';
import { MARK } from '../instrument/reserved.js';
import './webassembly.js';

/** The greatest value the counter is set to. */
const SLICE = 2 ** 30;

/**
 * The default allowance: 58,000 frames of a small function, 8 MiB by weight. A guest thread needs
 * GUEST_STACK_MB of stack for it.
 */
export const STACK_ROOM_SLOTS = 1 << 20;
/** `resourceLimits.stackSizeMb` of a thread that runs a guest with the default allowance. */
export const GUEST_STACK_MB = 64;

/** What the machine does at a boundary. */
export interface BoundaryHooks {
  /**
   * Called at each due safe point, after `count` instructions. 0 = go on; 1 = there are interrupts, `interrupt` says
   * which.
   */
  boundary(count: number): number;
  /** The next interrupt to deliver: [more, kind, id, status]; more = 0: none was left. Called by generated code only. */
  interrupt?(): [more: number, kind: number, id: bigint, status: number];
}

/** One for each machine: all its instances count with it. */
export class Meter {
  /** The counter while host code runs; generated code stores it before and loads it after every call of the host. */
  readonly counter = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  /** 1: the import that returns next is to be called again after the boundary (modules with `blockingImports`). */
  readonly again = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  /** The allowance of stack depth (see engine/instrument/depth.ts). */
  readonly stackRoom: WebAssembly.Global;
  /** The instruction count at which the counter would be 0. Invariant: an integer below 2 ** 53. */
  #zero = 0;
  #due = Number.POSITIVE_INFINITY;
  /** A boundary comes at the next safe point, whatever the count. */
  #exhausted = false;
  /** The hook of the boundary being handled has asked for the next one. */
  #armed = true;
  /** Count at the boundary being handled; a safe point ends at most one epoch, so the next due count is above it. */
  #boundaryCount = -1;
  /** The guest is to unwind, or has; what the counter is to be when it goes on. */
  #suspends = false;
  #resumeWith: number | undefined;

  /** @param stackRoomSlots allowance of stack depth in slots of 8 bytes; the thread's stack must be several times as large */
  constructor(stackRoomSlots = STACK_ROOM_SLOTS) {
    this.stackRoom = new WebAssembly.Global({ value: 'i32' }, stackRoomSlots);
    this.#slice(0);
  }

  /** Instructions executed so far; exact while host code runs (imports, hooks). At a trap: at least so many. */
  instructionCount(): number {
    return this.#zero - (this.#resumeWith ?? (this.counter.value as number));
  }

  /** For a boundary's hook: the guest, which must be suspendable, unwinds when the hook has returned. */
  suspend(): void {
    this.#suspends = true;
  }

  /** The guest has unwound, or is unwinding. */
  get suspended(): boolean {
    return this.#resumeWith !== undefined;
  }

  /** The guest is about to go on from where it was suspended. */
  resume(): void {
    assert(this.#resumeWith !== undefined, 'the guest has unwound');
    this.counter.value = this.#resumeWith;
    this.#resumeWith = undefined;
  }

  /**
   * Asks for a boundary at the first safe point where `instructionCount() >= dueCount`; replaces what was asked before.
   *
   * @param count the instruction count, for who has it at hand: reading the counter costs as much as the rest
   */
  arm(dueCount: number, count = this.instructionCount()): void {
    this.#armed = true;
    this.#due = dueCount > this.#boundaryCount ? dueCount : this.#boundaryCount + 1;
    this.#exhausted = false;
    this.#slice(count);
  }

  /** Asks for a boundary as soon as the import that calls this returns; the count stays as it is. */
  exhaust(): void {
    const count = this.instructionCount();
    this.#exhausted = true;
    this.counter.value = -1;
    this.#zero = count - 1;
  }

  /** For an import that blocks: a boundary as soon as it returns, then the same call anew. Its results are dropped. */
  callAgain(): void {
    this.again.value = 1;
    this.exhaust();
  }

  /** Begins a machine at a given count, before any of its code runs. */
  restart(count: number): void {
    assert(Number.isSafeInteger(count) && count >= 0, 'an instruction count is a whole number');
    this.#boundaryCount = -1;
    this.#exhausted = false;
    this.#due = Number.POSITIVE_INFINITY;
    this.#slice(count);
  }

  /** Begins a machine that is suspended at a boundary after `count` instructions, the next due; it goes on with `resume`. */
  beginSuspended(count: number, dueCount: number): void {
    this.restart(count);
    this.#boundaryCount = count;
    this.arm(dueCount, count);
    this.#resumeWith = this.counter.value as number;
  }

  /** What generated code calls when the counter is negative. */
  takeBoundary(hooks: BoundaryHooks): number {
    const count = this.instructionCount();
    if (count < this.#due && !this.#exhausted) {
      this.#slice(count);
      return 0;
    }
    this.#exhausted = false;
    this.#boundaryCount = count;
    this.#armed = false;
    const answer = hooks.boundary(count);
    // A hook that did not arm again leaves a counter below 0: the next safe point would be a boundary at the same count.
    if (!this.#armed && !this.#exhausted) this.arm(this.#due);
    if (this.#suspends) {
      this.#suspends = false;
      this.#resumeWith = this.counter.value as number;
      this.counter.value = MARK;
    }
    return answer;
  }

  #slice(count: number): void {
    const counter = Math.max(-1, Math.min(this.#due - count - 1, SLICE));
    this.counter.value = counter;
    this.#zero = count + counter;
  }
}
