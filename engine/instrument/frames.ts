// The frames of the body that is being rewritten: which locals and operands each of its safe points hands over.
//
// What a frame consists of is planned first (unwind-plan.ts). Here it gets its places in the rewritten body: locals have
// moved up, and operands of enclosing blocks are in locals of their own, to which they are copied when a block is entered.

import { I32, isReferenceType, type ValueType } from '../wasm/types.js';
import type { CodeWriter } from './code.js';
import type { RewriteContext } from './rewrite-context.js';
import type { Frame, FrameLocal } from './unwind.js';
import { UnwindPlan } from './unwind-plan.js';

/** What frames need to know of the body. */
export interface FrameShape {
  /** Index of the function in the rewritten main module. */
  readonly function: number;
  readonly results: readonly ValueType[];
  /** Number of parameters; with `carriesDepth`, also the local that holds the depth. */
  readonly params: number;
  readonly carriesDepth: boolean;
  readonly counter: number;
}

/** Those of one body after another. */
export class Frames {
  readonly plan: UnwindPlan;
  #shape!: FrameShape;
  #firstHeld = 0;

  constructor(context: RewriteContext) {
    this.plan = new UnwindPlan(context);
  }

  /**
   * Begins the body of defined function `index`. Gives the types of the locals that hold operands of enclosing blocks.
   *
   * @param wanted see UnwindPlan.begin
   */
  begin(index: number, shape: FrameShape, wanted = -1): readonly ValueType[] {
    this.plan.begin(index, wanted);
    this.#shape = shape;
    return this.plan.temporaries;
  }

  /** Those locals have indexes from here on. */
  held(first: number): void {
    this.#firstHeld = first;
  }

  /** The local that holds operand `position` of that type. */
  #holder(position: number, type: ValueType): number {
    return this.#firstHeld + this.plan.temporary(position, type);
  }

  /** The index in the rewritten body of an original local. */
  local(original: number): number {
    const { params, counter } = this.#shape;
    return original < params ? original : original + counter - params + 1;
  }

  /** The local of the counter. */
  get counter(): number {
    return this.#shape.counter;
  }

  /** The frame as it is at a safe point. */
  frame(point: number): Frame {
    const { operands, base } = this.plan.points[point]!;
    const holder = (type: ValueType, position: number): FrameLocal => [type, this.#holder(position, type)];
    const locals = [...this.#liveLocals(point), ...operands.slice(0, base).map(holder)];
    return {
      function: this.#shape.function,
      point,
      locals: locals.sort(([one], [other]) => other - one),
      stack: operands.slice(base),
      results: this.#shape.results,
    };
  }

  #liveLocals(point: number): readonly FrameLocal[] {
    const { locals, live } = this.plan;
    const values: FrameLocal[] = [];
    for (const local of live[point]!) {
      if (local < locals.length) values.push([locals[local]!, this.local(local)]);
      else if (this.#shape.carriesDepth) values.push([I32, this.#shape.params]);
    }
    return values;
  }

  /** The types of all locals, in the order of their indexes, for a clone: what were parameters are locals there. */
  allLocals(scratches: readonly ValueType[]): readonly ValueType[] {
    const { params, carriesDepth } = this.#shape;
    const { locals, temporaries } = this.plan;
    const added = carriesDepth ? [I32, I32] : [I32];
    return [...locals.slice(0, params), ...added, ...locals.slice(params), ...scratches, ...temporaries];
  }

  /** Pushes the operands of an enclosing block, at positions `[from, to)`, from where they are held. */
  pushHeld(code: CodeWriter, from: number, to: number, operands: readonly ValueType[]): void {
    for (let position = from; position < to; position++) code.localGet(this.#holder(position, operands[position]!));
  }

  /** Safe points of this body at which it holds a reference. */
  referencePoints(): number {
    let count = 0;
    for (let point = 0; point < this.plan.points.length; point++) {
      const operands = this.plan.points[point]!.operands;
      const holds = this.#liveLocals(point).some(([type]) => isReferenceType(type));
      if (holds || operands.some(isReferenceType)) count++;
    }
    return count;
  }

  /** Before a block: copies to locals the operands that a safe point inside could not reach. */
  spill(code: CodeWriter, offset: number): void {
    const spill = this.plan.spills.get(offset);
    if (spill === undefined) return;
    const { from, to, types } = spill;
    for (let position = to - 1; position > from; position--) {
      code.localSet(this.#holder(position, types[position]!));
    }
    code.localTee(this.#holder(from, types[from]!));
    for (let position = from + 1; position < to; position++) {
      code.localGet(this.#holder(position, types[position]!));
    }
  }
}
