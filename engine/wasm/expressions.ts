// Constant expressions: which functions they name, and whether they have the type that their place asks for.

import { InstructionReader } from './instructions.js';
import type { IndexSpaces, Module, Range } from './module.js';
import {
  OP_END,
  OP_F32_CONST,
  OP_F64_CONST,
  OP_GLOBAL_GET,
  OP_I32_CONST,
  OP_I64_CONST,
  OP_REF_FUNC,
  OP_REF_NULL,
  PREFIX_FD,
} from './opcodes.js';
import { F32, F64, FUNCREF, I32, I64, V128, type ValueType } from './types.js';

/** Every constant expression of a module, but those of element items. */
function* ranges(module: Module): Generator<Range> {
  for (const global of module.globals) yield global.value;
  for (const element of module.elements) {
    if (element.offset !== undefined) yield element.offset;
    if (element.form === 'expressions' && element.items.length > 1) {
      yield { start: element.items[0]!, end: element.items[element.items.length - 1]! };
    }
  }
}

/** The functions that ref.func names in constant expressions. */
export function* expressionFunctions(module: Module): Generator<number> {
  for (const range of ranges(module)) {
    const reader = new InstructionReader(module.bytes, range.start, range.end);
    while (!reader.done) {
      reader.next();
      if (reader.opcode === OP_REF_FUNC) yield reader.index;
    }
  }
}

/** What is wrong with a constant expression that should give one `expected`; undefined if nothing. */
export function expressionFault(
  module: Module,
  spaces: IndexSpaces,
  range: Range,
  expected: ValueType,
  globalsVisible: number,
): string | undefined {
  const reader = new InstructionReader(module.bytes, range.start, range.end);
  const stack: ValueType[] = [];
  for (;;) {
    reader.next();
    switch (reader.opcode) {
      case OP_END:
        return stack.length === 1 && stack[0] === expected ? undefined : 'type mismatch in a constant expression';
      case OP_I32_CONST:
        stack.push(I32);
        break;
      case OP_I64_CONST:
        stack.push(I64);
        break;
      case OP_F32_CONST:
        stack.push(F32);
        break;
      case OP_F64_CONST:
        stack.push(F64);
        break;
      case OP_REF_NULL:
        stack.push(reader.type);
        break;
      case OP_REF_FUNC:
        if (reader.index >= spaces.functions.length) return 'unknown function';
        stack.push(FUNCREF);
        break;
      case OP_GLOBAL_GET: {
        const type = spaces.globals[reader.index];
        if (type === undefined || reader.index >= globalsVisible) return 'unknown global';
        if (type.mutable) return 'constant expression required';
        stack.push(type.value);
        break;
      }
      default: {
        if (reader.opcode >= PREFIX_FD) {
          stack.push(V128);
          break;
        }
        const type = reader.opcode < 0x79 ? I32 : I64;
        if (stack.pop() !== type || stack.at(-1) !== type) return 'type mismatch in a constant expression';
      }
    }
  }
}
