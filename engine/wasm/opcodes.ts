// Every opcode of WebAssembly 2.0, tail calls, exceptions in both forms, relaxed SIMD and atomics: its name, what follows it in the
// bytes, and its type.
//
// Opcodes are flattened to one number, so that tables can be indexed by it:
//
//   byte                      0x000 + byte
//   0xfc sub-opcode           0x100 + sub-opcode      (saturating conversions, bulk memory, tables)
//   0xfd sub-opcode           0x200 + sub-opcode      (SIMD, from 0x300 on relaxed)
//   0xfe sub-opcode           0x400 + sub-opcode      (atomics)
//
// Types are written as in `ii:i`: operands, a colon, results; i l f d v for i32 i64 f32 f64 v128. Instructions whose
// type depends on their immediates or their surroundings have no signature here: validate.ts knows each of them.

import { F32, F64, I32, I64, V128, type ValueType } from './types.js';

export const OPCODES = 0x500;
export const PREFIX_FC = 0x100;
export const PREFIX_FD = 0x200;
export const PREFIX_FE = 0x400;
/** The bytes before a sub-opcode. */
export const BYTE_FC = 0xfc;
export const BYTE_FD = 0xfd;
export const BYTE_FE = 0xfe;

export const OP_UNREACHABLE = 0x00;
export const OP_NOP = 0x01;
export const OP_BLOCK = 0x02;
export const OP_LOOP = 0x03;
export const OP_IF = 0x04;
export const OP_ELSE = 0x05;
/** The legacy form of exceptions, and the standard one. */
export const OP_TRY = 0x06;
export const OP_CATCH = 0x07;
export const OP_THROW = 0x08;
export const OP_RETHROW = 0x09;
export const OP_THROW_REF = 0x0a;
export const OP_DELEGATE = 0x18;
export const OP_CATCH_ALL = 0x19;
export const OP_TRY_TABLE = 0x1f;
export const OP_END = 0x0b;
export const OP_BR = 0x0c;
export const OP_BR_IF = 0x0d;
export const OP_BR_TABLE = 0x0e;
export const OP_RETURN = 0x0f;
export const OP_CALL = 0x10;
export const OP_CALL_INDIRECT = 0x11;
export const OP_RETURN_CALL = 0x12;
export const OP_RETURN_CALL_INDIRECT = 0x13;
/**
 * Two that are in no binary but what lowering makes of exceptions (engine/instrument/exceptions): after a call, a branch
 * that is taken if the call came back with an exception; and to leave the function with one.
 */
export const OP_BR_IF_THROWN = 0x16;
export const OP_RETURN_THROWN = 0x17;
/** Opcodes up to here are control instructions, in what the rewriting reads. */
export const OP_CONTROL_LAST = OP_RETURN_THROWN;
export const OP_DROP = 0x1a;
export const OP_SELECT = 0x1b;
export const OP_SELECT_TYPED = 0x1c;
export const OP_LOCAL_GET = 0x20;
export const OP_LOCAL_SET = 0x21;
export const OP_LOCAL_TEE = 0x22;
export const OP_GLOBAL_GET = 0x23;
export const OP_GLOBAL_SET = 0x24;
export const OP_TABLE_GET = 0x25;
export const OP_TABLE_SET = 0x26;
export const OP_MEMORY_SIZE = 0x3f;
export const OP_MEMORY_GROW = 0x40;
export const OP_I32_CONST = 0x41;
export const OP_I64_CONST = 0x42;
export const OP_F32_CONST = 0x43;
export const OP_F64_CONST = 0x44;
export const OP_I32_EQ = 0x46;
export const OP_I32_LT_S = 0x48;
export const OP_I32_LT_U = 0x49;
export const OP_I32_GT_U = 0x4b;
export const OP_I32_GE_S = 0x4e;
export const OP_I32_ADD = 0x6a;
export const OP_I32_SUB = 0x6b;
export const OP_I32_SHR_U = 0x76;
export const OP_I32_REINTERPRET_F32 = 0xbc;
export const OP_I64_REINTERPRET_F64 = 0xbd;
export const OP_F32_REINTERPRET_I32 = 0xbe;
export const OP_F64_REINTERPRET_I64 = 0xbf;
export const OP_REF_NULL = 0xd0;
export const OP_REF_IS_NULL = 0xd1;
export const OP_REF_FUNC = 0xd2;
export const OP_MEMORY_INIT = PREFIX_FC + 8;
export const OP_DATA_DROP = PREFIX_FC + 9;
export const OP_MEMORY_COPY = PREFIX_FC + 10;
export const OP_MEMORY_FILL = PREFIX_FC + 11;
export const OP_TABLE_INIT = PREFIX_FC + 12;
export const OP_ELEM_DROP = PREFIX_FC + 13;
export const OP_TABLE_COPY = PREFIX_FC + 14;
export const OP_TABLE_GROW = PREFIX_FC + 15;
export const OP_TABLE_SIZE = PREFIX_FC + 16;
export const OP_TABLE_FILL = PREFIX_FC + 17;
export const OP_V128_CONST = PREFIX_FD + 12;
export const OP_I64X2_SPLAT = PREFIX_FD + 18;
export const OP_I64X2_EXTRACT_LANE = PREFIX_FD + 29;
export const OP_I64X2_REPLACE_LANE = PREFIX_FD + 30;

/** From here on opcodes that engine/instrument/substitution replaces: relaxed vector operations, then atomics. */
export const OP_RELAXED_FIRST = PREFIX_FD + 0x100;
export const OP_ATOMIC_NOTIFY = PREFIX_FE;
export const OP_ATOMIC_WAIT32 = PREFIX_FE + 0x01;
export const OP_ATOMIC_WAIT64 = PREFIX_FE + 0x02;
export const OP_ATOMIC_FENCE = PREFIX_FE + 0x03;
/** Loads, stores, and operations that read, change and write: seven of each, by width as in `ATOMIC_SHAPES`. */
export const OP_ATOMIC_LOAD = PREFIX_FE + 0x10;
export const OP_ATOMIC_STORE = PREFIX_FE + 0x17;
export const OP_ATOMIC_RMW = PREFIX_FE + 0x1e;
export const ATOMIC_SHAPES: readonly string[] = 'i2 l3 i0 i1 l0 l1 l2'.split(' ');

/** What follows an opcode; 0 where there is no such opcode. */
export const IMMEDIATE_NONE = 1;
export const IMMEDIATE_BLOCK = 2;
/** One index: label, function, local, global, table, data or element segment. */
export const IMMEDIATE_INDEX = 3;
/** Two indexes. */
export const IMMEDIATE_INDEX_INDEX = 4;
export const IMMEDIATE_LABELS = 5;
export const IMMEDIATE_MEMARG = 6;
export const IMMEDIATE_MEMARG_LANE = 7;
export const IMMEDIATE_I32 = 8;
export const IMMEDIATE_I64 = 9;
export const IMMEDIATE_BYTES_4 = 10;
export const IMMEDIATE_BYTES_8 = 11;
export const IMMEDIATE_BYTES_16 = 12;
export const IMMEDIATE_LANE = 13;
export const IMMEDIATE_TYPES = 14;
export const IMMEDIATE_REFERENCE_TYPE = 15;
/** Memory indexes, which WebAssembly 2.0 writes as zero bytes. */
export const IMMEDIATE_MEMORY = 16;
export const IMMEDIATE_MEMORY_MEMORY = 17;
export const IMMEDIATE_INDEX_MEMORY = 18;
/** A block type and catch clauses. */
export const IMMEDIATE_TRY_TABLE = 19;
/** A memarg whose alignment is the natural one. */
export const IMMEDIATE_MEMARG_ATOMIC = 20;
/** A byte that must be zero. */
export const IMMEDIATE_ZERO = 21;

/** Name of each opcode in the text format; empty where there is none. */
export const opcodeName: string[] = new Array<string>(OPCODES).fill('');
/** IMMEDIATE_* of each opcode. */
export const opcodeImmediate = new Uint8Array(OPCODES);
/** The signature of each opcode as an index into `signatures`; 0 where it depends on more than the opcode. */
export const opcodeSignature = new Uint8Array(OPCODES);
/** For loads and stores: the greatest alignment, as an exponent of 2; for lanes: the number of lanes. */
export const opcodeWidth = new Uint8Array(OPCODES);

interface Signature {
  readonly operands: readonly ValueType[];
  readonly results: readonly ValueType[];
}
export const signatures: Signature[] = [{ operands: [], results: [] }];

const LETTERS: Record<string, ValueType> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const signatureIndexes = new Map<string, number>();

function signatureIndex(text: string): number {
  let index = signatureIndexes.get(text);
  if (index === undefined) {
    const [operands = '', results = ''] = text.split(':');
    index =
      signatures.push({ operands: [...operands].map(c => LETTERS[c]!), results: [...results].map(c => LETTERS[c]!) }) -
      1;
    signatureIndexes.set(text, index);
  }
  return index;
}

function define(opcode: number, name: string, signature: string | undefined, immediate: number, width = 0): void {
  opcodeName[opcode] = name;
  opcodeImmediate[opcode] = immediate;
  opcodeSignature[opcode] = signature === undefined ? 0 : signatureIndex(signature);
  opcodeWidth[opcode] = width;
}

/** Opcodes in a row from `first`: the names of one signature; `-` leaves a hole. */
function defineRow(first: number, prefix: string, names: string, signature: string): void {
  names.split(' ').forEach((name, index) => {
    if (name !== '-') define(first + index, prefix + name, signature, IMMEDIATE_NONE);
  });
}

function defineControl(): void {
  define(OP_UNREACHABLE, 'unreachable', undefined, IMMEDIATE_NONE);
  define(OP_NOP, 'nop', ':', IMMEDIATE_NONE);
  define(OP_BLOCK, 'block', undefined, IMMEDIATE_BLOCK);
  define(OP_LOOP, 'loop', undefined, IMMEDIATE_BLOCK);
  define(OP_IF, 'if', undefined, IMMEDIATE_BLOCK);
  define(OP_ELSE, 'else', undefined, IMMEDIATE_NONE);
  define(OP_END, 'end', undefined, IMMEDIATE_NONE);
  define(OP_BR, 'br', undefined, IMMEDIATE_INDEX);
  define(OP_BR_IF, 'br_if', undefined, IMMEDIATE_INDEX);
  define(OP_BR_TABLE, 'br_table', undefined, IMMEDIATE_LABELS);
  define(OP_RETURN, 'return', undefined, IMMEDIATE_NONE);
  define(OP_CALL, 'call', undefined, IMMEDIATE_INDEX);
  define(OP_CALL_INDIRECT, 'call_indirect', undefined, IMMEDIATE_INDEX_INDEX);
  define(OP_RETURN_CALL, 'return_call', undefined, IMMEDIATE_INDEX);
  define(OP_RETURN_CALL_INDIRECT, 'return_call_indirect', undefined, IMMEDIATE_INDEX_INDEX);
  define(OP_TRY, 'try', undefined, IMMEDIATE_BLOCK);
  define(OP_CATCH, 'catch', undefined, IMMEDIATE_INDEX);
  define(OP_THROW, 'throw', undefined, IMMEDIATE_INDEX);
  define(OP_RETHROW, 'rethrow', undefined, IMMEDIATE_INDEX);
  define(OP_THROW_REF, 'throw_ref', undefined, IMMEDIATE_NONE);
  define(OP_DELEGATE, 'delegate', undefined, IMMEDIATE_INDEX);
  define(OP_CATCH_ALL, 'catch_all', undefined, IMMEDIATE_NONE);
  define(OP_TRY_TABLE, 'try_table', undefined, IMMEDIATE_TRY_TABLE);
  define(OP_BR_IF_THROWN, 'br_if_thrown', undefined, IMMEDIATE_INDEX);
  define(OP_RETURN_THROWN, 'return_thrown', undefined, IMMEDIATE_NONE);
  define(OP_DROP, 'drop', undefined, IMMEDIATE_NONE);
  define(OP_SELECT, 'select', undefined, IMMEDIATE_NONE);
  define(OP_SELECT_TYPED, 'select', undefined, IMMEDIATE_TYPES);
}

function defineVariablesAndTables(): void {
  define(OP_LOCAL_GET, 'local.get', undefined, IMMEDIATE_INDEX);
  define(OP_LOCAL_SET, 'local.set', undefined, IMMEDIATE_INDEX);
  define(OP_LOCAL_TEE, 'local.tee', undefined, IMMEDIATE_INDEX);
  define(OP_GLOBAL_GET, 'global.get', undefined, IMMEDIATE_INDEX);
  define(OP_GLOBAL_SET, 'global.set', undefined, IMMEDIATE_INDEX);
  define(OP_TABLE_GET, 'table.get', undefined, IMMEDIATE_INDEX);
  define(OP_TABLE_SET, 'table.set', undefined, IMMEDIATE_INDEX);
  define(OP_REF_NULL, 'ref.null', undefined, IMMEDIATE_REFERENCE_TYPE);
  define(OP_REF_IS_NULL, 'ref.is_null', undefined, IMMEDIATE_NONE);
  define(OP_REF_FUNC, 'ref.func', undefined, IMMEDIATE_INDEX);
  define(OP_MEMORY_INIT, 'memory.init', 'iii:', IMMEDIATE_INDEX_MEMORY);
  define(OP_DATA_DROP, 'data.drop', ':', IMMEDIATE_INDEX);
  define(OP_MEMORY_COPY, 'memory.copy', 'iii:', IMMEDIATE_MEMORY_MEMORY);
  define(OP_MEMORY_FILL, 'memory.fill', 'iii:', IMMEDIATE_MEMORY);
  define(OP_TABLE_INIT, 'table.init', 'iii:', IMMEDIATE_INDEX_INDEX);
  define(OP_ELEM_DROP, 'elem.drop', ':', IMMEDIATE_INDEX);
  define(OP_TABLE_COPY, 'table.copy', 'iii:', IMMEDIATE_INDEX_INDEX);
  define(OP_TABLE_GROW, 'table.grow', undefined, IMMEDIATE_INDEX);
  define(OP_TABLE_SIZE, 'table.size', ':i', IMMEDIATE_INDEX);
  define(OP_TABLE_FILL, 'table.fill', undefined, IMMEDIATE_INDEX);
}

function defineMemory(): void {
  const loads =
    'i32.load:i2 i64.load:l3 f32.load:f2 f64.load:d3 i32.load8_s:i0 i32.load8_u:i0 i32.load16_s:i1 i32.load16_u:i1 ' +
    'i64.load8_s:l0 i64.load8_u:l0 i64.load16_s:l1 i64.load16_u:l1 i64.load32_s:l2 i64.load32_u:l2';
  loads.split(' ').forEach((load, index) => {
    const [name = '', type = ''] = load.split(':');
    define(0x28 + index, name, `i:${type[0]}`, IMMEDIATE_MEMARG, Number(type[1]));
  });
  const stores =
    'i32.store:i2 i64.store:l3 f32.store:f2 f64.store:d3 i32.store8:i0 i32.store16:i1 i64.store8:l0 i64.store16:l1 ' +
    'i64.store32:l2';
  stores.split(' ').forEach((store, index) => {
    const [name = '', type = ''] = store.split(':');
    define(0x36 + index, name, `i${type[0]}:`, IMMEDIATE_MEMARG, Number(type[1]));
  });
  define(OP_MEMORY_SIZE, 'memory.size', ':i', IMMEDIATE_MEMORY);
  define(OP_MEMORY_GROW, 'memory.grow', 'i:i', IMMEDIATE_MEMORY);
}

function defineNumeric(): void {
  define(OP_I32_CONST, 'i32.const', ':i', IMMEDIATE_I32);
  define(OP_I64_CONST, 'i64.const', ':l', IMMEDIATE_I64);
  define(OP_F32_CONST, 'f32.const', ':f', IMMEDIATE_BYTES_4);
  define(OP_F64_CONST, 'f64.const', ':d', IMMEDIATE_BYTES_8);
  const compare = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
  const compareFloat = 'eq ne lt gt le ge';
  defineRow(0x45, 'i32.', 'eqz', 'i:i');
  defineRow(0x46, 'i32.', compare, 'ii:i');
  defineRow(0x50, 'i64.', 'eqz', 'l:i');
  defineRow(0x51, 'i64.', compare, 'll:i');
  defineRow(0x5b, 'f32.', compareFloat, 'ff:i');
  defineRow(0x61, 'f64.', compareFloat, 'dd:i');
  const integer = 'add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr';
  defineRow(0x67, 'i32.', 'clz ctz popcnt', 'i:i');
  defineRow(0x6a, 'i32.', integer, 'ii:i');
  defineRow(0x79, 'i64.', 'clz ctz popcnt', 'l:l');
  defineRow(0x7c, 'i64.', integer, 'll:l');
  defineRow(0x8b, 'f32.', 'abs neg ceil floor trunc nearest sqrt', 'f:f');
  defineRow(0x92, 'f32.', 'add sub mul div min max copysign', 'ff:f');
  defineRow(0x99, 'f64.', 'abs neg ceil floor trunc nearest sqrt', 'd:d');
  defineRow(0xa0, 'f64.', 'add sub mul div min max copysign', 'dd:d');
  defineRow(0xa7, 'i32.', 'wrap_i64', 'l:i');
  defineRow(0xa8, 'i32.', 'trunc_f32_s trunc_f32_u', 'f:i');
  defineRow(0xaa, 'i32.', 'trunc_f64_s trunc_f64_u', 'd:i');
  defineRow(0xac, 'i64.', 'extend_i32_s extend_i32_u', 'i:l');
  defineRow(0xae, 'i64.', 'trunc_f32_s trunc_f32_u', 'f:l');
  defineRow(0xb0, 'i64.', 'trunc_f64_s trunc_f64_u', 'd:l');
  defineRow(0xb2, 'f32.', 'convert_i32_s convert_i32_u', 'i:f');
  defineRow(0xb4, 'f32.', 'convert_i64_s convert_i64_u', 'l:f');
  defineRow(0xb6, 'f32.', 'demote_f64', 'd:f');
  defineRow(0xb7, 'f64.', 'convert_i32_s convert_i32_u', 'i:d');
  defineRow(0xb9, 'f64.', 'convert_i64_s convert_i64_u', 'l:d');
  defineRow(0xbb, 'f64.', 'promote_f32', 'f:d');
  defineRow(0xbc, 'i32.', 'reinterpret_f32', 'f:i');
  defineRow(0xbd, 'i64.', 'reinterpret_f64', 'd:l');
  defineRow(0xbe, 'f32.', 'reinterpret_i32', 'i:f');
  defineRow(0xbf, 'f64.', 'reinterpret_i64', 'l:d');
  defineRow(0xc0, 'i32.', 'extend8_s extend16_s', 'i:i');
  defineRow(0xc2, 'i64.', 'extend8_s extend16_s extend32_s', 'l:l');
  defineRow(PREFIX_FC, 'i32.', 'trunc_sat_f32_s trunc_sat_f32_u', 'f:i');
  defineRow(PREFIX_FC + 2, 'i32.', 'trunc_sat_f64_s trunc_sat_f64_u', 'd:i');
  defineRow(PREFIX_FC + 4, 'i64.', 'trunc_sat_f32_s trunc_sat_f32_u', 'f:l');
  defineRow(PREFIX_FC + 6, 'i64.', 'trunc_sat_f64_s trunc_sat_f64_u', 'd:l');
}

function defineVectorMemory(): void {
  const loads =
    'load:4 load8x8_s:3 load8x8_u:3 load16x4_s:3 load16x4_u:3 load32x2_s:3 load32x2_u:3 load8_splat:0 load16_splat:1 ' +
    'load32_splat:2 load64_splat:3';
  loads.split(' ').forEach((load, index) => {
    const [name = '', width = ''] = load.split(':');
    define(PREFIX_FD + index, `v128.${name}`, 'i:v', IMMEDIATE_MEMARG, Number(width));
  });
  define(PREFIX_FD + 11, 'v128.store', 'iv:', IMMEDIATE_MEMARG, 4);
  define(OP_V128_CONST, 'v128.const', ':v', IMMEDIATE_BYTES_16);
  define(PREFIX_FD + 13, 'i8x16.shuffle', 'vv:v', IMMEDIATE_BYTES_16);
  for (let index = 0; index < 4; index++) {
    define(PREFIX_FD + 84 + index, `v128.load${8 << index}_lane`, 'iv:v', IMMEDIATE_MEMARG_LANE, index);
    define(PREFIX_FD + 88 + index, `v128.store${8 << index}_lane`, 'iv:', IMMEDIATE_MEMARG_LANE, index);
  }
  define(PREFIX_FD + 92, 'v128.load32_zero', 'i:v', IMMEDIATE_MEMARG, 2);
  define(PREFIX_FD + 93, 'v128.load64_zero', 'i:v', IMMEDIATE_MEMARG, 3);
}

function defineVectorLanes(): void {
  define(PREFIX_FD + 14, 'i8x16.swizzle', 'vv:v', IMMEDIATE_NONE);
  const shapes = 'i8x16:i16 i16x8:i8 i32x4:i4 i64x2:l2 f32x4:f4 f64x2:d2'.split(' ').map(shape => {
    const [name = '', lane = ''] = shape.split(':');
    return { name, letter: lane[0]!, lanes: Number(lane.slice(1)) };
  });
  let opcode = PREFIX_FD + 21;
  shapes.forEach(({ name, letter, lanes }, index) => {
    define(PREFIX_FD + 15 + index, `${name}.splat`, `${letter}:v`, IMMEDIATE_NONE);
    const signed = lanes > 4 ? ['_s', '_u'] : [''];
    for (const sign of signed) define(opcode++, `${name}.extract_lane${sign}`, `v:${letter}`, IMMEDIATE_LANE, lanes);
    define(opcode++, `${name}.replace_lane`, `v${letter}:v`, IMMEDIATE_LANE, lanes);
  });
}

function defineVectorArithmetic(): void {
  const vv = 'vv:v';
  const compare = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
  const at = (index: number) => PREFIX_FD + index;
  defineRow(at(35), 'i8x16.', compare, vv);
  defineRow(at(45), 'i16x8.', compare, vv);
  defineRow(at(55), 'i32x4.', compare, vv);
  defineRow(at(65), 'f32x4.', 'eq ne lt gt le ge', vv);
  defineRow(at(71), 'f64x2.', 'eq ne lt gt le ge', vv);
  defineRow(at(77), 'v128.', 'not', 'v:v');
  defineRow(at(78), 'v128.', 'and andnot or xor', vv);
  defineRow(at(82), 'v128.', 'bitselect', 'vvv:v');
  defineRow(at(83), 'v128.', 'any_true', 'v:i');
  defineRow(at(94), '', 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4', 'v:v');
  const row = (first: number, shape: string, unary: string, test: string, shift: string, binary: string) => {
    defineRow(at(first), shape, unary, 'v:v');
    defineRow(at(first + 3), shape, test, 'v:i');
    defineRow(at(first + 11), shape, shift, 'vi:v');
    defineRow(at(first + 14), shape, binary, vv);
  };
  const shift = 'shl shr_s shr_u';
  row(
    96,
    'i8x16.',
    'abs neg popcnt',
    'all_true bitmask',
    shift,
    'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u - - min_s min_u max_s max_u - avgr_u',
  );
  defineRow(at(101), 'i8x16.', 'narrow_i16x8_s narrow_i16x8_u', vv);
  defineRow(at(103), 'f32x4.', 'ceil floor trunc nearest', 'v:v');
  defineRow(at(116), 'f64x2.', 'ceil floor', 'v:v');
  defineRow(at(122), 'f64x2.', 'trunc', 'v:v');
  defineRow(
    at(124),
    '',
    'i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u',
    'v:v',
  );
  row(
    128,
    'i16x8.',
    'abs neg',
    'all_true bitmask',
    shift,
    'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u - mul min_s min_u max_s max_u - avgr_u extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u',
  );
  defineRow(at(130), 'i16x8.', 'q15mulr_sat_s', vv);
  defineRow(at(133), 'i16x8.', 'narrow_i32x4_s narrow_i32x4_u', vv);
  defineRow(at(135), 'i16x8.', 'extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u', 'v:v');
  defineRow(at(148), 'f64x2.', 'nearest', 'v:v');
  row(
    160,
    'i32x4.',
    'abs neg',
    'all_true bitmask',
    shift,
    'add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s - extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u',
  );
  defineRow(at(167), 'i32x4.', 'extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u', 'v:v');
  row(
    192,
    'i64x2.',
    'abs neg',
    'all_true bitmask',
    shift,
    'add - - sub - - - mul eq ne lt_s gt_s le_s ge_s extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u',
  );
  defineRow(at(199), 'i64x2.', 'extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u', 'v:v');
  defineRow(at(224), 'f32x4.', 'abs neg - sqrt', 'v:v');
  defineRow(at(228), 'f32x4.', 'add sub mul div min max pmin pmax', vv);
  defineRow(at(236), 'f64x2.', 'abs neg - sqrt', 'v:v');
  defineRow(at(240), 'f64x2.', 'add sub mul div min max pmin pmax', vv);
  defineRow(
    at(248),
    '',
    'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u',
    'v:v',
  );
}

function defineRelaxed(): void {
  const at = (index: number) => OP_RELAXED_FIRST + index;
  defineRow(at(0), 'i8x16.', 'relaxed_swizzle', 'vv:v');
  const truncations = 'f32x4_s f32x4_u f64x2_s_zero f64x2_u_zero';
  defineRow(at(1), 'i32x4.relaxed_trunc_', truncations, 'v:v');
  defineRow(at(5), 'f32x4.', 'relaxed_madd relaxed_nmadd', 'vvv:v');
  defineRow(at(7), 'f64x2.', 'relaxed_madd relaxed_nmadd', 'vvv:v');
  'i8x16 i16x8 i32x4 i64x2'.split(' ').forEach((shape, index) => {
    define(at(9 + index), `${shape}.relaxed_laneselect`, 'vvv:v', IMMEDIATE_NONE);
  });
  defineRow(at(13), 'f32x4.', 'relaxed_min relaxed_max', 'vv:v');
  defineRow(at(15), 'f64x2.', 'relaxed_min relaxed_max', 'vv:v');
  defineRow(at(17), 'i16x8.', 'relaxed_q15mulr_s relaxed_dot_i8x16_i7x16_s', 'vv:v');
  defineRow(at(19), 'i32x4.', 'relaxed_dot_i8x16_i7x16_add_s', 'vvv:v');
}

function defineAtomics(): void {
  const access = (opcode: number, name: string, type: string, width: number) =>
    define(opcode, name, type, IMMEDIATE_MEMARG_ATOMIC, width);
  access(OP_ATOMIC_NOTIFY, 'memory.atomic.notify', 'ii:i', 2);
  access(OP_ATOMIC_WAIT32, 'memory.atomic.wait32', 'iil:i', 2);
  access(OP_ATOMIC_WAIT64, 'memory.atomic.wait64', 'ill:i', 3);
  define(OP_ATOMIC_FENCE, 'atomic.fence', ':', IMMEDIATE_ZERO);
  ATOMIC_SHAPES.forEach((shape, index) => {
    const letter = shape[0]!;
    const width = Number(shape[1]);
    const type = letter === 'i' ? 'i32' : 'i64';
    const narrow = width === (letter === 'i' ? 2 : 3) ? '' : String(8 << width);
    const sign = narrow === '' ? '' : '_u';
    access(OP_ATOMIC_LOAD + index, `${type}.atomic.load${narrow}${sign}`, `i:${letter}`, width);
    access(OP_ATOMIC_STORE + index, `${type}.atomic.store${narrow}`, `i${letter}:`, width);
    'add sub and or xor xchg cmpxchg'.split(' ').forEach((operation, row) => {
      const operands = operation === 'cmpxchg' ? letter + letter : letter;
      const name = `${type}.atomic.rmw${narrow}.${operation}${sign}`;
      access(OP_ATOMIC_RMW + row * 7 + index, name, `i${operands}:${letter}`, width);
    });
  });
}

defineControl();
defineVariablesAndTables();
defineMemory();
defineNumeric();
defineVectorMemory();
defineVectorLanes();
defineVectorArithmetic();
defineRelaxed();
defineAtomics();
