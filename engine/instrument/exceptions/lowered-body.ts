// One body lowered: reads it with the validator, and writes blocks in place of tries. What becomes of what: lower.ts.

import { checkLimit, ENGINE_LIMITS, tooMany } from '../../wasm/engine-limits.js';
import { BLOCK_EMPTY, CATCH_ALL, CATCH_ALL_REF, CATCH_REF, InstructionReader } from '../../wasm/instructions.js';
import type { IndexSpaces, Module } from '../../wasm/module.js';
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
  OP_DELEGATE,
  OP_DROP,
  OP_ELSE,
  OP_END,
  OP_I32_EQ,
  OP_IF,
  OP_LOCAL_GET,
  OP_LOCAL_TEE,
  OP_LOOP,
  OP_REF_IS_NULL,
  OP_REF_NULL,
  OP_RETHROW,
  OP_RETURN_CALL_INDIRECT,
  OP_RETURN_THROWN,
  OP_SELECT_TYPED,
  OP_THROW,
  OP_THROW_REF,
  OP_TRY,
  OP_TRY_TABLE,
  OP_UNREACHABLE,
} from '../../wasm/opcodes.js';
import { EXNREF, type FunctionType, isReferenceType, type ValueType } from '../../wasm/types.js';
import { UNSUPPORTED, unsupported } from '../../wasm/unsupported.js';
import { invalid, Validator } from '../../wasm/validate.js';
import type { Writer } from '../../wasm/writer.js';
import { CodeWriter } from '../code.js';
import type { Carried } from './carried.js';

const I32_EQZ = 0x45;
const NONE: readonly ValueType[] = [];
/** No handler in this function. */
const OUTSIDE = -1;

/** An enclosing block of the original. */
interface Entry {
  readonly opcode: number;
  /** The new block that its label means, counted from the outermost; and where exceptions go around it, and now in it. */
  readonly level: number;
  readonly outer: number;
  inner: number;
  /** Of a try: what has been begun of it. */
  part: 'body' | 'catch' | 'catch_all';
  /** Of a try, in a handler: the tag that was caught, undefined in catch_all; and which package holds the exception. */
  caught: number | undefined;
  saved: number;
  /** Of a try_table: clauses as the reader gives them, with levels in place of labels. */
  readonly catches: readonly number[];
}

export class BodyLowering {
  readonly #module: Module;
  readonly #spaces: IndexSpaces;
  readonly #carried: Carried;
  readonly #types: FunctionType[];
  readonly #added = new Map<string, number>();
  readonly #validator: Validator;
  readonly #reader: InstructionReader;
  readonly #code = new CodeWriter(1 << 14);
  readonly #head = new CodeWriter(256);
  /** New indexes of the original locals, where they differ. */
  #locals: Uint32Array | undefined;
  /** Locals for packages begin here; so many are in use, and were at most. */
  #firstPackage = 0;
  #packages = 0;
  #entries: Entry[] = [];
  /** Number of enclosing new blocks. */
  #level = 0;
  /** Of handlers around. */
  #handlers = 0;
  #changed = false;

  /** @param types of the lowered module, where block types are added */
  constructor(module: Module, spaces: IndexSpaces, carried: Carried, types: FunctionType[]) {
    this.#module = module;
    this.#spaces = spaces;
    this.#carried = carried;
    this.#types = types;
    this.#validator = new Validator(module, spaces);
    this.#reader = new InstructionReader(module.bytes);
  }

  /** Lowers the body of defined function `index`; false if it has nothing to lower. @param where for messages */
  lower(index: number, where: string): boolean {
    const module = this.#module;
    const reader = this.#reader;
    const validator = this.#validator;
    const type = module.types[module.functions[index]!]!;
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    reader.where = where;
    validator.begin(type, reader);
    this.#code.clear();
    this.#packages = 0;
    this.#handlers = 0;
    this.#changed = false;
    this.#moveLocals();
    this.#entries = [this.#entry(OP_BLOCK, 0, OUTSIDE)];
    this.#level = 1;
    while (validator.depth > 0) {
      reader.next();
      if (validator.control.dead) this.#skipDead();
      this.#instruction(reader.opcode);
      if (this.#code.length > ENGINE_LIMITS.bodyBytes.most) {
        throw tooMany(ENGINE_LIMITS.bodyBytes, `${where} at byte ${module.bodyStart[index]}`, 'rewritten');
      }
    }
    if (!reader.done) throw invalid('operators remaining after end of function', where, reader.pos);
    if (this.#changed) this.#declareLocals(type.params.length);
    return this.#changed;
  }

  /** Appends the latest body. */
  append(bytes: Writer): void {
    bytes.append(this.#head.bytes);
    bytes.append(this.#code.bytes);
  }

  #entry(opcode: number, level: number, outer: number, catches: readonly number[] = []): Entry {
    return { opcode, level, outer, inner: outer, part: 'body', caught: undefined, saved: 0, catches };
  }

  #moveLocals(): void {
    const { locals, localCount } = this.#validator;
    this.#locals = undefined;
    this.#firstPackage = localCount;
    const references = locals.subarray(0, localCount).reduce((sum, local) => sum + (local === EXNREF ? 1 : 0), 0);
    if (references === 0) return;
    const size = this.#carried.package.length;
    this.#checkLocals(localCount + references * (size - 1));
    this.#changed = true;
    this.#locals = new Uint32Array(localCount);
    let next = 0;
    for (let local = 0; local < localCount; local++) {
      this.#locals[local] = next;
      next += locals[local] === EXNREF ? size : 1;
    }
    this.#firstPackage = next;
  }

  #checkLocals(count: number): void {
    checkLimit(ENGINE_LIMITS.locals, count, `${this.#reader.where} at byte ${this.#reader.start}`, 'rewritten');
  }

  /** The declarations, in groups as they come, those of packages last. */
  #declareLocals(params: number): void {
    const { locals, localCount } = this.#validator;
    const declared: ValueType[] = [...this.#carried.flat([...locals.subarray(params, localCount)])];
    for (let count = 0; count < this.#packages; count++) declared.push(...this.#carried.package);
    const groups: [ValueType, number][] = [];
    for (const type of declared) {
      const last = groups[groups.length - 1];
      if (last?.[0] === type) last[1]++;
      else groups.push([type, 1]);
    }
    this.#head.clear();
    this.#head.u32(groups.length);
    for (const [type, count] of groups) {
      this.#head.u32(count);
      this.#head.byte(type);
    }
  }

  /** Goes on to where what cannot be reached ends. */
  #skipDead(): void {
    const validator = this.#validator;
    const reader = this.#reader;
    const depth = validator.depth;
    const ends = [OP_END, OP_ELSE, OP_CATCH, OP_CATCH_ALL, OP_DELEGATE];
    while (validator.depth !== depth || !ends.includes(reader.opcode)) {
      // Also what nobody reaches may be something that only lowering knows.
      if (isException(reader.opcode)) this.#changed = true;
      validator.step(reader);
      reader.next();
    }
  }

  #copy(): void {
    this.#code.copy(this.#reader.bytes, this.#reader.start, this.#reader.pos);
  }

  /** The new label of a new block. */
  #label(level: number): number {
    return this.#level - 1 - level;
  }

  /** The enclosing original block that a label means. */
  #target(label: number): Entry {
    return this.#entries[this.#entries.length - 1 - label]!;
  }

  get #inner(): Entry {
    return this.#entries[this.#entries.length - 1]!;
  }

  #instruction(opcode: number): void {
    const validator = this.#validator;
    const reader = this.#reader;
    if (opcode <= OP_RETURN_CALL_INDIRECT || isException(opcode)) {
      this.#control(opcode);
      return;
    }
    const top = validator.height > validator.control.height ? validator.types[validator.height - 1]! : 0;
    if (opcode >= OP_LOCAL_GET && opcode <= OP_LOCAL_TEE) this.#local(opcode);
    else if (opcode === OP_DROP && top === EXNREF) for (const _ of this.#carried.package) this.#code.op(OP_DROP);
    else if (opcode === OP_SELECT_TYPED && reader.type === EXNREF) this.#select();
    else if (opcode === OP_REF_NULL && reader.type === EXNREF) {
      this.#changed = true;
      for (const type of this.#carried.package) this.#code.zero(type);
    } else if (opcode === OP_REF_IS_NULL && top === EXNREF) {
      for (const _ of this.#carried.slots) this.#code.op(OP_DROP);
      this.#code.op(I32_EQZ);
    } else this.#copy();
    validator.step(reader);
  }

  #local(opcode: number): void {
    const { index } = this.#reader;
    const moved = this.#locals;
    if (moved === undefined || index >= moved.length) {
      this.#copy();
      return;
    }
    const first = moved[index]!;
    if (this.#validator.locals[index] !== EXNREF) {
      this.#code.op(opcode);
      this.#code.u32(first);
      return;
    }
    if (opcode !== OP_LOCAL_GET) this.#setPackage(first);
    if (opcode === OP_LOCAL_GET || opcode === OP_LOCAL_TEE) this.#getPackage(first);
  }

  #setPackage(first: number): void {
    for (let at = this.#carried.package.length - 1; at >= 0; at--) this.#code.localSet(first + at);
  }

  #getPackage(first: number): void {
    for (let at = 0; at < this.#carried.package.length; at++) this.#code.localGet(first + at);
  }

  /** The first of the locals of a package, the `number`th. */
  #package(number: number): number {
    const size = this.#carried.package.length;
    if (number >= this.#packages) this.#packages = number + 1;
    this.#checkLocals(this.#firstPackage + this.#packages * size);
    return this.#firstPackage + number * size;
  }

  /** first, second, condition: the second goes to locals, and comes back if it is chosen. */
  #select(): void {
    const code = this.#code;
    const { package: types } = this.#carried;
    const condition = this.#package(this.#handlers);
    const second = this.#package(this.#handlers + 1);
    code.localSet(condition);
    this.#setPackage(second);
    code.localGet(condition);
    code.if(this.#blockType(types, types));
    code.else();
    for (const _ of types) code.op(OP_DROP);
    this.#getPackage(second);
    code.end();
  }

  #blockType(params: readonly ValueType[], results: readonly ValueType[]): number {
    if (params.length === 0 && results.length === 0) return BLOCK_EMPTY;
    if (params.length === 0 && results.length === 1) return results[0]! - 128;
    const key = `${params.join()}:${results.join()}`;
    let index = this.#added.get(key);
    if (index === undefined) {
      const where = `${this.#reader.where} at byte ${this.#reader.start}`;
      checkLimit(ENGINE_LIMITS.params, params.length, where, 'rewritten');
      checkLimit(ENGINE_LIMITS.results, results.length, where, 'rewritten');
      index = this.#types.push({ params, results }) - 1;
      this.#added.set(key, index);
    }
    return index;
  }

  /** The type of the block that has been read, with packages. */
  #readBlockType(): number {
    const { blockType } = this.#reader;
    if (blockType >= 0 || blockType !== EXNREF - 128) return blockType;
    this.#changed = true;
    return this.#blockType(NONE, this.#carried.package);
  }

  #control(opcode: number): void {
    const validator = this.#validator;
    const reader = this.#reader;
    switch (opcode) {
      case OP_BLOCK:
      case OP_LOOP:
      case OP_IF:
        validator.step(reader);
        this.#enter(opcode);
        return;
      case OP_TRY:
      case OP_TRY_TABLE:
        validator.step(reader);
        this.#try(opcode);
        return;
      case OP_CATCH:
      case OP_CATCH_ALL: {
        const { dead } = validator.control;
        validator.step(reader);
        this.#catch(opcode, dead);
        return;
      }
      case OP_DELEGATE:
      case OP_END: {
        const { dead } = validator.control;
        validator.step(reader);
        this.#leave(opcode, dead);
        return;
      }
      case OP_BR:
      case OP_BR_IF:
        validator.step(reader);
        this.#code.op(opcode);
        this.#code.u32(this.#label(this.#target(reader.index).level));
        return;
      case OP_BR_TABLE:
        validator.step(reader);
        this.#branchTable();
        return;
      case OP_THROW:
      case OP_RETHROW:
      case OP_THROW_REF:
        validator.step(reader);
        this.#changed = true;
        this.#throw(opcode);
        return;
      default:
        this.#call(opcode);
    }
  }

  /** Calls, and what is copied. */
  #call(opcode: number): void {
    const reader = this.#reader;
    this.#validator.step(reader);
    const indirect = opcode === OP_CALL_INDIRECT || opcode === OP_RETURN_CALL_INDIRECT;
    if (indirect) {
      const { params, results } = this.#validator.calleeType(reader);
      // Two types that differ could be one when they are flat.
      if (params.includes(EXNREF) || results.includes(EXNREF)) {
        throw unsupported(UNSUPPORTED.keptExceptions, reader.where, reader.start);
      }
    }
    this.#copy();
    if (opcode !== OP_CALL && opcode !== OP_CALL_INDIRECT) return;
    const { inner } = this.#inner;
    // A wrapper of an import never comes back with one.
    if (inner === OUTSIDE || (opcode === OP_CALL && reader.index < this.#spaces.importedFunctions)) return;
    this.#code.op(OP_BR_IF_THROWN);
    this.#code.u32(this.#label(inner));
  }

  #branchTable(): void {
    const { labels, labelCount } = this.#reader;
    this.#code.op(OP_BR_TABLE);
    this.#code.u32(labelCount - 1);
    for (let index = 0; index < labelCount; index++) {
      this.#code.u32(this.#label(this.#target(labels[index]!).level));
    }
  }

  #enter(opcode: number): void {
    this.#code.op(opcode);
    this.#code.s32(this.#readBlockType());
    this.#entries.push(this.#entry(opcode, this.#level++, this.#inner.inner));
  }

  #try(opcode: number): void {
    const { catches } = this.#reader;
    const clauses =
      opcode === OP_TRY ? [] : catches.map((value, at) => (at % 3 === 2 ? this.#target(value).level : value));
    const { params } = this.#validator.blockType(this.#reader);
    this.#changed = true;
    this.#code.block(this.#readBlockType());
    const entry = this.#entry(opcode, this.#level++, this.#inner.inner, clauses);
    this.#entries.push(entry);
    this.#code.block(this.#blockType(this.#carried.flat(params), NONE));
    entry.inner = this.#level++;
  }

  /** The part of a try that has been read ends. @param dead its end cannot be reached */
  #endPart(entry: Entry, dead: boolean): void {
    if (entry.part === 'catch_all') return;
    if (!dead) this.#code.br(this.#label(entry.level));
    this.#code.end();
    this.#level--;
    entry.inner = entry.outer;
  }

  #catch(opcode: number, dead: boolean): void {
    const code = this.#code;
    const entry = this.#inner;
    this.#endPart(entry, dead);
    if (entry.part === 'body') entry.saved = this.#handlers++;
    const first = this.#package(entry.saved);
    if (opcode === OP_CATCH_ALL) {
      entry.part = 'catch_all';
      entry.caught = undefined;
      this.#pushPackage(undefined);
      this.#setPackage(first);
      return;
    }
    const tag = this.#reader.index;
    entry.part = 'catch';
    entry.caught = tag;
    this.#ifTag(tag);
    for (const slot of this.#carried.slotsOf(tag)) {
      this.#pushSlot(slot);
      code.localTee(first + 1 + slot);
    }
  }

  /** Begins what is done with an exception of a tag. */
  #ifTag(tag: number): void {
    this.#code.globalGet(this.#carried.tag);
    this.#code.i32(tag + 1);
    this.#code.op(OP_I32_EQ);
    this.#code.if();
    this.#level++;
  }

  /** Pushes what a slot holds; a reference is not kept there. */
  #pushSlot(slot: number): void {
    const type = this.#carried.slots[slot]!;
    this.#code.globalGet(this.#carried.global(slot));
    if (!isReferenceType(type)) return;
    this.#code.zero(type);
    this.#code.globalSet(this.#carried.global(slot));
  }

  /** Pushes the exception as a package. */
  #pushPackage(tag: number | undefined): void {
    if (tag === undefined) this.#code.globalGet(this.#carried.tag);
    else this.#code.i32(tag + 1);
    for (let slot = 0; slot < this.#carried.slots.length; slot++) this.#pushSlot(slot);
  }

  #leave(opcode: number, dead: boolean): void {
    const entry = this.#entries.pop()!;
    if (entry.opcode === OP_TRY || entry.opcode === OP_TRY_TABLE) {
      this.#endPart(entry, dead);
      if (entry.part !== 'body') this.#handlers--;
      if (opcode === OP_DELEGATE) this.#propagate(this.#target(this.#reader.index).inner);
      else if (entry.opcode === OP_TRY_TABLE) this.#dispatch(entry);
      else if (entry.part !== 'catch_all') this.#propagate(entry.outer);
    }
    this.#code.end();
    this.#level--;
  }

  /** The clauses of a try_table. */
  #dispatch({ catches, outer }: Entry): void {
    const code = this.#code;
    for (let at = 0; at < catches.length; at += 3) {
      const [kind, tag, level] = [catches[at]!, catches[at + 1]!, catches[at + 2]!];
      const all = kind >= CATCH_ALL;
      if (!all) this.#ifTag(tag);
      const slots = all ? [] : this.#carried.slotsOf(tag);
      const referred = kind === CATCH_REF || kind === CATCH_ALL_REF;
      for (const slot of slots) {
        // Not emptied where the package needs it.
        if (referred) code.globalGet(this.#carried.global(slot));
        else this.#pushSlot(slot);
      }
      if (referred) this.#pushPackage(all ? undefined : tag);
      code.br(this.#label(level));
      if (all) return;
      code.end();
      this.#level--;
    }
    this.#propagate(outer);
  }

  /** The exception in the globals goes on its way. */
  #propagate(handler: number): void {
    if (handler === OUTSIDE) this.#code.op(OP_RETURN_THROWN);
    else this.#code.br(this.#label(handler));
  }

  #throw(opcode: number): void {
    const code = this.#code;
    const carried = this.#carried;
    if (opcode === OP_THROW) {
      const tag = this.#reader.index;
      for (const slot of [...carried.slotsOf(tag)].reverse()) code.globalSet(carried.global(slot));
      code.i32(tag + 1);
      code.globalSet(carried.tag);
    } else if (opcode === OP_RETHROW) this.#rethrow(this.#target(this.#reader.index));
    else {
      for (let slot = carried.slots.length - 1; slot >= 0; slot--) code.globalSet(carried.global(slot));
      code.globalSet(carried.tag);
      code.globalGet(carried.tag);
      code.op(I32_EQZ);
      code.if();
      code.op(OP_UNREACHABLE);
      code.end();
    }
    this.#propagate(this.#inner.inner);
  }

  #rethrow({ caught, saved }: Entry): void {
    const code = this.#code;
    const first = this.#package(saved);
    const slots = caught === undefined ? this.#carried.slots.map((_, slot) => slot) : this.#carried.slotsOf(caught);
    for (const slot of slots) {
      code.localGet(first + 1 + slot);
      code.globalSet(this.#carried.global(slot));
    }
    if (caught === undefined) code.localGet(first);
    else code.i32(caught + 1);
    code.globalSet(this.#carried.tag);
  }
}

function isException(opcode: number): boolean {
  if (opcode >= OP_TRY && opcode <= OP_THROW_REF) return true;
  return opcode === OP_DELEGATE || opcode === OP_CATCH_ALL || opcode === OP_TRY_TABLE;
}
