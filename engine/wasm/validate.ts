// The validation algorithm of the specification (appendix), as a machine that passes can watch instruction by instruction.
//
// It keeps the types of the operand stack and of the enclosing blocks. Passes need them for more than refusing bad
// modules: which operands lie below a call, which block a branch leaves, where code is dead. Next to the type of each
// operand stands a number (`sources`) that a pass may set after the instruction that pushed it and read before the one
// that pops it; the validator itself pushes 0.

import { EpochvisorError } from '../errors/errors.js';
import { ENGINE_LIMITS, tooMany } from './engine-limits.js';
import { BLOCK_EMPTY, CATCH_ALL, CATCH_ALL_REF, CATCH_REF, type InstructionReader } from './instructions.js';
import { Lookups } from './lookups.js';
import type { IndexSpaces, Module } from './module.js';
import {
  OP_BLOCK,
  OP_BR,
  OP_BR_IF,
  OP_BR_IF_THROWN,
  OP_BR_TABLE,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_CATCH,
  OP_CATCH_ALL,
  OP_CONTROL_LAST,
  OP_DELEGATE,
  OP_DROP,
  OP_ELSE,
  OP_END,
  OP_GLOBAL_GET,
  OP_GLOBAL_SET,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_SET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_MEMORY_GROW,
  OP_REF_FUNC,
  OP_REF_IS_NULL,
  OP_REF_NULL,
  OP_RELAXED_FIRST,
  OP_RETHROW,
  OP_RETURN,
  OP_RETURN_CALL,
  OP_RETURN_CALL_INDIRECT,
  OP_RETURN_THROWN,
  OP_SELECT,
  OP_SELECT_TYPED,
  OP_TABLE_FILL,
  OP_TABLE_GET,
  OP_TABLE_GROW,
  OP_TABLE_SET,
  OP_THROW,
  OP_TRY,
  OP_TRY_TABLE,
  OP_UNREACHABLE,
  opcodeName,
  opcodeSignature,
  signatures,
} from './opcodes.js';
import { malformed } from './reader.js';
import {
  EXNREF,
  FUNCREF,
  type FunctionType,
  I32,
  isReferenceType,
  isValueType,
  V128,
  type ValueType,
  valueTypeName,
} from './types.js';

/** The type of an operand that dead code pops from nowhere. */
const UNKNOWN: ValueType = 0;
const NONE: readonly ValueType[] = [];
const SINGLE: readonly (readonly ValueType[])[] = Array.from({ length: 128 }, (_, type) => [type]);

/** One enclosing block. */
export interface Control {
  /** OP_BLOCK, OP_LOOP, OP_IF, OP_ELSE, OP_TRY, OP_CATCH, OP_CATCH_ALL, OP_TRY_TABLE; the function itself counts as OP_BLOCK. */
  opcode: number;
  params: readonly ValueType[];
  results: readonly ValueType[];
  /** Operands below the block's own. */
  height: number;
  /** The rest of the block cannot be reached. */
  dead: boolean;
}

export class Validator {
  readonly #find: Lookups;
  readonly #lowered: boolean;
  /** Something has been met that lowering takes away. */
  exceptional = false;
  /** An instruction has been met that is to be replaced: a relaxed vector operation, an atomic. */
  replaceable = false;
  /** Types of the parameters and locals of the function: `locals[0, localCount)`. */
  readonly locals = new Uint8Array(ENGINE_LIMITS.locals.most);
  localCount = 0;
  /** How many of them are vectors. */
  vectorCount = 0;
  /** Operand types: `types[0, height)`. */
  types = new Uint8Array(256);
  /** What a pass knows of each operand. */
  sources = new Int32Array(256);
  height = 0;
  readonly controls: Control[] = [];
  /** Number of enclosing blocks, the function's own included; 0 after its last end. */
  depth = 0;
  #reader!: InstructionReader;
  #results: readonly ValueType[] = NONE;

  constructor(module: Module, spaces: IndexSpaces) {
    this.#find = new Lookups(module, spaces, what => this.#invalid(what));
    this.#lowered = module.lowered === true;
  }

  /** Begins a body: reads its local declarations and enters the function's block. `reader` stands at its first byte. */
  begin(type: FunctionType, reader: InstructionReader): void {
    this.#reader = reader;
    this.height = 0;
    this.depth = 0;
    this.#results = type.results;
    this.localCount = 0;
    this.vectorCount = 0;
    for (const param of type.params) this.#addLocals(1, param, reader.pos);
    const groups = reader.count('locals');
    for (let group = 0; group < groups; group++) {
      const at = reader.pos;
      const count = reader.u32();
      const local = reader.byte();
      if (!isValueType(local)) throw this.#invalid(`unknown local type 0x${local.toString(16)}`, at);
      this.#addLocals(count, local, at);
    }
    this.#enter(OP_BLOCK, NONE, type.results);
  }

  #addLocals(count: number, type: ValueType, at: number): void {
    const end = this.localCount + count;
    if (end > ENGINE_LIMITS.locals.most) {
      // Beyond 32 bits it is invalid for everybody.
      if (end > 0xffff_ffff) throw this.#invalid('too many locals', at);
      throw tooMany(ENGINE_LIMITS.locals, `${this.#reader.where} at byte ${at}`, 'as it is');
    }
    // A group costs a few bytes and may be large: filled, not pushed one by one.
    this.locals.fill(type, this.localCount, end);
    this.localCount = end;
    if (type === V128) this.vectorCount += count;
    else if (type === EXNREF) this.exceptional = true;
  }

  /** The innermost block. */
  get control(): Control {
    return this.controls[this.depth - 1]!;
  }

  /** The block that label `index` means. */
  label(index: number): Control {
    if (index >= this.depth) throw this.#invalid('unknown label');
    return this.controls[this.depth - 1 - index]!;
  }

  /** The types that a branch to a label takes. */
  labelTypes(control: Control): readonly ValueType[] {
    return control.opcode === OP_LOOP ? control.params : control.results;
  }

  /** The number of values that a branch to label `index` takes. */
  labelArity(index: number): number {
    return this.labelTypes(this.label(index)).length;
  }

  /** The type of the function that the call which the reader has just read means. */
  calleeType(reader: InstructionReader): FunctionType {
    const direct = reader.opcode === OP_CALL || reader.opcode === OP_RETURN_CALL;
    return this.#find.type(direct ? this.#find.function(reader.index) : reader.index);
  }

  /** The parameters and results of the block type that the reader has just read. */
  blockType(reader: InstructionReader): FunctionType {
    const type = reader.blockType;
    if (type === BLOCK_EMPTY) return { params: NONE, results: NONE };
    if (type === EXNREF - 128) this.exceptional = true;
    if (type < 0) return { params: NONE, results: SINGLE[type + 128]! };
    return this.#find.type(type);
  }

  push(type: ValueType): void {
    if (this.height === this.types.length) this.#grow();
    this.sources[this.height] = 0;
    this.types[this.height++] = type;
  }

  #grow(): void {
    const types = new Uint8Array(this.types.length * 2);
    types.set(this.types);
    this.types = types;
    const sources = new Int32Array(types.length);
    sources.set(this.sources);
    this.sources = sources;
  }

  #pushAll(types: readonly ValueType[]): void {
    for (let index = 0; index < types.length; index++) this.push(types[index]!);
  }

  #pop(expected: ValueType): ValueType {
    const control = this.controls[this.depth - 1]!;
    if (this.height === control.height) {
      if (control.dead) return expected;
      throw this.#invalid('type mismatch: an operand is missing');
    }
    const actual = this.types[--this.height]!;
    if (actual === expected || expected === UNKNOWN) return actual;
    if (actual === UNKNOWN) return expected;
    throw this.#invalid(`type mismatch: ${valueTypeName(expected)} expected, ${valueTypeName(actual)} found`);
  }

  #popAll(types: readonly ValueType[]): void {
    for (let index = types.length - 1; index >= 0; index--) this.#pop(types[index]!);
  }

  #enter(opcode: number, params: readonly ValueType[], results: readonly ValueType[]): void {
    const control = this.controls[this.depth];
    if (control === undefined) this.controls.push({ opcode, params, results, height: this.height, dead: false });
    else {
      control.opcode = opcode;
      control.params = params;
      control.results = results;
      control.height = this.height;
      control.dead = false;
    }
    this.depth++;
    this.#pushAll(params);
  }

  /** Leaves the innermost block: its results must be all that is left of its operands. */
  #leave(): Control {
    const control = this.control;
    this.#popAll(control.results);
    if (this.height !== control.height) throw this.#invalid('type mismatch: operands left over at the end of a block');
    this.depth--;
    return control;
  }

  #dead(): void {
    const control = this.control;
    this.height = control.height;
    control.dead = true;
  }

  /** Back to the beginning of the innermost block, for a pass that reads its body again. Only for blocks without parameters. */
  restartBlock(): void {
    const control = this.control;
    this.height = control.height;
    control.dead = false;
  }

  /** Applies the instruction that the reader has just read. @throws EpochvisorError MODULE_INVALID */
  step(reader: InstructionReader): void {
    if (this.depth === 0) throw this.#invalid('operators remaining after end of function');
    const opcode = reader.opcode;
    const signature = opcodeSignature[opcode]!;
    if (signature !== 0) {
      if (opcode > 0xff || opcode <= OP_MEMORY_GROW) {
        if (opcode >= OP_RELAXED_FIRST) this.replaceable = true;
        this.#find.check(reader);
      }
      const { operands, results } = signatures[signature]!;
      this.#popAll(operands);
      this.#pushAll(results);
      return;
    }
    switch (opcode) {
      case OP_LOCAL_GET:
        this.push(this.#local(reader.index));
        return;
      case OP_LOCAL_SET:
        this.#pop(this.#local(reader.index));
        return;
      case OP_LOCAL_TEE:
        this.push(this.#pop(this.#local(reader.index)));
        return;
      default:
        if (opcode <= OP_CONTROL_LAST) this.#stepControl(reader, opcode);
        else if (opcode <= OP_CATCH_ALL || opcode === OP_TRY_TABLE) this.#stepException(reader, opcode);
        else this.#stepOther(reader, opcode);
    }
  }

  #stepControl(reader: InstructionReader, opcode: number): void {
    switch (opcode) {
      case OP_UNREACHABLE:
        this.#dead();
        return;
      case OP_BLOCK:
      case OP_LOOP:
      case OP_IF: {
        if (opcode === OP_IF) this.#pop(I32);
        const type = this.blockType(reader);
        this.#popAll(type.params);
        this.#enter(opcode, type.params, type.results);
        return;
      }
      case OP_ELSE: {
        const control = this.#leave();
        if (control.opcode !== OP_IF) throw this.#invalid('else without if');
        this.#enter(OP_ELSE, control.params, control.results);
        return;
      }
      case OP_END: {
        const control = this.#leave();
        if (control.opcode === OP_IF && !sameTypes(control.params, control.results)) {
          throw this.#invalid('type mismatch: if without else must keep its operands');
        }
        this.#pushAll(control.results);
        return;
      }
      case OP_BR:
        this.#popAll(this.labelTypes(this.label(reader.index)));
        this.#dead();
        return;
      case OP_BR_IF: {
        this.#pop(I32);
        const types = this.labelTypes(this.label(reader.index));
        this.#popAll(types);
        this.#pushAll(types);
        return;
      }
      case OP_BR_TABLE:
        this.#branchTable(reader);
        return;
      case OP_RETURN:
        this.#popAll(this.#results);
        this.#dead();
        return;
      case OP_CALL:
      case OP_CALL_INDIRECT:
      case OP_RETURN_CALL:
      case OP_RETURN_CALL_INDIRECT:
        this.#stepCall(reader, opcode);
        return;
      case OP_BR_IF_THROWN:
      case OP_RETURN_THROWN:
        this.#stepLowered(reader, opcode);
        return;
      default:
        this.#stepException(reader, opcode);
        return;
    }
  }

  /** What lowering writes, and nobody else may. */
  #stepLowered(reader: InstructionReader, opcode: number): void {
    if (!this.#lowered) throw malformed(`illegal opcode ${opcode.toString(16)}`, reader.start);
    if (opcode === OP_RETURN_THROWN) this.#dead();
    else if (this.labelArity(reader.index) > 0) throw this.#invalid('type mismatch: a handler takes nothing');
  }

  #stepException(reader: InstructionReader, opcode: number): void {
    this.exceptional = true;
    switch (opcode) {
      case OP_TRY:
      case OP_TRY_TABLE: {
        if (opcode === OP_TRY_TABLE) this.#checkCatches(reader);
        const type = this.blockType(reader);
        this.#popAll(type.params);
        this.#enter(opcode, type.params, type.results);
        return;
      }
      case OP_CATCH:
      case OP_CATCH_ALL: {
        const types = opcode === OP_CATCH ? this.#find.tag(reader.index) : NONE;
        const control = this.#leave();
        if (control.opcode !== OP_TRY && control.opcode !== OP_CATCH)
          throw this.#invalid(`${opcodeName[opcode]} without try`);
        this.#enter(opcode, NONE, control.results);
        this.#pushAll(types);
        return;
      }
      case OP_DELEGATE: {
        const control = this.#leave();
        if (control.opcode !== OP_TRY) throw this.#invalid('delegate without try');
        if (this.depth === 0) throw this.#invalid('delegate without try');
        this.label(reader.index);
        this.#pushAll(control.results);
        return;
      }
      case OP_RETHROW: {
        const { opcode: kind } = this.label(reader.index);
        if (kind !== OP_CATCH && kind !== OP_CATCH_ALL) throw this.#invalid('invalid rethrow label');
        this.#dead();
        return;
      }
      case OP_THROW:
        this.#popAll(this.#find.tag(reader.index));
        this.#dead();
        return;
      default:
        this.#pop(EXNREF);
        this.#dead();
    }
  }

  /** What a clause catches must be what its label, seen from outside, takes. */
  #checkCatches({ catches }: InstructionReader): void {
    for (let at = 0; at < catches.length; at += 3) {
      const kind = catches[at]!;
      const types = kind < CATCH_ALL ? [...this.#find.tag(catches[at + 1]!)] : [];
      if (kind === CATCH_REF || kind === CATCH_ALL_REF) types.push(EXNREF);
      if (!sameTypes(types, this.labelTypes(this.label(catches[at + 2]!)))) {
        throw this.#invalid('type mismatch: a catch clause and its label');
      }
    }
  }

  /** What an exception of a tag carries. */
  tagTypes(index: number): readonly ValueType[] {
    return this.#find.tag(index);
  }

  #branchTable(reader: InstructionReader): void {
    this.#pop(I32);
    const arity = this.labelTypes(this.label(reader.labels[reader.labelCount - 1]!)).length;
    for (let index = 0; index < reader.labelCount; index++) {
      const types = this.labelTypes(this.label(reader.labels[index]!));
      if (types.length !== arity) throw this.#invalid('type mismatch: labels of br_table differ');
      this.#checkTop(types);
    }
    this.#popAll(this.labelTypes(this.label(reader.labels[reader.labelCount - 1]!)));
    this.#dead();
  }

  /** The operands on top must have these types; nothing is popped. */
  #checkTop(types: readonly ValueType[]): void {
    const control = this.control;
    for (let index = types.length - 1, at = this.height - 1; index >= 0; index--, at--) {
      if (at < control.height) {
        if (control.dead) return;
        throw this.#invalid('type mismatch: an operand is missing');
      }
      const actual = this.types[at]!;
      if (actual !== types[index] && actual !== UNKNOWN) throw this.#invalid('type mismatch in br_table');
    }
  }

  #stepCall(reader: InstructionReader, opcode: number): void {
    const indirect = opcode === OP_CALL_INDIRECT || opcode === OP_RETURN_CALL_INDIRECT;
    if (indirect) {
      if (this.#find.table(reader.index2) !== FUNCREF)
        throw this.#invalid('type mismatch: call through a table of externref');
      this.#pop(I32);
    }
    const type = this.calleeType(reader);
    this.#popAll(type.params);
    if (opcode === OP_CALL || opcode === OP_CALL_INDIRECT) {
      this.#pushAll(type.results);
      return;
    }
    if (!sameTypes(type.results, this.#results)) throw this.#invalid('type mismatch: results of a tail call');
    this.#dead();
  }

  #stepOther(reader: InstructionReader, opcode: number): void {
    switch (opcode) {
      case OP_DROP:
        this.#pop(UNKNOWN);
        return;
      case OP_SELECT:
        this.#select();
        return;
      case OP_SELECT_TYPED:
        this.#pop(I32);
        this.#pop(reader.type);
        this.#pop(reader.type);
        this.push(reader.type);
        return;
      case OP_GLOBAL_GET:
        this.push(this.#find.global(reader.index).value);
        return;
      case OP_GLOBAL_SET: {
        const type = this.#find.global(reader.index);
        if (!type.mutable) throw this.#invalid('global is immutable');
        this.#pop(type.value);
        return;
      }
      case OP_REF_NULL:
        if (reader.type === EXNREF) this.exceptional = true;
        this.push(reader.type);
        return;
      case OP_REF_IS_NULL: {
        const type = this.#pop(UNKNOWN);
        if (type !== UNKNOWN && !isReferenceType(type)) throw this.#invalid('type mismatch: reference expected');
        this.push(I32);
        return;
      }
      case OP_REF_FUNC:
        this.#find.function(reader.index);
        this.#find.declared(reader.index);
        this.push(FUNCREF);
        return;
      default:
        this.#stepTable(reader, opcode);
        return;
    }
  }

  #select(): void {
    this.#pop(I32);
    const second = this.#pop(UNKNOWN);
    const first = this.#pop(second);
    const type = first === UNKNOWN ? second : first;
    if (isReferenceType(type)) throw this.#invalid('type mismatch: select of references needs a type');
    this.push(type);
  }

  #stepTable(reader: InstructionReader, opcode: number): void {
    const element = this.#find.table(reader.index);
    switch (opcode) {
      case OP_TABLE_GET:
        this.#pop(I32);
        this.push(element);
        return;
      case OP_TABLE_SET:
        this.#pop(element);
        this.#pop(I32);
        return;
      case OP_TABLE_GROW:
        this.#pop(I32);
        this.#pop(element);
        this.push(I32);
        return;
      case OP_TABLE_FILL:
        this.#pop(I32);
        this.#pop(element);
        this.#pop(I32);
        return;
      default:
        throw this.#invalid(`unexpected ${opcodeName[opcode]}`);
    }
  }

  #local(index: number): ValueType {
    if (index >= this.localCount) throw this.#invalid('unknown local');
    return this.locals[index]!;
  }

  #invalid(what: string, offset = this.#reader.start): EpochvisorError {
    return invalid(what, this.#reader.where, offset);
  }
}

/** The error for a module that decodes but is not valid. */
export function invalid(what: string, where: string, offset: number): EpochvisorError {
  return new EpochvisorError(
    'MODULE_INVALID',
    `invalid module: ${what} in ${where} at byte ${offset}`,
    'the compiler that made it has a defect, or the file was damaged',
  );
}

export function sameTypes(a: readonly ValueType[], b: readonly ValueType[]): boolean {
  return a.length === b.length && a.every((type, index) => type === b[index]);
}
