// Walks over the instructions of a function body or constant expression, one at a time, without making objects.

import type { EpochvisorError } from '../errors/errors.js';
import { checkLimit, ENGINE_LIMITS } from './engine-limits.js';
import {
  BYTE_FC,
  IMMEDIATE_BLOCK,
  IMMEDIATE_BYTES_4,
  IMMEDIATE_BYTES_8,
  IMMEDIATE_BYTES_16,
  IMMEDIATE_I32,
  IMMEDIATE_I64,
  IMMEDIATE_INDEX,
  IMMEDIATE_INDEX_INDEX,
  IMMEDIATE_INDEX_MEMORY,
  IMMEDIATE_LABELS,
  IMMEDIATE_LANE,
  IMMEDIATE_MEMARG,
  IMMEDIATE_MEMARG_ATOMIC,
  IMMEDIATE_MEMARG_LANE,
  IMMEDIATE_MEMORY,
  IMMEDIATE_MEMORY_MEMORY,
  IMMEDIATE_NONE,
  IMMEDIATE_REFERENCE_TYPE,
  IMMEDIATE_TRY_TABLE,
  IMMEDIATE_TYPES,
  IMMEDIATE_ZERO,
  opcodeImmediate,
  opcodeName,
  opcodeWidth,
  PREFIX_FC,
  PREFIX_FD,
  PREFIX_FE,
} from './opcodes.js';
import { malformed, Reader } from './reader.js';
import { isReferenceType, isValueType } from './types.js';
import { featureOfOpcode, featureOfType, UNSUPPORTED, unsupported } from './unsupported.js';

/** The block type of `block`, `loop` and `if` without parameters and results. */
export const BLOCK_EMPTY = -64;

/** By the byte before a sub-opcode, from BYTE_FC on: what is added to it, and the number of those that tables have. */
const PREFIXES: readonly number[] = [PREFIX_FC, PREFIX_FD, PREFIX_FE, 0];
const PREFIXED: readonly number[] = [0x100, 0x200, 0x100, 0];

/** Catch clauses of try_table: of a tag or of all, with a reference to the exception or without. */
export const CATCH = 0;
export const CATCH_REF = 1;
export const CATCH_ALL = 2;
export const CATCH_ALL_REF = 3;

/**
 * After `next()`, the fields describe one instruction: where it stands, its opcode (flattened as opcodes.ts says), and
 * those of its immediates that anything needs. The fields of immediates that it does not have are stale.
 */
export class InstructionReader extends Reader {
  /** For messages: the function being read, as `function 12 (name)`. */
  where = 'a constant expression';
  /** Offset of the opcode; `pos` is the offset after the last immediate. */
  start = 0;
  opcode = 0;
  /** Block type: negative = value type less 128 (or BLOCK_EMPTY), else type index. */
  blockType = 0;
  /** First index: label, function, type (call_indirect), local, global, table, segment; for memargs the alignment. */
  index = 0;
  /** The offset of a memarg. */
  offset = 0;
  /** Second index: table of call_indirect and table.init, source of table.copy; for memargs unused. */
  index2 = 0;
  /** The type of ref.null and of typed select. */
  type = 0;
  /** Value of i32.const. */
  value = 0;
  /** Labels of br_table, the default last: `labels[0, labelCount)`. */
  labels = new Uint32Array(64);
  labelCount = 0;
  /** Catch clauses of try_table, one after another: CATCH_*, tag (0 where there is none), label. */
  readonly catches: number[] = [];

  next(): void {
    const start = this.pos;
    this.start = start;
    const first = this.byte();
    if (first >= BYTE_FC) {
      this.#prefixed(first);
      return;
    }
    this.opcode = first;
    const immediate = opcodeImmediate[first]!;
    if (immediate === IMMEDIATE_NONE) return;
    // Nearly all indexes take one byte.
    if (immediate === IMMEDIATE_INDEX && this.pos < this.end && this.bytes[this.pos]! < 0x80) {
      this.index = this.bytes[this.pos++]!;
      return;
    }
    this.#immediates(immediate, first);
  }

  #prefixed(first: number): void {
    const sub = this.u32();
    if (sub >= PREFIXED[first - BYTE_FC]!) throw this.#unknown(first, sub);
    this.opcode = PREFIXES[first - BYTE_FC]! + sub;
    this.#immediates(opcodeImmediate[this.opcode]!, this.opcode);
  }

  #immediates(immediate: number, opcode: number): void {
    switch (immediate) {
      case IMMEDIATE_NONE:
        // Of those with a prefix.
        return;
      case IMMEDIATE_INDEX:
        this.index = this.u32();
        return;
      case IMMEDIATE_I32:
        this.value = this.s32();
        return;
      case IMMEDIATE_MEMARG:
        this.#memarg(opcode);
        return;
      case IMMEDIATE_BLOCK:
        this.#block();
        return;
      case IMMEDIATE_INDEX_INDEX:
        this.index = this.u32();
        this.index2 = this.u32();
        return;
      case IMMEDIATE_I64:
        this.skipS64();
        return;
      case IMMEDIATE_BYTES_4:
        this.skip(4);
        return;
      case IMMEDIATE_BYTES_8:
        this.skip(8);
        return;
      default:
        this.#rareImmediates(immediate, opcode);
    }
  }

  #rareImmediates(immediate: number, opcode: number): void {
    switch (immediate) {
      case IMMEDIATE_LABELS:
        this.#labels();
        return;
      case IMMEDIATE_BYTES_16:
        this.skip(16);
        if (opcodeName[opcode] === 'i8x16.shuffle') this.#shuffle();
        return;
      case IMMEDIATE_MEMARG_LANE:
        this.#memarg(opcode);
        this.#lane(16 >> opcodeWidth[opcode]!);
        return;
      case IMMEDIATE_MEMARG_ATOMIC: {
        const at = this.pos;
        this.#memarg(opcode);
        if (this.index !== opcodeWidth[opcode]) throw malformed('atomic alignment must be natural', at);
        return;
      }
      case IMMEDIATE_ZERO:
        if (this.byte() !== 0) throw malformed('zero byte expected', this.pos - 1);
        return;
      case IMMEDIATE_LANE:
        this.#lane(opcodeWidth[opcode]!);
        return;
      case IMMEDIATE_TYPES:
        this.#types();
        return;
      case IMMEDIATE_REFERENCE_TYPE:
        this.type = this.byte();
        if (!isReferenceType(this.type)) throw this.#unknownType(this.type, this.pos - 1);
        return;
      case IMMEDIATE_TRY_TABLE:
        this.#block();
        this.#catches();
        return;
      case IMMEDIATE_MEMORY_MEMORY:
        this.#zero();
        this.#zero();
        return;
      case IMMEDIATE_MEMORY:
        this.#zero();
        return;
      case IMMEDIATE_INDEX_MEMORY:
        this.index = this.u32();
        this.#zero();
        return;
      default:
        throw this.#unknown(
          this.bytes[this.start]!,
          opcode < PREFIX_FC ? 0 : opcode - PREFIXES[this.bytes[this.start]! - BYTE_FC]!,
        );
    }
  }

  #block(): void {
    const at = this.pos;
    this.blockType = this.s33();
    if (this.blockType >= 0 || this.blockType === BLOCK_EMPTY) return;
    if (!isValueType(this.blockType + 128)) throw this.#unknownType(this.blockType + 128, at);
  }

  #labels(): void {
    const count = this.count('labels') + 1;
    if (count > ENGINE_LIMITS.labels.most) {
      checkLimit(ENGINE_LIMITS.labels, count - 1, `${this.where} at byte ${this.start}`, 'as it is');
    }
    if (count > this.labels.length) this.labels = new Uint32Array(count * 2);
    for (let i = 0; i < count; i++) this.labels[i] = this.u32();
    this.labelCount = count;
  }

  #catches(): void {
    const count = this.count('catch clauses');
    if (count > ENGINE_LIMITS.labels.most) {
      checkLimit(ENGINE_LIMITS.labels, count, `${this.where} at byte ${this.start}`, 'as it is');
    }
    this.catches.length = 0;
    for (let clause = 0; clause < count; clause++) {
      const at = this.pos;
      const kind = this.byte();
      if (kind > CATCH_ALL_REF) throw malformed('malformed catch clause', at);
      const tag = kind < CATCH_ALL ? this.u32() : 0;
      this.catches.push(kind, tag, this.u32());
    }
  }

  #memarg(opcode: number): void {
    const at = this.pos;
    this.index = this.u32();
    if (this.index >= 0x40 && this.index < 0x80) throw unsupported(UNSUPPORTED.severalMemories, this.where, at);
    if (this.index > 0x80) throw malformed('malformed memop flags', at);
    if (this.index > opcodeWidth[opcode]!) throw malformed('alignment must not be larger than natural', at);
    this.offset = this.u32();
  }

  #lane(lanes: number): void {
    if (this.byte() >= lanes) throw malformed('invalid lane index', this.pos - 1);
  }

  #shuffle(): void {
    for (let at = this.pos - 16; at < this.pos; at++)
      if (this.bytes[at]! >= 32) throw malformed('invalid lane index', at);
  }

  #types(): void {
    const count = this.count('types');
    if (count !== 1) throw malformed('invalid result arity', this.start);
    this.type = this.byte();
    if (!isValueType(this.type)) throw this.#unknownType(this.type, this.pos - 1);
  }

  #zero(): void {
    const at = this.pos;
    if (this.byte() === 0) return;
    throw unsupported(UNSUPPORTED.severalMemories, this.where, at);
  }

  #unknown(first: number, second: number): EpochvisorError {
    const feature = featureOfOpcode(first, second);
    if (feature !== undefined) return unsupported(feature, this.where, this.start);
    return malformed(`illegal opcode ${first.toString(16)}`, this.start);
  }

  #unknownType(byte: number, at: number): EpochvisorError {
    const feature = featureOfType(byte);
    return feature === undefined ? malformed('malformed type', at) : unsupported(feature, this.where, at);
  }
}
