// Writes instructions: what the passes insert, and the bodies of generated functions.

import { BLOCK_EMPTY } from '../wasm/instructions.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_CALL,
  OP_ELSE,
  OP_END,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_I32_CONST,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  PREFIX_FC,
  PREFIX_FD,
} from '../wasm/opcodes.js';
import type { ValueType } from '../wasm/types.js';
import { Writer } from '../wasm/writer.js';

/** Block types as the reader gives them: BLOCK_EMPTY, a value type less 128, or a type index. */
export type BlockType = number;

export class CodeWriter extends Writer {
  /** An opcode without immediates, or before them. */
  op(opcode: number): void {
    if (opcode < PREFIX_FC) {
      this.byte(opcode);
      return;
    }
    this.byte(opcode < PREFIX_FD ? 0xfc : 0xfd);
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
    this.byte(OP_GLOBAL_GET);
    this.u32(index);
  }

  globalSet(index: number): void {
    this.byte(OP_GLOBAL_SET);
    this.u32(index);
  }

  i32(value: number): void {
    this.byte(OP_I32_CONST);
    this.s32(value);
  }

  call(index: number): void {
    this.byte(OP_CALL);
    this.u32(index);
  }

  #begin(opcode: number, type: BlockType): void {
    this.byte(opcode);
    this.s32(type);
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
}
