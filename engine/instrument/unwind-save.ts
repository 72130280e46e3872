// The generated functions by which frames are handed to the host: one for each list of types (see unwind.ts).
//
//   save(what is on the stack, locals, function, safe point) -> ()
//   save(what is on the stack, locals) -> ()                          a part of a frame that has too many values

import { OP_I32_REINTERPRET_F32, OP_I64_REINTERPRET_F64, OP_I64X2_EXTRACT_LANE } from '../wasm/opcodes.js';
import { F32, F64, FUNCREF, I32, I64, V128, type ValueType, valueTypeName } from '../wasm/types.js';
import { CodeWriter } from './code.js';
import type { Layout, SaveImports } from './layout.js';
import { RESERVED_PREFIX } from './reserved.js';

/** Hands over a parameter, a vector as its low half and then its high half. */
function saveParameter(code: CodeWriter, save: SaveImports, type: ValueType, parameter: number): void {
  code.localGet(parameter);
  switch (type) {
    case I32:
    case F32:
      if (type === F32) code.op(OP_I32_REINTERPRET_F32);
      code.call(save.i32);
      return;
    case I64:
    case F64:
      if (type === F64) code.op(OP_I64_REINTERPRET_F64);
      code.call(save.i64);
      return;
    case V128:
      code.op(OP_I64X2_EXTRACT_LANE);
      code.byte(0);
      code.call(save.i64);
      code.localGet(parameter);
      code.op(OP_I64X2_EXTRACT_LANE);
      code.byte(1);
      code.call(save.i64);
      return;
    default:
      code.call(type === FUNCREF ? save.function : save.external);
  }
}

/**
 * The index of the function that saves what is on the stack, and locals of these types below it in the frame.
 * @param last with the function and the safe point as two more parameters: the frame is complete
 */
export function saveFunction(
  layout: Layout,
  stack: readonly ValueType[],
  locals: readonly ValueType[],
  last: boolean,
): number {
  return layout.shared(saveName(stack, locals, last), () => {
    const save = layout.save!;
    const code = new CodeWriter();
    code.locals([]);
    for (let index = stack.length - 1; index >= 0; index--) saveParameter(code, save, stack[index]!, index);
    for (let index = locals.length - 1; index >= 0; index--) {
      saveParameter(code, save, locals[index]!, stack.length + index);
    }
    const values = [...stack, ...locals];
    if (last) {
      code.localGet(values.length);
      code.localGet(values.length + 1);
      code.call(save.activation);
    }
    code.end();
    return { type: { params: last ? [...values, I32, I32] : values, results: [] }, body: code.take() };
  });
}

/** Runs of one type are counted: `epochvisor:save:i32|i32*12,f64`, and `+` at the end of a part. */
function saveName(stack: readonly ValueType[], locals: readonly ValueType[], last: boolean): string {
  return `${RESERVED_PREFIX}save:${runs(stack)}|${runs(locals)}${last ? '' : '+'}`;
}

function runs(types: readonly ValueType[]): string {
  const names: string[] = [];
  for (let index = 0; index < types.length; ) {
    let end = index + 1;
    while (types[end] === types[index]) end++;
    const name = valueTypeName(types[index]!);
    names.push(end - index === 1 ? name : `${name}*${end - index}`);
    index = end;
  }
  return names.join();
}
