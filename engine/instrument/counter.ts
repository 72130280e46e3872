// Writes what a body does with its counter: charges where the plan says so, tests at safe points.
//
// The counter is a local of the body. Charges come in the order of the plan's segments (charges.ts); that of a segment
// which ends at an instruction that takes the counter anyway waits for it.
//
// Where the module is suspendable, the frame at a safe point is given, and the safe point can unwind it (unwind.ts).

import { assert } from '../errors/errors.js';
import { OP_I32_GE_S, OP_I32_SUB, OP_RETURN } from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import type { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { THROWN } from './reserved.js';
import {
  type Catcher,
  catchIfThrown,
  type Frame,
  type SafePoints,
  takeBoundary,
  testCounter,
  unwindIfMarked,
} from './unwind.js';

export class CounterCode {
  readonly #code: CodeWriter;
  readonly #charges: Int32Array;
  readonly #exact: boolean;
  readonly #layout: Layout;
  readonly #boundary: number;
  #at: SafePoints;
  /** Index of the counter's local. */
  local = 0;
  /** Safe points written so far, in all bodies. */
  safePoints = 0;
  #next = 0;
  /** The charge of the present segment that waits for the instruction that takes the counter. */
  #pending = 0;

  /** @param boundary index of the boundary function */
  constructor(code: CodeWriter, charges: Int32Array, exact: boolean, boundary: number, layout: Layout) {
    this.#code = code;
    this.#charges = charges;
    this.#exact = exact;
    this.#layout = layout;
    this.#boundary = boundary;
    this.#at = { layout, boundary, counter: 0 };
  }

  /** Begins a body. @param first position of its first segment among the charges */
  begin(local: number, first: number): void {
    this.local = local;
    this.#at = { layout: this.#layout, boundary: this.#boundary, counter: local };
    this.#next = first;
    this.#pending = 0;
  }

  /** Begins the next segment of the plan: charges it now, or leaves the charge to the instruction that ends it. */
  segment(): void {
    const entry = this.#charges[this.#next++]!;
    if (this.#exact) return;
    const amount = entry >> 1;
    if ((entry & 1) === 1) this.#pending = amount;
    else if (amount !== 0) {
      this.#code.localGet(this.local);
      this.#subtract(amount);
      this.#code.localSet(this.local);
    }
  }

  /** Passes over a segment that has nothing to pay. */
  skip(): void {
    this.#next++;
  }

  #subtract(amount: number): void {
    this.#code.i32(amount);
    this.#code.op(OP_I32_SUB);
  }

  /** Pushes the counter, with what is still to be charged. */
  push(): void {
    this.#code.localGet(this.local);
    if (this.#pending !== 0) this.#subtract(this.#pending);
    this.#pending = 0;
  }

  /** A call has left the counter on the stack. @param suspends the callee may take a boundary, so a safe point follows */
  returned(suspends: boolean, frame?: Frame, catcher?: Catcher): void {
    if (suspends && !this.#exact) {
      this.#code.localTee(this.local);
      this.#test(frame, catcher);
    } else if (catcher !== undefined) {
      this.#code.localSet(this.local);
      catchIfThrown(this.#code, this.#at, catcher, frame?.stack ?? [], 0);
      if (frame !== undefined) {
        this.#code.localGet(this.local);
        this.unwind(frame);
      }
    } else if (frame !== undefined) this.unwind(frame);
    else this.#code.localSet(this.local);
    this.segment();
  }

  /** The counter is on the stack: unwinds if it says so. */
  unwind(frame: Frame): void {
    unwindIfMarked(this.#code, this.#at, frame);
  }

  /** Before a tail call: the safe point that a loop of tail calls needs. */
  beforeTailCall(frame?: Frame): void {
    this.push();
    this.#code.localTee(this.local);
    this.#test(frame);
  }

  #test(frame: Frame | undefined, catcher?: Catcher): void {
    testCounter(this.#code, this.#at, frame, catcher);
    this.safePoints++;
  }

  /** Before `unreachable`: the count at this trap is exact. */
  beforeUnreachable(): void {
    if (this.#exact) return;
    this.push();
    this.#code.globalSet(this.#layout.counter);
  }

  /** Leaves the function with an exception: the counter goes to the global, THROWN takes its place. */
  returnThrown(results: readonly ValueType[]): void {
    this.push();
    this.#code.globalSet(this.#layout.counter);
    for (const type of results) this.#code.zero(type);
    this.#code.i32(THROWN);
    this.#code.op(OP_RETURN);
  }

  /** What the present segment, which has not begun, is charged where it is charged at its beginning. */
  get nextCharge(): number {
    const entry = this.#charges[this.#next]!;
    assert((entry & 1) === 0, 'a segment that ends at a branch does not wait with its charge');
    return this.#exact ? 0 : entry >> 1;
  }

  /** Exact counting, before each instruction that costs: the safe point. */
  testExactly(frame?: Frame): void {
    this.#code.localGet(this.local);
    this.#test(frame);
  }

  /** And after it: the charge, the copy. */
  chargeExactly(): void {
    this.#code.localGet(this.local);
    this.#subtract(1);
    this.#code.localTee(this.local);
    this.#code.globalSet(this.#layout.counter);
  }

  /** The way back of a loop: charge and safe point, `br_if 0` while the budget lasts; then out of the loop and in again. */
  wayBack(frame?: Frame): void {
    const code = this.#code;
    this.#payWayBack();
    code.i32(0);
    code.op(OP_I32_GE_S);
    code.brIf(0);
    code.end();
    takeBoundary(code, this.#at, frame);
    code.br(0);
    code.end();
    this.safePoints++;
  }

  /** The same on a way back that is no part of the loop. */
  onlyWayBack(frame: Frame): void {
    this.#payWayBack();
    this.#test(frame);
  }

  #payWayBack(): void {
    const amount = this.#charges[this.#next++]! >> 1;
    this.#code.localGet(this.local);
    if (amount === 0) return;
    this.#subtract(amount);
    this.#code.localTee(this.local);
  }

  /** The number of the next segment, to come back to. */
  get position(): number {
    return this.#next;
  }

  goTo(position: number): void {
    this.#next = position;
  }
}
