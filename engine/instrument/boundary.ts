// The boundary function: what generated code calls at a due safe point, and where interrupts are dispatched.
//
//   boundary(counter) -> counter          global := counter; hook; interrupts; global
//
// It is on the stack while the hook or a handler runs, so where the module is suspendable it unwinds like any function:
//
//   point 0    the host has unwound with interrupts still to be dispatched
//   point 1    in the handler
//
// A counter that is MARK already comes from a callee that has unwound, and is given back at once.

import { OP_DROP, OP_I32_EQ, OP_RETURN } from '../wasm/opcodes.js';
import { I32, I64, type ValueType } from '../wasm/types.js';
import { CodeWriter } from './code.js';
import { callFromGlue, keepCounter } from './glue.js';
import type { Layout } from './layout.js';
import { BOUNDARY_FUNCTION, INTERRUPTS, MARK } from './reserved.js';
import { type Frame, unwindIfMarked } from './unwind.js';

const POINT_DISPATCH = 0;
export const POINT_HANDLER = 1;

/** Index of its parameter, the counter. */
const COUNTER = 0;
/** Locals that the dispatching of interrupts needs: kind, id, status. */
export const DISPATCH_LOCALS: readonly ValueType[] = [I32, I64, I32];

function boundaryFrame(self: number, point: number): Frame {
  return { function: self, point, locals: [], stack: [], results: [] };
}

/** The index of the boundary function; `handler` is the interrupt handler's original function index. */
export function addBoundary(layout: Layout, handler: number | undefined): number {
  return layout.shared(BOUNDARY_FUNCTION, self => {
    const suspendable = layout.save !== undefined;
    const code = new CodeWriter();
    code.locals(handler === undefined ? [] : DISPATCH_LOCALS);
    if (suspendable) {
      code.localGet(COUNTER);
      code.i32(MARK);
      code.op(OP_I32_EQ);
      code.if();
      code.localGet(COUNTER);
      code.op(OP_RETURN);
      code.end();
    }
    code.localGet(COUNTER);
    code.globalSet(layout.counter);
    code.call(layout.boundaryImport);
    if (handler === undefined) code.op(OP_DROP);
    else {
      code.i32(INTERRUPTS);
      code.op(OP_I32_EQ);
      code.if();
      if (suspendable) {
        code.globalGet(layout.counter);
        unwindIfMarked(code, { layout, counter: COUNTER }, boundaryFrame(self, POINT_DISPATCH));
      }
      writeDispatch(layout, code, handler, self, COUNTER + 1);
      code.end();
    }
    code.globalGet(layout.counter);
    code.end();
    return { type: { params: [I32], results: [I32] }, body: code.take() };
  });
}

/**
 * Calls the handler for each interrupt that is left.
 *
 * @param self index of the boundary function in the main module; @param first of the DISPATCH_LOCALS
 */
export function writeDispatch(layout: Layout, code: CodeWriter, handler: number, self: number, first: number): void {
  const [kind, id, status] = [first, first + 1, first + 2];
  code.loop();
  code.call(layout.interruptImport);
  code.localSet(status);
  code.localSet(id);
  code.localSet(kind);
  code.if();
  code.localGet(kind);
  code.localGet(id);
  code.localGet(status);
  callFromGlue(layout, code, handler);
  if (layout.save === undefined) keepCounter(layout, code, handler, status);
  else writeHandlerReturned(layout, code, handler, self, status);
  code.br(1);
  code.end();
  code.end();
}

/** In suspendable modules: the handler has left the counter on the stack. @param scratch a local of type i32 */
export function writeHandlerReturned(
  layout: Layout,
  code: CodeWriter,
  handler: number,
  self: number,
  scratch: number,
): void {
  code.localTee(scratch);
  keepCounter(layout, code, handler, scratch);
  code.localGet(scratch);
  unwindIfMarked(code, { layout, counter: scratch }, boundaryFrame(self, POINT_HANDLER));
}
