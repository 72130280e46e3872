// The generated functions between the guest and the host: the boundary, a wrapper for each import, an adapter for each export.
//
// Inside, the counter is a parameter and a result. While host code runs it lives in a global, which the glue stores and
// loads. No JavaScript is ever under a guest's frame here but the hook or import at the very end of the stack, so that
// the whole stack can be unwound later.
//
//   boundary(counter) -> counter          counter := global; hook; interrupts; global
//   import(args..., counter) -> (results..., counter)
//                                         global := counter; the import; counter := global; a safe point
//   export(args...) -> results...         global; the function; global := counter
//
// The safe point in an import's wrapper is what lets a host import end an epoch: it makes the counter negative, and the
// boundary comes as soon as it has returned. An import that blocks must not wait inside JavaScript (the stack could not be
// unwound): it says `again`, its results are dropped, and the wrapper calls it anew when the boundary is over.

import { EpochvisorError } from '../errors/errors.js';
import { OP_DROP, OP_I32_EQ, OP_I32_LT_S } from '../wasm/opcodes.js';
import { I32, I64 } from '../wasm/types.js';
import { sameTypes } from '../wasm/validate.js';
import { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import { EXPORT_START } from './reserved.js';
import { stateExports } from './state.js';
import { addSuspendableBoundary, writeSuspendableWrapper } from './unwind-glue.js';

/** What the boundary hook answers when there are interrupts to dispatch. */
export const INTERRUPTS = 1;

/** A safe point, `counter < 0 ? boundary(counter)`, for a counter that is on the stack and in its local. */
export function testCounter(code: CodeWriter, counter: number, boundary: number): void {
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.ifUnlikely();
  code.localGet(counter);
  code.call(boundary);
  code.localSet(counter);
  code.end();
}

/** The index of the boundary function; `handler` is the interrupt handler's original function index. */
export function addBoundary(layout: Layout, handler: number | undefined): number {
  if (layout.save !== undefined) return addSuspendableBoundary(layout, handler);
  return layout.shared('epochvisor:boundary', () => {
    const code = new CodeWriter();
    const [counter, kind, id, status] = [0, 1, 2, 3];
    code.locals(handler === undefined ? [] : [I32, I64, I32]);
    code.localGet(counter);
    code.globalSet(layout.counter);
    code.call(layout.boundaryImport);
    if (handler === undefined) code.op(OP_DROP);
    else {
      code.i32(INTERRUPTS);
      code.op(OP_I32_EQ);
      code.if();
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
      code.globalSet(layout.counter);
      code.br(1);
      code.end();
      code.end();
      code.end();
    }
    code.globalGet(layout.counter);
    code.end();
    return { type: { params: [I32], results: [I32] }, body: code.take() };
  });
}

/** Writes the wrappers of all imported functions. */
export function addImportWrappers(layout: Layout, boundary: number): void {
  let index = 0;
  for (const item of layout.module.imports) {
    if (item.kind !== 0) continue;
    const params = layout.module.types[item.type]!.params.length;
    const name = `epochvisor:import:${item.module}:${item.name}`;
    const body =
      layout.save !== undefined
        ? writeSuspendableWrapper(layout, index, boundary)
        : layout.again === undefined
          ? writeWrapper(layout, index, params, boundary)
          : writeBlockingWrapper(layout, index, params, boundary);
    layout.generated[index] = { name, type: layout.functionType(index), body };
    index++;
  }
}

/** Index of the counter among the parameters of an import's wrapper. */
export function counterOf(layout: Layout, index: number, params: number): number {
  return layout.carriesDepth(index) ? params + 1 : params;
}

function writeWrapper(layout: Layout, index: number, params: number, boundary: number): Uint8Array {
  const counter = counterOf(layout, index, params);
  const code = new CodeWriter(64);
  code.locals([]);
  callImport(layout, code, index, params, counter);
  testCounter(code, counter, boundary);
  code.localGet(counter);
  code.end();
  return code.take();
}

/**
 * The wrapper of an import that may block. `again` moves to a local before the boundary: an interrupt handler that runs
 * there calls imports of its own.
 */
function writeBlockingWrapper(layout: Layout, index: number, params: number, boundary: number): Uint8Array {
  const { results } = layout.signature(index);
  const [counter, global] = [counterOf(layout, index, params), layout.again!];
  const again = counter + 1;
  const code = new CodeWriter(96);
  code.locals([I32]);
  code.loop(layout.blockType([], results));
  callImport(layout, code, index, params, counter);
  code.i32(0);
  code.op(OP_I32_LT_S);
  code.if();
  code.globalGet(global);
  code.localSet(again);
  code.i32(0);
  code.globalSet(global);
  code.localGet(counter);
  code.call(boundary);
  code.localSet(counter);
  code.localGet(again);
  code.brIf(1);
  code.end();
  code.end();
  code.localGet(counter);
  code.end();
  return code.take();
}

/** Calls an import; leaves its results and, above them, the counter on the stack. */
export function callImport(layout: Layout, code: CodeWriter, index: number, params: number, counter: number): void {
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

/** The index of the function that the host calls in place of a defined function. */
export function addExportAdapter(layout: Layout, original: number): number {
  return layout.shared(`epochvisor:export:${original}`, () => {
    const type = layout.signature(original);
    const code = new CodeWriter(32);
    code.locals([]);
    for (let param = 0; param < type.params.length; param++) code.localGet(param);
    callFromGlue(layout, code, original);
    code.globalSet(layout.counter);
    code.end();
    return { type, body: code.take() };
  });
}

/** The exports of the rewritten module: imports as they are, definitions by way of adapters, the start function hidden. */
export function rewrittenExports(layout: Layout) {
  const { module, spaces } = layout;
  const exports = module.exports.map(item => {
    if (item.kind === 3) return { ...item, index: layout.movedGlobal(item.index) };
    if (item.kind !== 0) return item;
    if (item.index < spaces.importedFunctions) return item;
    return { ...item, index: addExportAdapter(layout, item.index) };
  });
  if (module.start !== undefined) {
    exports.push({ name: EXPORT_START, kind: 0, index: addExportAdapter(layout, module.start) });
  }
  return layout.save === undefined ? exports : [...exports, ...stateExports(layout)];
}

/** The original index of the exported interrupt handler; undefined if the module has none of that name. */
export function findInterruptHandler(layout: Layout, name: string | undefined): number | undefined {
  const item = layout.module.exports.find(candidate => candidate.name === name && candidate.kind === 0);
  if (item === undefined) return undefined;
  const type = layout.signature(item.index);
  if (sameTypes(type.params, [I32, I64, I32]) && type.results.length === 0) return item.index;
  throw new EpochvisorError(
    'INTERRUPT_HANDLER_TYPE',
    `the exported interrupt handler "${name}" is not a function of type (i32, i64, i32) -> ()`,
    'declare it as (kind: i32, id: i64, status: i32): void',
  );
}
