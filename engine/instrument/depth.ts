// The depth of the stack: the same limit on every host, whatever its stack and whichever compiler made the frames.
//
// The problem. V8 ends a recursion with a trap when its own stack is full, at 7,845 or 15,690 frames of the same function
// depending on the compiler. Two replicas would trap at different instructions.
//
// The design. What is left of an allowance travels down the calls as one more parameter (before the counter). A function
// that can recur takes the weight of its frame from it on entry, and traps if nothing is left:
//
//   depth := depth - weight
//   depth < 0 ? stack_overflow()
//
// Nothing has to be given back: the caller still has its own value. Measured on recursive fib: nothing (1.20 against 1.21
// with counting alone); a global costs three times plain, and packing depth and counter in one i64 costs 1.46.
//
// Only functions on cycles of the call graph are counted, and only they and those that lead to them carry the parameter.
// Functions whose address is taken always carry it, so that indirect calls have one signature, across instances too. A
// caller that does not carry it passes 0 to one that only carries it for that reason.
//
// A tail call passes on what its function was given: its frame is gone.
//
// The weight is an upper bound of the frame in slots of 8 bytes: every parameter, local and operand at its highest (the
// baseline compiler gives each a slot, two for a vector), and a fixed part. The optimising compiler needs fewer. The
// allowance comes from the machine as an immutable global, for it has to fit the stack of the thread; an interrupt
// handler, which runs on top of whatever was interrupted, has as much again.

import { OP_I32_LT_S, OP_I32_SUB, OP_UNREACHABLE } from '../wasm/opcodes.js';
import type { CodeWriter } from './code.js';
import type { Layout } from './layout.js';

/** Return address, frame pointer, instance, frame marker, spilled scratch registers, the counter and depth, in slots. */
const FRAME_FIXED = 12;

/** Slots of 8 bytes that a frame may take. @param locals parameters and locals @param operands the most at a time; vectors count twice */
export function frameWeight(locals: number, operands: number): number {
  return FRAME_FIXED + locals + operands;
}

/**
 * On entry: takes the weight from the depth, traps if the allowance is used up. The count at this trap is exact: the
 * counter (a local) is stored in its global before.
 */
export function writeDepthCheck(
  code: CodeWriter,
  layout: Layout,
  depth: number,
  weight: number,
  counter: number,
): void {
  code.localGet(depth);
  code.i32(weight);
  code.op(OP_I32_SUB);
  code.localTee(depth);
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.ifUnlikely();
  code.localGet(counter);
  code.globalSet(layout.counter);
  code.call(layout.stackOverflowImport);
  // It does not return; saying so keeps V8 from saving anything across the call.
  code.op(OP_UNREACHABLE);
  code.end();
}
