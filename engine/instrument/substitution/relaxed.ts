// Relaxed vector operations by the deterministic profile of WebAssembly 3.0, made of those of WebAssembly 2.0.
//
//   relaxed_swizzle               swizzle                 an index that is too large gives 0
//   relaxed_trunc                 trunc_sat
//   relaxed_madd  a b c           add (mul a b) c         rounded twice, never fused
//   relaxed_nmadd a b c           add (neg (mul a b)) c
//   relaxed_laneselect            bitselect               every bit of the mask counts
//   relaxed_min, max              min, max
//   relaxed_q15mulr               q15mulr_sat
//   relaxed_dot i16x8             both signed, sums of two saturated
//   relaxed_dot_add i32x4         those sums added pairwise, and c

import { OP_RELAXED_FIRST, PREFIX_FD } from '../../wasm/opcodes.js';
import { V128 } from '../../wasm/types.js';
import type { CodeWriter } from '../code.js';
import type { Temporaries } from './temporaries.js';

/** Sub-opcodes of the plain operation, where there is one, in the order of the relaxed ones; 0 where there is none. */
const SAME: readonly number[] = [14, 248, 249, 252, 253, 0, 0, 0, 0, 82, 82, 82, 82, 232, 233, 244, 245, 130, 0, 0];
const MADD_F32X4 = 5;
const MADD_F64X2 = 7;
const DOT_ADD = 19;

const NEG = { f32x4: PREFIX_FD + 225, f64x2: PREFIX_FD + 237 };
const ADD = { f32x4: PREFIX_FD + 228, f64x2: PREFIX_FD + 240 };
const MUL = { f32x4: PREFIX_FD + 230, f64x2: PREFIX_FD + 242 };
const SHUFFLE = PREFIX_FD + 13;
const I32X4_EXTADD_PAIRWISE = PREFIX_FD + 126;
const I16X8_ADD_SAT = PREFIX_FD + 143;
const I16X8_EXTMUL_LOW = PREFIX_FD + 156;
const I16X8_EXTMUL_HIGH = PREFIX_FD + 157;
const I32X4_ADD = PREFIX_FD + 174;

/** Writes what stands for a relaxed operation; its operands are on the stack. */
export function writeRelaxed(code: CodeWriter, temporaries: Temporaries, opcode: number): void {
  const number = opcode - OP_RELAXED_FIRST;
  const same = SAME[number]!;
  if (same !== 0) code.op(PREFIX_FD + same);
  else if (number < MADD_F64X2) multiplyAdd(code, temporaries, 'f32x4', number !== MADD_F32X4);
  else if (number < DOT_ADD - 1) multiplyAdd(code, temporaries, 'f64x2', number !== MADD_F64X2);
  else if (number < DOT_ADD) dot(code, temporaries);
  else {
    const sum = temporaries.local(V128, 'sum');
    code.localSet(sum);
    dot(code, temporaries);
    code.op(I32X4_EXTADD_PAIRWISE);
    code.localGet(sum);
    code.op(I32X4_ADD);
  }
}

function multiplyAdd(code: CodeWriter, temporaries: Temporaries, shape: 'f32x4' | 'f64x2', negated: boolean): void {
  const sum = temporaries.local(V128, 'sum');
  code.localSet(sum);
  code.op(MUL[shape]);
  if (negated) code.op(NEG[shape]);
  code.localGet(sum);
  code.op(ADD[shape]);
}

/** All sixteen products, in two vectors; then those of even and those of odd lanes are added. */
function dot(code: CodeWriter, temporaries: Temporaries): void {
  const first = temporaries.local(V128, 'first');
  const second = temporaries.local(V128, 'second');
  const low = temporaries.local(V128, 'low');
  code.localSet(second);
  code.localTee(first);
  code.localGet(second);
  code.op(I16X8_EXTMUL_LOW);
  code.localSet(low);
  code.localGet(first);
  code.localGet(second);
  code.op(I16X8_EXTMUL_HIGH);
  code.localSet(second);
  for (const odd of [0, 1]) {
    code.localGet(low);
    code.localGet(second);
    code.op(SHUFFLE);
    for (let lane = 0; lane < 8; lane++) {
      code.byte(lane * 4 + odd * 2);
      code.byte(lane * 4 + odd * 2 + 1);
    }
  }
  code.op(I16X8_ADD_SAT);
}
