// Function bodies as text, one instruction a line: what golden tests compare.

import { decodeModule } from '../../engine/wasm/decode.js';
import { InstructionReader } from '../../engine/wasm/instructions.js';
import { indexSpaces } from '../../engine/wasm/module.js';
import { functionNames } from '../../engine/wasm/names.js';
import * as op from '../../engine/wasm/opcodes.js';
import { valueTypeName } from '../../engine/wasm/types.js';

/** The body of the function of that name, indented by blocks; locals and callees by index or name. */
export function bodyText(bytes: Uint8Array, name: string): string {
  const module = decodeModule(bytes);
  const index = [...functionNames(module)].find(([, candidate]) => candidate === name)?.[0];
  if (index === undefined) throw new Error(`no function is called ${name}`);
  return definedBodyText(bytes, index - indexSpaces(module).importedFunctions);
}

/** The same of a function by its place among those that are no imports. */
export function definedBodyText(bytes: Uint8Array, defined: number): string {
  const module = decodeModule(bytes);
  const names = functionNames(module);
  const reader = new InstructionReader(bytes, module.bodyStart[defined]!, module.bodyEnd[defined]!);
  const lines: string[] = [];
  const groups = reader.u32();
  for (let group = 0; group < groups; group++) {
    const count = reader.u32();
    lines.push(`(local ${Array.from({ length: count }, () => valueTypeName(reader.bytes[reader.pos]!)).join(' ')})`);
    reader.byte();
  }
  let depth = 0;
  while (!reader.done) {
    reader.next();
    const { opcode } = reader;
    if (opcode === op.OP_END || opcode === op.OP_ELSE) depth--;
    if (depth < 0) break;
    lines.push(`${'  '.repeat(depth)}${op.opcodeName[opcode]}${immediates(reader, names)}`);
    if ([op.OP_BLOCK, op.OP_LOOP, op.OP_IF, op.OP_ELSE].includes(opcode)) depth++;
  }
  return lines.join('\n');
}

function immediates(reader: InstructionReader, names: ReadonlyMap<number, string>): string {
  switch (op.opcodeImmediate[reader.opcode]) {
    case op.IMMEDIATE_I32:
      return ` ${reader.value}`;
    case op.IMMEDIATE_BLOCK:
      if (reader.blockType >= 0) return ` (type ${reader.blockType})`;
      return reader.blockType === -64 ? '' : ` (result ${valueTypeName(reader.blockType + 128)})`;
    case op.IMMEDIATE_INDEX: {
      const callee = [op.OP_CALL, op.OP_RETURN_CALL, op.OP_REF_FUNC].includes(reader.opcode);
      return callee ? ` ${names.get(reader.index) ?? reader.index}` : ` ${reader.index}`;
    }
    case op.IMMEDIATE_INDEX_INDEX:
      return ` ${reader.index} ${reader.index2}`;
    case op.IMMEDIATE_LABELS:
      return ` ${[...reader.labels.subarray(0, reader.labelCount)].join(' ')}`;
    default:
      return '';
  }
}

/** Text without the indentation that the template literal of a test has. */
export function text(template: string): string {
  const lines = template.split('\n').filter(line => line.trim() !== '');
  const indent = Math.min(...lines.map(line => line.length - line.trimStart().length));
  return lines.map(line => line.slice(indent).trimEnd()).join('\n');
}
