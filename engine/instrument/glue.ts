// The generated functions between the guest and the host: a wrapper for each import, an adapter for each export.
//
// Inside, the counter is a parameter and a result. While host code runs it lives in a global, which the glue stores and
// loads. No JavaScript is ever under a guest's frame here but the hook or import at the very end of the stack, so that
// the whole stack can be unwound.
//
//   import(args..., counter) -> (results..., counter)
//                                         global := counter; the import; counter := global; a safe point
//   export(args...) -> results...         global; the function; global := counter
//
// The safe point in an import's wrapper is what lets a host import end an epoch: it makes the counter negative, and the
// boundary (boundary.ts) comes as soon as it has returned. An import that blocks must not wait inside JavaScript (the stack
// could not be unwound): it says `again`, its results are dropped, and the wrapper calls it anew when the boundary is over.
//
// A wrapper unwinds like any function: its frame is the results and, where imports may block, the parameters and `again`.
// One whose import is another instance's function comes back with MARK in the global when that one has unwound; the
// adapters by which instances and hosts call in have nothing to save, and just pass MARK on.

import { EpochvisorError } from '../errors/errors.js';
import { OP_I32_EQ, OP_I32_LT_S, OP_UNREACHABLE } from '../wasm/opcodes.js';
import { I32, I64, KIND_FUNCTION, KIND_GLOBAL, type ValueType } from '../wasm/types.js';
import { sameTypes } from '../wasm/validate.js';
import { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { EXPORT_START, RESERVED_PREFIX, THROWN } from './reserved.js';
import { stateExports } from './state.js';
import { type Frame, takeBoundary, testCounter } from './unwind.js';

/** Writes the wrappers of all imported functions. */
export function addImportWrappers(layout: Layout, boundary: number): void {
  let index = 0;
  for (const item of layout.module.imports) {
    if (item.kind !== KIND_FUNCTION) continue;
    const name = `${RESERVED_PREFIX}import:${item.module}:${item.name}`;
    const body = writeWrapper(layout, index, boundary);
    layout.generated[index] = { name, type: layout.functionType(index), body };
    index++;
  }
}

/** What a wrapper's frame consists of, and the locals that it declares beside its parameters. */
interface WrapperShape {
  readonly frame: Frame;
  readonly counter: number;
  /** Local of `again`; undefined where imports do not block. */
  readonly again: number | undefined;
  readonly declared: readonly ValueType[];
}

/** @param index original function index of the import */
export function wrapperShape(layout: Layout, index: number): WrapperShape {
  const { params, results } = layout.signature(index);
  const counter = layout.carriesDepth(index) ? params.length + 1 : params.length;
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

/** `again` moves to a local before the boundary: an interrupt handler that runs there calls imports of its own. */
function writeWrapper(layout: Layout, index: number, boundary: number): Uint8Array {
  const { params, results } = layout.signature(index);
  const { frame: suspended, counter, again, declared } = wrapperShape(layout, index);
  const frame = layout.save === undefined ? undefined : suspended;
  const at = { layout, boundary, counter };
  const code = new CodeWriter(128);
  code.locals(declared);
  if (again === undefined) {
    callImport(layout, code, index, params.length, counter);
    testCounter(code, at, frame);
  } else {
    const global = layout.again!;
    code.loop(layout.blockType([], results));
    callImport(layout, code, index, params.length, counter);
    code.i32(0);
    code.op(OP_I32_LT_S);
    if (frame === undefined) code.if();
    else code.if(layout.blockType(results, results));
    code.globalGet(global);
    code.localSet(again);
    code.i32(0);
    code.globalSet(global);
    takeBoundary(code, at, frame);
    code.localGet(again);
    code.brIf(1);
    code.end();
    code.end();
  }
  code.localGet(counter);
  code.end();
  return code.take();
}

/** Calls an import; leaves its results and, above them, the counter on the stack. */
function callImport(layout: Layout, code: CodeWriter, index: number, params: number, counter: number): void {
  code.localGet(counter);
  code.globalSet(layout.counter);
  for (let param = 0; param < params; param++) code.localGet(param);
  code.call(index);
  code.globalGet(layout.counter);
  code.localTee(counter);
}

/** Calls a function of the module, whose arguments are on the stack, with the global's counter and a whole allowance. */
export function callFromGlue(layout: Layout, code: CodeWriter, original: number): void {
  if (layout.carriesDepth(original)) code.globalGet(layout.stackRoom);
  code.globalGet(layout.counter);
  code.call(layout.internalFunction(original));
}

/**
 * The counter, which a function of the module has left on the stack, goes to the global, unless it says that an exception
 * came: then it is there already, and the exception is a trap. @param scratch a local of type i32
 */
export function keepCounter(layout: Layout, code: CodeWriter, original: number, scratch: number): void {
  if (layout.graph.throws[original] === 1) {
    code.localTee(scratch);
    trapIfThrown(layout, code);
    code.localGet(scratch);
  }
  code.globalSet(layout.counter);
}

/** The counter is on the stack: a trap, if it says that an exception came. */
export function trapIfThrown(layout: Layout, code: CodeWriter): void {
  code.i32(THROWN);
  code.op(OP_I32_EQ);
  code.ifUnlikely();
  code.call(layout.uncaught());
  code.op(OP_UNREACHABLE);
  code.end();
}

/** The index of the function that the host calls in place of a defined function. */
function addExportAdapter(layout: Layout, original: number): number {
  return layout.shared(`${RESERVED_PREFIX}export:${original}`, () => {
    const type = layout.signature(original);
    const code = new CodeWriter(32);
    code.locals(layout.graph.throws[original] === 1 ? [I32] : []);
    for (let param = 0; param < type.params.length; param++) code.localGet(param);
    callFromGlue(layout, code, original);
    keepCounter(layout, code, original, type.params.length);
    code.end();
    return { type, body: code.take() };
  });
}

/** The exports of the rewritten module: imports as they are, definitions by way of adapters, the start function hidden. */
export function rewrittenExports(layout: Layout) {
  const { module, spaces } = layout;
  const exports = module.exports.map(item => {
    if (item.kind === KIND_GLOBAL) return { ...item, index: layout.movedGlobal(item.index) };
    if (item.kind !== KIND_FUNCTION) return item;
    if (item.index < spaces.importedFunctions) return item;
    return { ...item, index: addExportAdapter(layout, item.index) };
  });
  if (module.start !== undefined) {
    exports.push({ name: EXPORT_START, kind: KIND_FUNCTION, index: addExportAdapter(layout, module.start) });
  }
  return layout.save === undefined ? exports : [...exports, ...stateExports(layout)];
}

/** The original index of the exported interrupt handler; undefined if the module has none of that name. */
export function findInterruptHandler(layout: Layout, name: string | undefined): number | undefined {
  const item = layout.module.exports.find(candidate => candidate.name === name && candidate.kind === KIND_FUNCTION);
  if (item === undefined) return undefined;
  const type = layout.signature(item.index);
  if (sameTypes(type.params, [I32, I64, I32]) && type.results.length === 0) return item.index;
  throw new EpochvisorError(
    'INTERRUPT_HANDLER_TYPE',
    `the exported interrupt handler "${name}" is not a function of type (i32, i64, i32) -> ()`,
    'declare it as (kind: i32, id: i64, status: i32): void',
  );
}
