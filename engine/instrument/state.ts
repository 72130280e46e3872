// What a suspendable module shows of its state, under hidden names: to continuation modules, and to the host for snapshots.
//
// Memories, tables and globals are exported as they are, and one table of all functions, so that a function can be named by
// its index. JavaScript does not keep the bits of NaNs and has no vectors: globals of such types have two functions each,
// which pass their bits as integers (f32 in the low half of the first, vectors in both). Nobody can see from outside which
// segments have been dropped: the functions that drop them tell the host.

import type { Export } from '../wasm/module.js';
import {
  OP_DATA_DROP,
  OP_F32_REINTERPRET_I32,
  OP_F64_REINTERPRET_I64,
  OP_I32_REINTERPRET_F32,
  OP_I64_REINTERPRET_F64,
  OP_I64X2_EXTRACT_LANE,
  OP_I64X2_REPLACE_LANE,
  OP_I64X2_SPLAT,
  opcodeName,
} from '../wasm/opcodes.js';
import {
  F32,
  F64,
  I64,
  KIND_FUNCTION,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  V128,
  type ValueType,
} from '../wasm/types.js';
import { CodeWriter } from './code.js';
import type { Layout } from './layout.js';
import {
  DROPPED_DATA,
  DROPPED_ELEMENTS,
  EXPORT_BITS,
  EXPORT_FUNCTIONS,
  EXPORT_GLOBAL,
  EXPORT_MEMORY,
  EXPORT_SET_BITS,
  EXPORT_TABLE,
  RESERVED_PREFIX,
} from './reserved.js';

const I32_WRAP_I64 = 0xa7;
const I64_EXTEND_I32_U = 0xad;

/** The hidden exports of a suspendable module. */
export function stateExports(layout: Layout): readonly Export[] {
  const { tables, memories, globals } = layout.spaces;
  const exports: Export[] = [
    { name: EXPORT_FUNCTIONS, kind: KIND_TABLE, index: tables.length },
    ...memories.map((_, index): Export => ({ name: EXPORT_MEMORY, kind: KIND_MEMORY, index })),
    ...tables.map((_, index): Export => ({ name: `${EXPORT_TABLE}${index}`, kind: KIND_TABLE, index })),
  ];
  globals.forEach(({ value, mutable }, index) => {
    exports.push({ name: `${EXPORT_GLOBAL}${index}`, kind: KIND_GLOBAL, index: layout.movedGlobal(index) });
    if (!mutable || !(value === F32 || value === F64 || value === V128)) return;
    const [read, write] = [readBits(layout, index, value), writeBits(layout, index, value)];
    exports.push({ name: `${EXPORT_BITS}${index}`, kind: KIND_FUNCTION, index: read });
    exports.push({ name: `${EXPORT_SET_BITS}${index}`, kind: KIND_FUNCTION, index: write });
  });
  return exports;
}

/** The index of the function that gives the bits of a global. */
function readBits(layout: Layout, global: number, type: ValueType): number {
  return layout.shared(`${EXPORT_BITS}${global}`, () => {
    const code = new CodeWriter(32);
    const read = () => code.globalGet(layout.movedGlobal(global));
    code.locals([]);
    read();
    if (type === V128) {
      lane(code, OP_I64X2_EXTRACT_LANE, 0);
      read();
      lane(code, OP_I64X2_EXTRACT_LANE, 1);
    } else {
      code.op(type === F32 ? OP_I32_REINTERPRET_F32 : OP_I64_REINTERPRET_F64);
      if (type === F32) code.op(I64_EXTEND_I32_U);
      code.zero(I64);
    }
    code.end();
    return { type: { params: [], results: [I64, I64] }, body: code.take() };
  });
}

/** The index of the function that sets a global to bits. */
function writeBits(layout: Layout, global: number, type: ValueType): number {
  return layout.shared(`${EXPORT_SET_BITS}${global}`, () => {
    const code = new CodeWriter(32);
    code.locals([]);
    code.localGet(0);
    if (type === V128) {
      code.op(OP_I64X2_SPLAT);
      code.localGet(1);
      lane(code, OP_I64X2_REPLACE_LANE, 1);
    } else {
      if (type === F32) code.op(I32_WRAP_I64);
      code.op(type === F32 ? OP_F32_REINTERPRET_I32 : OP_F64_REINTERPRET_I64);
    }
    code.globalSet(layout.movedGlobal(global));
    code.end();
    return { type: { params: [I64, I64], results: [] }, body: code.take() };
  });
}

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
  return `${RESERVED_PREFIX}${opcodeName[opcode]}:${segment}`;
}

function lane(code: CodeWriter, opcode: number, index: number): void {
  code.op(opcode);
  code.byte(index);
}
