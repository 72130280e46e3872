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
//       save(operands, live locals, function, safe point)
//       zeros for the results, MARK
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
// `save` is a generated function, one for each list of types that frames have: among the live locals are those that hold
// operands of the blocks around and the depth of the stack, in the order of their types, so that lists are few. It hands
// the values to the host one at a time, the last first, so that the frame can be rebuilt first to last, and then
// `activation(function, safe point)`: the host's record of this frame is complete. Floats cross as the integers of their
// bits and vectors as two, since JavaScript does not keep the bits of NaNs. References cross as what they are; whether such
// an activation can go into a snapshot is for the host to say.
//
// Cold as it is, this code is what a suspendable module is made of: there is a copy for each call, and V8 compiles it. One
// call in place of one for each value: what V8 optimises while the Ruby interpreter starts takes it 6.4 s of CPU, not 12.5
// (5.0 with counting alone, 2.8 as it was), and is 6.9 MB of machine code, not 14.8.
//
// Rejected: Asyncify's way, in which the function itself contains the code to start in the middle: every call is then
// guarded by a test of the mode, and locals live in memory. Here the code to go on is made when it is needed, in another
// module (continuation/), and the functions stay as they are.

import { OP_I32_EQ, OP_I32_LT_S, OP_RETURN } from '../wasm/opcodes.js';
import { I32, isReferenceType, type ValueType } from '../wasm/types.js';
import type { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { MARK } from './mark.js';
import type { RewriteContext } from './rewrite.js';
import { UnwindPlan } from './unwind-plan.js';
import { saveFunction } from './unwind-save.js';

/** A local of a frame. */
export type FrameLocal = readonly [type: ValueType, local: number];

/** What a frame hands over, in the order in which it is rebuilt: locals first, then what is on the stack. */
export interface Frame {
  /** Index of the function in the rewritten main module, and the safe point. */
  readonly function: number;
  readonly point: number;
  readonly locals: readonly FrameLocal[];
  readonly stack: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** V8 refuses functions with more than 1,000 parameters. */
const SAVED_AT_ONCE_MAX = 900;

/** Hands over a frame, the last value first, and returns MARK, with zeros for the results. */
function saveFrame(code: CodeWriter, { layout, counter }: Saving, frame: Frame): void {
  const { locals, results } = frame;
  const stack = [...frame.stack];
  while (stack.length > SAVED_AT_ONCE_MAX) code.call(saveFunction(layout, [stack.pop()!], [], false));
  let end = locals.length;
  for (let types: readonly ValueType[] = stack; ; types = []) {
    const start = Math.max(0, end - SAVED_AT_ONCE_MAX + types.length);
    const some = locals.slice(start, end);
    for (const [, local] of some) code.localGet(local);
    if (start === 0) {
      code.i32(frame.function);
      code.i32(frame.point);
    }
    code.call(
      saveFunction(
        layout,
        types,
        some.map(([type]) => type),
        start === 0,
      ),
    );
    if (start === 0) break;
    end = start;
  }
  for (const type of results) code.zero(type);
  code.localGet(counter);
  code.op(OP_RETURN);
}

/** Where the code of a safe point stands: the local of the counter. */
export interface Saving {
  readonly layout: Layout;
  readonly counter: number;
}

/** And what it calls. */
export interface SafePoints extends Saving {
  readonly boundary: number;
}

/** A block type for cold code: what is on the stack goes in and comes out. */
function stackType(layout: Layout, { stack }: Frame): number {
  return layout.blockType(stack, stack);
}

/** A safe point for a counter that is on the stack, above the frame's, and in its local. */
export function testOrUnwind(code: CodeWriter, at: SafePoints, frame: Frame): void {
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.ifUnlikely(stackType(at.layout, frame));
  boundaryOrUnwind(code, at, frame);
  code.end();
}

/** Takes the boundary, and unwinds if that is what it says. */
export function boundaryOrUnwind(code: CodeWriter, at: SafePoints, frame: Frame): void {
  code.localGet(at.counter);
  code.call(at.boundary);
  unwindIfMarked(code, at, frame);
}

/** Takes the counter from the stack, and unwinds if it says so. */
export function unwindIfMarked(code: CodeWriter, at: Saving, frame: Frame): void {
  code.localTee(at.counter);
  code.i32(MARK);
  code.op(OP_I32_EQ);
  code.if(stackType(at.layout, frame));
  saveFrame(code, at, frame);
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
