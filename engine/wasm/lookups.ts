// What the indexes in instructions mean, and the error for those that mean nothing.

import { expressionFunctions } from './expressions.js';
import type { InstructionReader } from './instructions.js';
import type { IndexSpaces, Module } from './module.js';
import {
  IMMEDIATE_MEMARG,
  IMMEDIATE_MEMARG_ATOMIC,
  IMMEDIATE_MEMARG_LANE,
  OP_DATA_DROP,
  OP_ELEM_DROP,
  OP_MEMORY_COPY,
  OP_MEMORY_FILL,
  OP_MEMORY_GROW,
  OP_MEMORY_INIT,
  OP_MEMORY_SIZE,
  OP_TABLE_COPY,
  OP_TABLE_INIT,
  OP_TABLE_SIZE,
  opcodeImmediate,
} from './opcodes.js';
import { type FunctionType, type GlobalType, KIND_FUNCTION, type ValueType } from './types.js';

const ACCESSES: readonly number[] = [IMMEDIATE_MEMARG, IMMEDIATE_MEMARG_LANE, IMMEDIATE_MEMARG_ATOMIC];

export class Lookups {
  readonly #module: Module;
  readonly #spaces: IndexSpaces;
  readonly #fail: (what: string) => Error;
  readonly #declared: ReadonlySet<number>;

  /** @param fail makes the error for what is wrong at the present instruction */
  constructor(module: Module, spaces: IndexSpaces, fail: (what: string) => Error) {
    this.#module = module;
    this.#spaces = spaces;
    this.#fail = fail;
    this.#declared = declaredFunctions(module);
  }

  /** Memory, tables and segments that an instruction with a fixed signature names must exist. */
  check(reader: InstructionReader): void {
    const { opcode } = reader;
    const immediate = opcodeImmediate[opcode]!;
    if (ACCESSES.includes(immediate)) {
      this.memory();
      return;
    }
    switch (opcode) {
      case OP_MEMORY_SIZE:
      case OP_MEMORY_GROW:
      case OP_MEMORY_COPY:
      case OP_MEMORY_FILL:
        this.memory();
        return;
      case OP_MEMORY_INIT:
        this.memory();
        this.data(reader.index);
        return;
      case OP_DATA_DROP:
        this.data(reader.index);
        return;
      case OP_TABLE_INIT: {
        const element = this.element(reader.index);
        if (element !== this.table(reader.index2)) throw this.#fail('type mismatch: table.init');
        return;
      }
      case OP_ELEM_DROP:
        this.element(reader.index);
        return;
      case OP_TABLE_COPY:
        if (this.table(reader.index) !== this.table(reader.index2)) throw this.#fail('type mismatch: table.copy');
        return;
      case OP_TABLE_SIZE:
        this.table(reader.index);
    }
  }

  global(index: number): GlobalType {
    const type = this.#spaces.globals[index];
    if (type === undefined) throw this.#fail('unknown global');
    return type;
  }

  /** The type index of a function. */
  function(index: number): number {
    if (index >= this.#spaces.functions.length) throw this.#fail('unknown function');
    return this.#spaces.functions[index]!;
  }

  type(index: number): FunctionType {
    const type = this.#module.types[index];
    if (type === undefined) throw this.#fail('unknown type');
    return type;
  }

  /** What an exception of a tag carries. */
  tag(index: number): readonly ValueType[] {
    const type = this.#module.tags[index];
    if (type === undefined) throw this.#fail('unknown tag');
    return this.type(type).params;
  }

  /** The type of a table's elements. */
  table(index: number): ValueType {
    const table = this.#spaces.tables[index];
    if (table === undefined) throw this.#fail('unknown table');
    return table.element;
  }

  memory(): void {
    if (this.#spaces.memories.length === 0) throw this.#fail('unknown memory');
  }

  data(index: number): void {
    if (this.#module.dataCount === undefined) throw this.#fail('data count section required');
    if (index >= this.#module.dataCount) throw this.#fail('unknown data segment');
  }

  /** The type of an element segment. */
  element(index: number): ValueType {
    const element = this.#module.elements[index];
    if (element === undefined) throw this.#fail('unknown elem segment');
    return element.type;
  }

  /** A function that ref.func names must be mentioned outside the code. */
  declared(index: number): void {
    if (!this.#declared.has(index)) throw this.#fail('undeclared function reference');
  }
}

/** Functions that ref.func may name: those that exports, elements or globals mention. */
function declaredFunctions(module: Module): Set<number> {
  const declared = new Set<number>();
  for (const item of module.exports) if (item.kind === KIND_FUNCTION) declared.add(item.index);
  for (const element of module.elements) {
    if (element.form === 'functions') for (const index of element.items) declared.add(index);
  }
  for (const index of expressionFunctions(module)) declared.add(index);
  return declared;
}
