// Rebuilds a frame: what unwind.ts handed over comes back value by value, the first one first.

import {
  OP_DROP,
  OP_F32_REINTERPRET_I32,
  OP_F64_REINTERPRET_I64,
  OP_I64X2_REPLACE_LANE,
  OP_I64X2_SPLAT,
} from '../../wasm/opcodes.js';
import { F32, F64, FUNCREF, I32, I64, V128, type ValueType } from '../../wasm/types.js';
import type { CodeWriter } from '../code.js';
import type { Frame } from '../unwind.js';
import type { LoadImports } from './continuation-layout.js';

/** Pushes the next value. The high half of a vector comes first. */
function loadValue(code: CodeWriter, load: LoadImports, type: ValueType): void {
  switch (type) {
    case I32:
    case F32:
      code.call(load.i32);
      if (type === F32) code.op(OP_F32_REINTERPRET_I32);
      return;
    case I64:
    case F64:
      code.call(load.i64);
      if (type === F64) code.op(OP_F64_REINTERPRET_I64);
      return;
    case V128:
      code.call(load.i64);
      code.op(OP_I64X2_SPLAT);
      code.call(load.i64);
      code.op(OP_I64X2_REPLACE_LANE);
      code.byte(0);
      return;
    default:
      code.call(type === FUNCREF ? load.function : load.external);
  }
}

/** Loads the locals of a frame. */
export function loadLocals(code: CodeWriter, load: LoadImports, { locals }: Frame): void {
  for (const [type, local] of locals) {
    loadValue(code, load, type);
    code.localSet(local);
  }
}

/** Pushes what was on the stack; the last `dropped` values are passed over. */
export function loadStack(code: CodeWriter, load: LoadImports, { stack }: Frame, dropped = 0): void {
  stack.forEach((type, index) => {
    loadValue(code, load, type);
    if (index >= stack.length - dropped) code.op(OP_DROP);
  });
}
