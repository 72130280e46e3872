// Writes what a body does with its counter: charges where the plan says so, tests at safe points.
//
// The counter is a local of the body. Charges come in the order of the plan's segments (charges.ts); that of a segment
// which ends at an instruction that takes the counter anyway waits for it.

import { OP_I32_GE_S, OP_I32_SUB } from '../wasm/opcodes.js';
import type { CodeWriter } from './code.js';
import { safePoint, testCounter } from './glue.js';

export class CounterCode {
  readonly #code: CodeWriter;
  readonly #charges: Int32Array;
  readonly #exact: boolean;
  /** Index of the boundary function, and of the global that holds the counter while host code runs. */
  readonly #boundary: number;
  readonly #global: number;
  /** Index of the counter's local. */
  local = 0;
  /** Safe points written so far, in all bodies. */
  safePoints = 0;
  #next = 0;
  /** The charge of the present segment that waits for the instruction that takes the counter. */
  #pending = 0;

  constructor(code: CodeWriter, charges: Int32Array, exact: boolean, boundary: number, global: number) {
    this.#code = code;
    this.#charges = charges;
    this.#exact = exact;
    this.#boundary = boundary;
    this.#global = global;
  }

  /** Begins a body. @param first position of its first segment among the charges */
  begin(local: number, first: number): void {
    this.local = local;
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
  returned(suspends: boolean): void {
    if (this.#exact || !suspends) this.#code.localSet(this.local);
    else {
      this.#code.localTee(this.local);
      this.#test();
    }
    this.segment();
  }

  /** Before a tail call: the safe point that a loop of tail calls needs. */
  beforeTailCall(): void {
    this.push();
    this.#code.localTee(this.local);
    this.#test();
  }

  #test(): void {
    testCounter(this.#code, this.local, this.#boundary);
    this.safePoints++;
  }

  /** Before `unreachable`: the count at this trap is exact. */
  beforeUnreachable(): void {
    if (this.#exact) return;
    this.push();
    this.#code.globalSet(this.#global);
  }

  /** Exact counting, before each instruction that costs: the safe point, the charge, the copy. */
  exactly(): void {
    safePoint(this.#code, this.local, this.#boundary);
    this.#code.localGet(this.local);
    this.#subtract(1);
    this.#code.localTee(this.local);
    this.#code.globalSet(this.#global);
    this.safePoints++;
  }

  /** The way back of a loop: charge and safe point, `br_if 0` while the budget lasts; then out of the loop and in again. */
  wayBack(): void {
    const code = this.#code;
    const amount = this.#charges[this.#next++]! >> 1;
    code.localGet(this.local);
    if (amount !== 0) {
      this.#subtract(amount);
      code.localTee(this.local);
    }
    code.i32(0);
    code.op(OP_I32_GE_S);
    code.brIf(0);
    code.end();
    code.localGet(this.local);
    code.call(this.#boundary);
    code.localSet(this.local);
    code.br(0);
    code.end();
    this.safePoints++;
  }
}
