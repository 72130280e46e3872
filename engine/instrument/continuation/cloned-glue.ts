// Clones of generated functions: of the boundary, of import wrappers, of bulk operations. See boundary.ts, glue.ts and bulk.ts.
//
// A wrapper whose import has asked to be called again, and a bulk operation with pieces left, go on by calling the function
// of the main module anew with what they hold. While that runs the clone has nothing of its own to save: it passes on what
// comes back, MARK included.

import { OP_RETURN } from '../../wasm/opcodes.js';
import { I32, type ValueType } from '../../wasm/types.js';
import { DISPATCH_LOCALS, POINT_HANDLER, writeDispatch, writeHandlerReturned } from '../boundary.js';
import { BULK_COUNTER, bulkFrame } from '../bulk.js';
import { CodeWriter } from '../code.js';
import { trapIfThrown, wrapperShape } from '../glue.js';
import { testCounter, unwindIfMarked } from '../unwind.js';
import type { ContinuationLayout } from './continuation-layout.js';
import { loadLocals, loadStack } from './load.js';
import { type SuspensionState, writeNext, writeState } from './resumption.js';

/** @param self index of the boundary function in the main module */
export function writeBoundaryClone(
  layout: ContinuationLayout,
  self: number,
  point: number,
  handler: number,
): Uint8Array {
  const code = new CodeWriter();
  code.locals([I32, ...DISPATCH_LOCALS]);
  if (point === POINT_HANDLER) {
    writeNext(code, layout, []);
    writeHandlerReturned(layout, code, handler, self, 0);
  }
  writeDispatch(layout, code, handler, self, 1);
  code.globalGet(layout.counter);
  code.end();
  return code.take();
}

/** @param index original function index of the import; @param boundary index of the boundary function in this module */
export function writeWrapperClone(
  layout: ContinuationLayout,
  index: number,
  state: SuspensionState,
  boundary: number,
): Uint8Array {
  const { params, results } = layout.signature(index);
  const { frame, counter, again, declared } = wrapperShape(layout, index);
  const code = new CodeWriter();
  code.locals([...params, ...(layout.carriesDepth(index) ? [I32] : []), I32, ...declared]);
  loadLocals(code, layout.load, frame);
  loadStack(code, layout.load, frame, state === 'callee' ? results.length : 0);
  writeState(code, layout, state, results, counter);
  if (state !== 'here') {
    if (state === 'boundary') unwindIfMarked(code, { layout, counter }, frame);
    else {
      code.localTee(counter);
      trapIfThrown(layout, code);
      code.localGet(counter);
      testCounter(code, { layout, boundary, counter }, frame);
    }
  }
  if (again !== undefined) {
    code.localGet(again);
    code.if(layout.blockType(results, results));
    // Parameters, the depth (which a wrapper does not look at) and the counter stand in this order.
    for (let local = 0; local <= counter; local++) code.localGet(local);
    code.call(layout.internalFunction(index));
    code.op(OP_RETURN);
    code.end();
  }
  code.localGet(counter);
  code.end();
  return code.take();
}

/** @param self index of the operation's function in the main module; @param second type of its second operand */
export function writeBulkClone(
  layout: ContinuationLayout,
  self: number,
  name: string,
  second: ValueType,
  state: SuspensionState,
): Uint8Array {
  const counter = BULK_COUNTER;
  const frame = bulkFrame(self, second);
  const code = new CodeWriter();
  code.locals([I32, second, I32, I32]);
  loadLocals(code, layout.load, frame);
  writeState(code, layout, state, [], counter);
  if (state === 'boundary') unwindIfMarked(code, { layout, counter }, frame);
  for (let local = 0; local <= counter; local++) code.localGet(local);
  code.call(layout.shared(name));
  code.end();
  return code.take();
}
