// Unwinding: at a safe point, a function can hand everything it holds to the host and return, and so can its callers.
//
// The problem. A running WebAssembly stack cannot be read or written from outside. To take a snapshot of it, the program
// has to bring its own stack out, frame by frame, and that must cost nothing while nobody asks.
//
// The design. The counter is tested at every safe point anyway, for being negative. One value far below all that counting
// can reach, MARK, means 'unwind'. So only the cold code behind the existing test grows:
//
//   counter < 0                                the test that is there in any case
//   if (operands -> operands)
//     counter := boundary(counter)             gives MARK back at once if the callee has come back with it
//     counter = MARK
//     if (operands -> operands)
//       hand over the operands, those of the blocks around, the live locals (the depth among them)
//       zeros for the results
//       activation(function, safe point)       the host's record of this frame is complete; gives MARK
//       return
//     end
//   end
//
// The host decides in the boundary's hook: it lets `boundary` answer MARK. Every caller finds MARK after its call, hands
// over its own frame, and returns in turn, until the host, which made the first call, has all activations, innermost
// first. At a loop's header the code stands outside the loop, where rewrite.ts calls the boundary.
//
// Operands: those of the innermost block are parameters of the `if`, so that they can be popped in the cold code and need
// no copies in the hot one. Those of enclosing blocks were copied to locals when the block was entered (unwind-plan.ts).
//
// Values cross one at a time, the last first, so that the frame can be rebuilt first to last. Floats cross as the integers
// of their bits and vectors as two, since JavaScript does not keep the bits of NaNs. References cross as what they are;
// whether such an activation can go into a snapshot is for the host to say.
//
// Rejected: Asyncify's way, in which the function itself contains the code to start in the middle: every call is then
// guarded by a test of the mode, and locals live in memory. Here the code to go on is made when it is needed, in another
// module (continuation/), and the functions stay as they are.

import { OP_I32_EQ, OP_I32_LT_S, OP_RETURN, PREFIX_FD } from '../wasm/opcodes.js';
import { F32, F64, FUNCREF, I32, I64, isReferenceType, V128, type ValueType } from '../wasm/types.js';
import type { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { MARK } from './mark.js';
import type { RewriteContext } from './rewrite.js';
import { UnwindPlan } from './unwind-plan.js';

const I32_REINTERPRET_F32 = 0xbc;
const I64_REINTERPRET_F64 = 0xbd;
const I64X2_EXTRACT_LANE = PREFIX_FD + 29;

/** Function indexes of the imports through which a frame leaves. */
export interface SaveImports {
  readonly i32: number;
  readonly i64: number;
  readonly function: number;
  readonly external: number;
  /** (function, safe point) -> MARK */
  readonly activation: number;
  readonly dropped: number;
}

/** Hands over the number or reference on top of the stack; no vectors. */
function saveTop(code: CodeWriter, save: SaveImports, type: ValueType): void {
  if (type === F32) code.op(I32_REINTERPRET_F32);
  else if (type === F64) code.op(I64_REINTERPRET_F64);
  if (type === I32 || type === F32) code.call(save.i32);
  else if (type === I64 || type === F64) code.call(save.i64);
  else code.call(type === FUNCREF ? save.function : save.external);
}

/** Hands over a local, a vector as its low half and then its high half. */
function saveLocal(code: CodeWriter, save: SaveImports, type: ValueType, local: number): void {
  code.localGet(local);
  if (type !== V128) {
    saveTop(code, save, type);
    return;
  }
  code.op(I64X2_EXTRACT_LANE);
  code.byte(0);
  code.call(save.i64);
  code.localGet(local);
  code.op(I64X2_EXTRACT_LANE);
  code.byte(1);
  code.call(save.i64);
}

/** A value of a frame: its type, and the local that holds it or, for a vector on the stack, may be used for it. */
export type FrameValue = readonly [type: ValueType, local: number];

/** What a frame hands over, in the order in which it is rebuilt: locals first, then what is on the stack. */
export interface Frame {
  /** Index of the function in the rewritten main module, and the safe point. */
  readonly function: number;
  readonly point: number;
  readonly locals: readonly FrameValue[];
  readonly stack: readonly FrameValue[];
  readonly results: readonly ValueType[];
}

/** Hands over a frame, the last value first, and returns MARK, with zeros for the results. */
export function saveFrame(code: CodeWriter, save: SaveImports, frame: Frame): void {
  const { locals, stack } = frame;
  for (let index = stack.length - 1; index >= 0; index--) {
    const [type, local] = stack[index]!;
    if (type !== V128) saveTop(code, save, type);
    else {
      code.localSet(local);
      saveLocal(code, save, type, local);
    }
  }
  for (let index = locals.length - 1; index >= 0; index--) saveLocal(code, save, ...locals[index]!);
  for (const type of frame.results) code.zero(type);
  code.i32(frame.function);
  code.i32(frame.point);
  code.call(save.activation);
  code.op(OP_RETURN);
}

/** Where a safe point stands: what it calls, and the local of the counter. */
export interface SafePoints {
  readonly layout: Layout;
  readonly boundary: number;
  readonly counter: number;
}

/** A block type for cold code: what is on the stack goes in and comes out. */
function stackType(layout: Layout, { stack }: Frame): number {
  const types = stack.map(([type]) => type);
  return layout.blockType(types, types);
}

/** A safe point for a counter that is on the stack, above the frame's, and in its local. */
export function testOrUnwind(code: CodeWriter, at: SafePoints, frame: Frame): void {
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.if(stackType(at.layout, frame));
  boundaryOrUnwind(code, at, frame);
  code.end();
}

/** Takes the boundary, and unwinds if that is what it says. */
export function boundaryOrUnwind(code: CodeWriter, at: SafePoints, frame: Frame): void {
  code.localGet(at.counter);
  code.call(at.boundary);
  code.localTee(at.counter);
  unwindIfMarked(code, at.layout, frame);
}

/** Unwinds if the counter, which is on the stack, says so. */
export function unwindIfMarked(code: CodeWriter, layout: Layout, frame: Frame): void {
  code.i32(MARK);
  code.op(OP_I32_EQ);
  code.if(stackType(layout, frame));
  saveFrame(code, layout.save!, frame);
  code.end();
}

/** What the unwinding has to know of the body that is being rewritten. */
export interface FrameShape {
  /** Index of the function in the rewritten main module. */
  readonly function: number;
  readonly results: readonly ValueType[];
  /** Number of parameters; with `carriesDepth`, also the local that holds the depth. */
  readonly params: number;
  readonly carriesDepth: boolean;
  readonly counter: number;
}

/** Writes what the safe points of one body after another need for unwinding. */
export class Unwinder {
  readonly #context: RewriteContext;
  readonly plan: UnwindPlan;
  #shape!: FrameShape;
  #firstTemporary = 0;

  constructor(context: RewriteContext) {
    this.#context = context;
    this.plan = new UnwindPlan(context);
  }

  /** Begins the body of defined function `index`. @param wanted see UnwindPlan.begin */
  begin(index: number, shape: FrameShape, wanted = -1): void {
    this.plan.begin(index, wanted);
    this.#shape = shape;
  }

  /** The locals that it needs in addition, which will have indexes from `first`. */
  temporaries(first: number): readonly ValueType[] {
    this.#firstTemporary = first;
    return this.plan.temporaries;
  }

  /** The local that holds operand `position` of that type. */
  #holder(position: number, type: ValueType): number {
    return this.#firstTemporary + this.plan.temporary(position, type);
  }

  /** The index in the rewritten body of an original local. */
  local(original: number): number {
    const { params, counter } = this.#shape;
    return original < params ? original : original + counter - params + 1;
  }

  /** Where the safe points of this body stand. */
  get at(): SafePoints {
    const { layout, boundary } = this.#context;
    return { layout, boundary, counter: this.#shape.counter };
  }

  /** The frame as it is at a safe point. */
  frame(point: number): Frame {
    const { operands, base } = this.plan.points[point]!;
    const { results } = this.#shape;
    const holder = (type: ValueType, position: number): FrameValue => [type, this.#holder(position, type)];
    return {
      function: this.#shape.function,
      point,
      locals: [...this.#liveLocals(point), ...operands.slice(0, base).map(holder)],
      stack: operands.slice(base).map((type, index): FrameValue => {
        return [type, type === V128 ? this.#holder(base + index, type) : -1];
      }),
      results,
    };
  }

  #liveLocals(point: number): readonly FrameValue[] {
    const { locals, live } = this.plan;
    const values: FrameValue[] = [];
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
