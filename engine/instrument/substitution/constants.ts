// Extended constant expressions, computed: Node 20 knows constants only, and those of imported globals.
//
// Sums, differences and products of constants, and of immutable globals of the module's own that are such, become one constant.
// What an imported global takes part in is left as it is: only the host knows its value.

import { InstructionReader } from '../../wasm/instructions.js';
import { indexSpaces, type Module, type Range } from '../../wasm/module.js';
import { OP_END, OP_GLOBAL_GET, OP_I32_CONST, OP_I64_CONST } from '../../wasm/opcodes.js';
import { I32, I64, type ValueType } from '../../wasm/types.js';
import { Writer } from '../../wasm/writer.js';

interface Constant {
  readonly type: ValueType;
  readonly value: bigint;
}

const I32_ADD = 0x6a;
const I64_ADD = 0x7c;

/** The module with such expressions computed; itself, if there are none. Its sections have been validated. */
export function foldConstants(module: Module): Module {
  const folding = new Folding(module);
  const globals = module.globals.map(global => {
    const value = folding.fold(global.value);
    folding.globals.push(global.type.mutable ? undefined : folding.latest);
    return { ...global, value };
  });
  const elements = module.elements.map(item => ({ ...item, offset: item.offset && folding.fold(item.offset) }));
  const data = module.data.map(item => ({ ...item, offset: item.offset && folding.fold(item.offset) }));
  const { added } = folding;
  return added.length === 0 ? module : { ...module, bytes: joined(module.bytes, added.bytes), globals, elements, data };
}

function joined(bytes: Uint8Array, more: Uint8Array): Uint8Array {
  const all = new Uint8Array(bytes.length + more.length);
  all.set(bytes);
  all.set(more, bytes.length);
  return all;
}

class Folding {
  /** Expressions to be appended to the module's bytes. */
  readonly added = new Writer(64);
  /** By index, those that are known. */
  readonly globals: (Constant | undefined)[];
  /** The value of the latest expression. */
  latest: Constant | undefined;
  readonly #bytes: Uint8Array;

  constructor(module: Module) {
    this.#bytes = module.bytes;
    this.globals = new Array(indexSpaces(module).importedGlobals).fill(undefined);
  }

  /** Where the expression is then. */
  fold(range: Range): Range {
    const reader = new InstructionReader(this.#bytes, range.start, range.end);
    const stack: Constant[] = [];
    this.latest = undefined;
    let computed = false;
    for (reader.next(); reader.opcode !== OP_END; reader.next()) {
      const { opcode } = reader;
      if (opcode === OP_I32_CONST || opcode === OP_I64_CONST) stack.push(constant(reader));
      else if (opcode === OP_GLOBAL_GET) {
        const known = this.globals[reader.index];
        if (known === undefined) return range;
        stack.push(known);
        computed = true;
      } else if (isArithmetic(opcode)) {
        const second = stack.pop()!;
        stack.push(arithmetic(opcode, stack.pop()!, second));
        computed = true;
      } else return range;
    }
    this.latest = stack[0];
    return computed ? this.#append(stack[0]!) : range;
  }

  #append({ type, value }: Constant): Range {
    const start = this.#bytes.length + this.added.length;
    this.added.byte(type === I32 ? OP_I32_CONST : OP_I64_CONST);
    for (let rest = value; ; rest >>= 7n) {
      const last = rest >= -64n && rest < 64n;
      this.added.byte(Number(rest & 127n) | (last ? 0 : 128));
      if (last) break;
    }
    this.added.byte(OP_END);
    return { start, end: this.#bytes.length + this.added.length };
  }
}

function constant({ opcode, bytes, start, pos }: InstructionReader): Constant {
  let value = 0n;
  for (let at = start + 1; at < pos; at++) value |= BigInt(bytes[at]! & 127) << BigInt((at - start - 1) * 7);
  return wrapped(opcode === OP_I32_CONST ? I32 : I64, BigInt.asIntN((pos - start - 1) * 7, value));
}

function isArithmetic(opcode: number): boolean {
  return (opcode >= I32_ADD && opcode < I32_ADD + 3) || (opcode >= I64_ADD && opcode < I64_ADD + 3);
}

function arithmetic(opcode: number, first: Constant, second: Constant): Constant {
  const operation = opcode - (opcode < I64_ADD ? I32_ADD : I64_ADD);
  const [a, b] = [first.value, second.value];
  return wrapped(first.type, operation === 0 ? a + b : operation === 1 ? a - b : a * b);
}

function wrapped(type: ValueType, value: bigint): Constant {
  return { type, value: BigInt.asIntN(type === I32 ? 32 : 64, value) };
}
