// Atomics of a guest that has one thread: plain loads and stores, at addresses that have to be aligned.
//
//   load, store      the plain one
//   rmw              load, operation, store; the result is what was loaded
//   cmpxchg          load; store if it is what was expected, of which a narrow one takes as many bits as it loads
//   fence            nothing
//   notify           nobody waits: 0
//   wait             another value is there: 1. Else nobody will ever notify: 2 (timed out), at once, or, without an end, a trap
//
// An address that is not aligned is a trap: an `unreachable`, at a count that is exact. It comes before one for the
// bounds, as in V8. Between load and store there is no boundary, but where every instruction is one, and nobody to see it.

import {
  ATOMIC_SHAPES,
  OP_ATOMIC_FENCE,
  OP_ATOMIC_LOAD,
  OP_ATOMIC_NOTIFY,
  OP_ATOMIC_RMW,
  OP_ATOMIC_STORE,
  OP_ATOMIC_WAIT32,
  OP_ATOMIC_WAIT64,
  OP_DROP,
  OP_I32_ADD,
  OP_I32_EQ,
  OP_I64_CONST,
  OP_UNREACHABLE,
} from '../../wasm/opcodes.js';
import { I32, I64, type ValueType } from '../../wasm/types.js';
import type { CodeWriter } from '../code.js';
import type { Temporaries } from './temporaries.js';

const I32_AND = 0x71;
const I32_NE = 0x47;
const I64_AND = 0x83;
const I32_WRAP_I64 = 0xa7;
const I64_EXTEND_I32_U = 0xad;
const I64_EQ = 0x51;
const I64_NE = 0x52;
const I64_LT_S = 0x53;
/** Plain accesses in the order of ATOMIC_SHAPES. */
const LOADS: readonly number[] = [0x28, 0x29, 0x2d, 0x2f, 0x31, 0x33, 0x35];
const STORES: readonly number[] = [0x36, 0x37, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e];
/** add sub and or xor, then those that do not compute. */
const OPERATIONS_I32: readonly number[] = [0x6a, 0x6b, 0x71, 0x72, 0x73];
const OPERATIONS_I64: readonly number[] = [0x7c, 0x7d, 0x83, 0x84, 0x85];
const ROW_EXCHANGE = 5;
const NOT_EQUAL = 1;
const TIMED_OUT = 2;

/**
 * Writes what stands for an atomic instruction; its operands are on the stack.
 *
 * @param offset of its memarg, in bytes; @param shared the memory is declared shared: in another one nobody may wait
 */
export function writeAtomic(
  code: CodeWriter,
  temporaries: Temporaries,
  opcode: number,
  offset: number,
  shared: boolean,
): void {
  if (opcode === OP_ATOMIC_FENCE) return;
  const access = new Access(code, temporaries, offset);
  if (opcode === OP_ATOMIC_NOTIFY) access.notify();
  else if (opcode === OP_ATOMIC_WAIT32 || opcode === OP_ATOMIC_WAIT64) {
    access.wait(opcode === OP_ATOMIC_WAIT32 ? 0 : 1, shared);
  } else if (opcode < OP_ATOMIC_STORE) access.load(opcode - OP_ATOMIC_LOAD);
  else if (opcode < OP_ATOMIC_RMW) access.store(opcode - OP_ATOMIC_STORE);
  else {
    const row = Math.floor((opcode - OP_ATOMIC_RMW) / ATOMIC_SHAPES.length);
    const shape = (opcode - OP_ATOMIC_RMW) % ATOMIC_SHAPES.length;
    if (row <= ROW_EXCHANGE) access.change(shape, row);
    else access.compareAndExchange(shape);
  }
}

/** One access: the address, once it has been taken from the stack, is in a local. */
class Access {
  readonly #code: CodeWriter;
  readonly #temporaries: Temporaries;
  readonly #offset: number;
  readonly #address: number;

  constructor(code: CodeWriter, temporaries: Temporaries, offset: number) {
    this.#code = code;
    this.#temporaries = temporaries;
    this.#offset = offset;
    this.#address = temporaries.local(I32, 'address');
  }

  load(shape: number): void {
    this.#takeAddress(shape);
    this.#pushLoaded(shape);
  }

  store(shape: number): void {
    const value = this.#take(typeOf(shape), 'value');
    this.#takeAddress(shape);
    this.#store(shape, value);
  }

  change(shape: number, row: number): void {
    const type = typeOf(shape);
    const code = this.#code;
    const value = this.#take(type, 'value');
    this.#takeAddress(shape);
    const loaded = this.#temporaries.local(type, 'loaded');
    this.#pushLoaded(shape);
    code.localSet(loaded);
    if (row < ROW_EXCHANGE) {
      code.localGet(loaded);
      code.localGet(value);
      code.op((type === I32 ? OPERATIONS_I32 : OPERATIONS_I64)[row]!);
      code.localSet(value);
    }
    this.#store(shape, value);
    code.localGet(loaded);
  }

  compareAndExchange(shape: number): void {
    const type = typeOf(shape);
    const code = this.#code;
    const value = this.#take(type, 'value');
    const expected = this.#take(type, 'expected');
    this.#takeAddress(shape);
    const loaded = this.#temporaries.local(type, 'loaded');
    this.#pushLoaded(shape);
    code.localTee(loaded);
    code.localGet(expected);
    this.#wrap(shape);
    code.op(type === I32 ? OP_I32_EQ : I64_EQ);
    code.if();
    this.#store(shape, value);
    code.end();
    code.localGet(loaded);
  }

  /** Of the value on the stack, as many bits as an access has. */
  #wrap(shape: number): void {
    const code = this.#code;
    const bits = 8 << widthOf(shape);
    if (typeOf(shape) === I32) {
      if (bits === 32) return;
      code.i32((1 << bits) - 1);
      code.op(I32_AND);
    } else if (bits === 32) {
      code.op(I32_WRAP_I64);
      code.op(I64_EXTEND_I32_U);
    } else if (bits < 32) {
      code.op(OP_I64_CONST);
      code.s32((1 << bits) - 1);
      code.op(I64_AND);
    }
  }

  notify(): void {
    this.#code.op(OP_DROP);
    this.#takeAddress(0);
    this.#pushLoaded(0);
    this.#code.op(OP_DROP);
    this.#code.i32(0);
  }

  wait(shape: number, shared: boolean): void {
    const type = typeOf(shape);
    const code = this.#code;
    const timeout = this.#take(I64, 'timeout');
    const expected = this.#take(type, 'expected');
    this.#takeAddress(shape);
    this.#pushLoaded(shape);
    if (!shared) this.#code.op(OP_UNREACHABLE);
    code.localGet(expected);
    code.op(type === I32 ? I32_NE : I64_NE);
    code.if(I32 - 128);
    code.i32(NOT_EQUAL);
    code.else();
    code.localGet(timeout);
    code.op(OP_I64_CONST);
    code.byte(0);
    code.op(I64_LT_S);
    this.#trapIf();
    code.i32(TIMED_OUT);
    code.end();
  }

  /** Takes what is on top of the stack into a local, and says which. */
  #take(type: ValueType, purpose: string): number {
    const local = this.#temporaries.local(type, purpose);
    this.#code.localSet(local);
    return local;
  }

  #takeAddress(shape: number): void {
    const code = this.#code;
    const mask = (1 << widthOf(shape)) - 1;
    if (mask === 0) {
      code.localSet(this.#address);
      return;
    }
    code.localTee(this.#address);
    if ((this.#offset & mask) !== 0) {
      code.i32(this.#offset & mask);
      code.op(OP_I32_ADD);
    }
    code.i32(mask);
    code.op(I32_AND);
    this.#trapIf();
  }

  #trapIf(): void {
    this.#code.if();
    this.#code.op(OP_UNREACHABLE);
    this.#code.end();
  }

  #pushLoaded(shape: number): void {
    this.#code.localGet(this.#address);
    this.#access(LOADS[shape]!, shape);
  }

  #store(shape: number, value: number): void {
    this.#code.localGet(this.#address);
    this.#code.localGet(value);
    this.#access(STORES[shape]!, shape);
  }

  #access(opcode: number, shape: number): void {
    this.#code.op(opcode);
    this.#code.u32(widthOf(shape));
    this.#code.u32(this.#offset);
  }
}

function typeOf(shape: number): ValueType {
  return ATOMIC_SHAPES[shape]![0] === 'i' ? I32 : I64;
}

function widthOf(shape: number): number {
  return Number(ATOMIC_SHAPES[shape]![1]);
}
