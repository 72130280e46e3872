// The generated functions of suspendable modules: like those of glue.ts, and unwound like any other function.
//
//   boundary         point 0: the host has unwound with interrupts still to be dispatched; point 1: in the handler
//   import wrapper   point 0: results, and where imports may block: parameters and `again`
//
// A wrapper whose import is another instance's function comes back with MARK in the global when that one has unwound; the
// adapters by which instances and hosts call in have nothing to save, and just pass MARK on.

import { OP_DATA_DROP, OP_DROP, OP_I32_EQ, OP_I32_LT_S, OP_RETURN, opcodeName } from '../wasm/opcodes.js';
import { I32, I64 } from '../wasm/types.js';
import { CodeWriter } from './code.js';
import { callFromGlue, callImport, counterOf, INTERRUPTS } from './glue.js';
import type { Layout } from './layout.js';
import { MARK } from './mark.js';
import { boundaryOrUnwind, type Frame, testOrUnwind, unwindIfMarked } from './unwind.js';

export const BOUNDARY = 'epochvisor:boundary';
/** Safe points of the boundary function. */
export const BOUNDARY_DISPATCH = 0;
export const BOUNDARY_HANDLER = 1;

function boundaryFrame(self: number, point: number): Frame {
  return { function: self, point, locals: [], stack: [], results: [] };
}

/** The boundary function; `handler` is the interrupt handler's original function index. */
export function addSuspendableBoundary(layout: Layout, handler: number | undefined): number {
  return layout.shared(BOUNDARY, self => {
    const code = new CodeWriter();
    code.locals(handler === undefined ? [] : DISPATCH_LOCALS);
    code.localGet(0);
    code.i32(MARK);
    code.op(OP_I32_EQ);
    code.if();
    code.localGet(0);
    code.op(OP_RETURN);
    code.end();
    code.localGet(0);
    code.globalSet(layout.counter);
    code.call(layout.boundaryImport);
    if (handler === undefined) code.op(OP_DROP);
    else {
      code.i32(INTERRUPTS);
      code.op(OP_I32_EQ);
      code.if();
      code.globalGet(layout.counter);
      unwindIfMarked(code, { layout, counter: 0 }, boundaryFrame(self, BOUNDARY_DISPATCH));
      writeDispatch(layout, code, handler, self, 1);
      code.end();
    }
    code.globalGet(layout.counter);
    code.end();
    return { type: { params: [I32], results: [I32] }, body: code.take() };
  });
}

/** Locals that the dispatching of interrupts needs, after `first`: kind, id, status. */
export const DISPATCH_LOCALS = [I32, I64, I32];

/** Calls the handler for each interrupt that is left. @param self index of the boundary function in the main module */
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
  writeHandlerReturned(layout, code, self, status);
  code.br(1);
  code.end();
  code.end();
}

/** The handler has left the counter on the stack. @param scratch a local of type i32 */
export function writeHandlerReturned(layout: Layout, code: CodeWriter, self: number, scratch: number): void {
  code.localTee(scratch);
  code.globalSet(layout.counter);
  code.localGet(scratch);
  unwindIfMarked(code, { layout, counter: scratch }, boundaryFrame(self, BOUNDARY_HANDLER));
}

/** What a wrapper's frame consists of, and the locals that it declares beside its parameters. */
export interface WrapperShape {
  readonly frame: Frame;
  readonly counter: number;
  /** Local of `again`; undefined where imports do not block. */
  readonly again: number | undefined;
  readonly declared: readonly number[];
}

export function wrapperShape(layout: Layout, index: number): WrapperShape {
  const { params, results } = layout.signature(index);
  const counter = counterOf(layout, index, params.length);
  const again = layout.again === undefined ? undefined : counter + 1;
  const declared = again === undefined ? [] : [I32];
  const kept =
    again === undefined ? [] : [...params.map((type, param) => [type, param] as const), [I32, again] as const];
  const frame: Frame = {
    function: layout.mainFunction(index),
    point: 0,
    locals: kept,
    stack: results,
    results,
  };
  return { frame, counter, again, declared };
}

/** The wrapper of an import; see glue.ts for what it does when nobody unwinds. */
export function writeSuspendableWrapper(layout: Layout, index: number, boundary: number): Uint8Array {
  const { params, results } = layout.signature(index);
  const { frame, counter, again, declared } = wrapperShape(layout, index);
  const code = new CodeWriter(128);
  code.locals(declared);
  if (again === undefined) {
    callImport(layout, code, index, params.length, counter);
    testOrUnwind(code, { layout, boundary, counter }, frame);
  } else {
    code.loop(layout.blockType([], results));
    callImport(layout, code, index, params.length, counter);
    code.i32(0);
    code.op(OP_I32_LT_S);
    code.if(layout.blockType(results, results));
    code.globalGet(layout.again!);
    code.localSet(again);
    code.i32(0);
    code.globalSet(layout.again!);
    boundaryOrUnwind(code, { layout, boundary, counter }, frame);
    code.localGet(again);
    code.brIf(1);
    code.end();
    code.end();
  }
  code.localGet(counter);
  code.end();
  return code.take();
}

/** Kinds of what the host is told to have been dropped. */
export const DROPPED_DATA = 0;
export const DROPPED_ELEMENTS = 1;

/** The index of the function that drops a segment and tells the host, which cannot see it. */
export function dropFunction(layout: Layout, opcode: number, segment: number): number {
  return layout.shared(dropName(opcode, segment), () => {
    const code = new CodeWriter(16);
    code.locals([]);
    code.op(opcode);
    code.u32(segment);
    code.i32(opcode === OP_DATA_DROP ? DROPPED_DATA : DROPPED_ELEMENTS);
    code.i32(segment);
    code.call(layout.save!.dropped);
    code.end();
    return { type: { params: [], results: [] }, body: code.take() };
  });
}

export function dropName(opcode: number, segment: number): string {
  return `epochvisor:${opcodeName[opcode]}:${segment}`;
}
