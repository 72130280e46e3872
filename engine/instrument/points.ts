// The safe points of the body that is being rewritten: each can unwind its frame, and at one of them a clone begins.
//
// Where the module is not suspendable they have no frames, and there is nothing to do here but to test the counter.

import { OP_BLOCK } from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import type { Body } from './body.js';
import type { Position, Resumption, SuspensionState } from './continuation/resumption.js';
import { Frames } from './frames.js';
import type { Catcher, Frame } from './unwind.js';

const NONE: readonly ValueType[] = [];

export class BodyPoints {
  readonly #body: Body;
  readonly #frames: Frames | undefined;
  /** While a clone is written. */
  #resumption: Resumption | undefined;

  constructor(body: Body) {
    this.#body = body;
    this.#frames = body.context.layout.save === undefined ? undefined : new Frames(body.context);
  }

  get suspendable(): boolean {
    return this.#frames !== undefined;
  }

  get resumption(): Resumption | undefined {
    return this.#resumption;
  }

  /** Safe points of the latest body at which a function holds a reference. */
  get referencePoints(): number {
    return this.#frames?.referencePoints() ?? 0;
  }

  /** Begins defined function `index`, or a clone of it. Gives the types of the locals that it needs in addition. */
  begin(index: number, resumption: Resumption | undefined): readonly ValueType[] {
    this.#resumption = resumption;
    return this.#frames?.begin(index, this.#body.shape, resumption?.point) ?? NONE;
  }

  /** Those locals have indexes from here on. */
  held(first: number): void {
    this.#frames?.held(first);
  }

  /** The safe point before the instruction that has been read (exact counting), if the module is suspendable. */
  before(): number | undefined {
    return this.#frames?.plan.before.get(this.#body.reader.start);
  }

  /** The safe point at that instruction of any other kind. */
  after(): number | undefined {
    return this.#frames?.plan.after.get(this.#body.reader.start);
  }

  frame(point: number | undefined): Frame | undefined {
    return point === undefined ? undefined : this.#frames!.frame(point);
  }

  /** Before a block: see Frames.spill. */
  spill(): void {
    this.#frames?.spill(this.#body.code, this.#body.reader.start);
  }

  /**
   * A call has left the counter on the stack.
   *
   * @param suspends the callee may take a boundary; @param catcher or throw; asked for where the blocks around are those in
   *   which it is written: a clone that begins here has others than its original
   */
  returned(suspends: boolean, catcher?: () => Catcher): void {
    const { counter } = this.#body;
    const point = this.after();
    const state = this.#resume(point);
    if (state === undefined || state === 'callee') {
      counter.returned(suspends, this.frame(point), catcher?.());
      return;
    }
    if (state === 'boundary') counter.unwind(this.frame(point)!);
    counter.segment();
  }

  /** After a safe point that stands before an instruction: where a clone may begin. */
  goOnFrom(point: number | undefined): void {
    if (this.#resume(point) === 'boundary') this.#body.counter.unwind(this.frame(point)!);
  }

  /** The rest of an iteration ends, of a loop entered in the middle: the way back, then all of the loop from its start. */
  startAgain(start: Position): void {
    const header = this.#frames!.plan.after.get(start.offset);
    if (header !== undefined) this.#body.counter.onlyWayBack(this.#frames!.frame(header));
    this.#body.goTo(start);
  }

  /** If this is where the clone begins: drops what was written so far, and writes how it begins. */
  #resume(point: number | undefined): SuspensionState | undefined {
    const resumption = this.#resumption;
    const { code, nesting, cloneSizes, scratches } = this.#body;
    if (resumption === undefined) {
      if (point !== undefined) cloneSizes.point(code.widest, this.#frames!.plan.valuesAt(point), nesting.depth);
      return undefined;
    }
    if (resumption.begun || resumption.point !== point) return undefined;
    const added = resumption.begin(code, this.#frames!, scratches.types);
    nesting.clear();
    // A loop entered in the middle is, until its end, the block `again` in another one.
    for (const blocks of added) nesting.enter(OP_BLOCK, blocks);
    return resumption.state;
  }
}
