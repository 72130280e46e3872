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
// first. At a loop's header the code stands outside the loop, where loops.ts calls the boundary.
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

import { BLOCK_EMPTY } from '../wasm/instructions.js';
import { OP_I32_EQ, OP_I32_LT_S, OP_I32_SUB, OP_RETURN } from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import type { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { MARK, THROWN } from './reserved.js';
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
interface Saving {
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

/**
 * A safe point, `counter < 0 ? boundary(counter)`, for a counter that is on the stack, above the frame's, and in its local.
 *
 * @param frame undefined where the module is not suspendable; @param catcher where the counter may say THROWN
 */
export function testCounter(code: CodeWriter, at: SafePoints, frame: Frame | undefined, catcher?: Catcher): void {
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.ifUnlikely(frame === undefined ? BLOCK_EMPTY : stackType(at.layout, frame));
  if (catcher !== undefined) catchIfThrown(code, at, catcher, frame?.stack ?? [], 1);
  takeBoundary(code, at, frame);
  code.end();
}

/** What a call does that may come back with an exception: see exceptions/lower.ts. */
export interface Catcher {
  /** The label of the handler, as it is at the call, and what the counter pays on the way there; undefined: return. */
  readonly handler: { readonly label: number; readonly charge: number } | undefined;
  /** Results of the function. */
  readonly results: readonly ValueType[];
}

/**
 * In the cold, where the counter is negative: goes to the handler, with the counter from the global, or returns as it came.
 *
 * @param stack what is on the stack in the innermost block; @param blocks number of blocks around that the call is not in
 */
export function catchIfThrown(
  code: CodeWriter,
  { layout, counter }: Saving,
  { handler, results }: Catcher,
  stack: readonly ValueType[],
  blocks: number,
): void {
  code.localGet(counter);
  code.i32(THROWN);
  code.op(OP_I32_EQ);
  code.if(layout.blockType(stack, stack));
  if (handler === undefined) {
    for (const type of results) code.zero(type);
    code.localGet(counter);
    code.op(OP_RETURN);
  } else {
    code.globalGet(layout.counter);
    if (handler.charge !== 0) {
      code.i32(handler.charge);
      code.op(OP_I32_SUB);
    }
    code.localSet(counter);
    code.br(handler.label + blocks + 1);
  }
  code.end();
}

/** Takes the boundary, and unwinds if that is what it says. */
export function takeBoundary(code: CodeWriter, at: SafePoints, frame: Frame | undefined): void {
  code.localGet(at.counter);
  code.call(at.boundary);
  if (frame === undefined) code.localSet(at.counter);
  else unwindIfMarked(code, at, frame);
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
