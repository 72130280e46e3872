// Writes instructions: what the passes insert, and the bodies of generated functions.

import { BLOCK_EMPTY } from '../wasm/instructions.js';
import {
  BYTE_FC,
  BYTE_FD,
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_CALL,
  OP_ELSE,
  OP_END,
  OP_F32_CONST,
  OP_F64_CONST,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_I32_CONST,
  OP_I64_CONST,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_REF_FUNC,
  OP_REF_NULL,
  OP_V128_CONST,
  PREFIX_FC,
  PREFIX_FD,
} from '../wasm/opcodes.js';
import { F32, F64, I32, I64, V128, type ValueType } from '../wasm/types.js';
import { Writer } from '../wasm/writer.js';

/** Block types as the reader gives them: BLOCK_EMPTY, a value type less 128, or a type index. */
type BlockType = number;

/** A branch hint: where in the body the branch stands, and whether its condition is mostly true. */
export interface BranchHint {
  readonly offset: number;
  readonly likely: boolean;
}

/** An index of one byte may become one of three: there are at most a million of anything. */
const INDEX_GROWTH = 2;
/** `ref.func f` becomes `i32.const f  table.get t`. */
const REFERENCE_GROWTH = 6;

export class CodeWriter extends Writer {
  #hints: BranchHint[] = [];
  #indexes = 0;
  #references = 0;

  /** Indexes written that are others in another module: of functions, globals, added types. */
  get indexes(): number {
    return this.#indexes;
  }

  /** The length of the same code in a continuation module, at most. */
  get widest(): number {
    return this.length + this.#indexes * INDEX_GROWTH + this.#references * REFERENCE_GROWTH;
  }

  /** Which way branches go, by ascending offsets, for branch-hints.ts. */
  get hints(): readonly BranchHint[] {
    return this.#hints;
  }

  override clear(): void {
    super.clear();
    this.#hints = [];
    this.#indexes = 0;
    this.#references = 0;
  }

  /** Goes back to where the body was `length` bytes long. */
  truncate(length: number): void {
    this.length = length;
    while (this.#hints.length > 0 && this.#hints[this.#hints.length - 1]!.offset >= length) this.#hints.pop();
  }

  /** An opcode without immediates, or before them. */
  op(opcode: number): void {
    if (opcode < PREFIX_FC) {
      this.byte(opcode);
      return;
    }
    this.byte(opcode < PREFIX_FD ? BYTE_FC : BYTE_FD);
    this.u32(opcode & 0xff);
  }

  /** Begins a body with these locals, one group each. */
  locals(types: readonly ValueType[]): void {
    this.u32(types.length);
    for (const type of types) {
      this.u32(1);
      this.byte(type);
    }
  }

  /** An instruction whose index is another one in another module. */
  indexed(opcode: number, index: number): void {
    this.byte(opcode);
    this.u32(index);
    this.#indexes++;
  }

  /** A reference to a function, declared where the module needs it. */
  refFunc(index: number): void {
    this.byte(OP_REF_FUNC);
    this.u32(index);
    this.#references++;
  }

  localGet(index: number): void {
    this.byte(OP_LOCAL_GET);
    this.u32(index);
  }

  localSet(index: number): void {
    this.byte(OP_LOCAL_SET);
    this.u32(index);
  }

  localTee(index: number): void {
    this.byte(OP_LOCAL_TEE);
    this.u32(index);
  }

  globalGet(index: number): void {
    this.indexed(OP_GLOBAL_GET, index);
  }

  globalSet(index: number): void {
    this.indexed(OP_GLOBAL_SET, index);
  }

  i32(value: number): void {
    this.byte(OP_I32_CONST);
    this.s32(value);
  }

  /** The zero or null of a type. */
  zero(type: ValueType): void {
    switch (type) {
      case I32:
      case I64:
        this.byte(type === I32 ? OP_I32_CONST : OP_I64_CONST);
        this.byte(0);
        return;
      case F32:
      case F64:
        this.byte(type === F32 ? OP_F32_CONST : OP_F64_CONST);
        for (let byte = 0; byte < (type === F32 ? 4 : 8); byte++) this.byte(0);
        return;
      case V128:
        this.op(OP_V128_CONST);
        for (let byte = 0; byte < 16; byte++) this.byte(0);
        return;
      default:
        this.byte(OP_REF_NULL);
        this.byte(type);
    }
  }

  call(index: number): void {
    this.indexed(OP_CALL, index);
  }

  #begin(opcode: number, type: BlockType): void {
    this.byte(opcode);
    this.s32(type);
    if (type >= 0) this.#indexes++;
  }

  block(type: BlockType = BLOCK_EMPTY): void {
    this.#begin(OP_BLOCK, type);
  }

  loop(type: BlockType = BLOCK_EMPTY): void {
    this.#begin(OP_LOOP, type);
  }

  if(type: BlockType = BLOCK_EMPTY): void {
    this.#begin(OP_IF, type);
  }

  /** An `if` that is seldom entered. */
  ifUnlikely(type: BlockType = BLOCK_EMPTY): void {
    this.#hints.push({ offset: this.length, likely: false });
    this.if(type);
  }

  else(): void {
    this.byte(OP_ELSE);
  }

  end(): void {
    this.byte(OP_END);
  }

  br(label: number): void {
    this.byte(OP_BR);
    this.u32(label);
  }

  brIf(label: number): void {
    this.byte(OP_BR_IF);
    this.u32(label);
  }

  /** A `br_if` that is mostly taken. */
  brIfLikely(label: number): void {
    this.#hints.push({ offset: this.length, likely: true });
    this.brIf(label);
  }
}
