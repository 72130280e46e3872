// Writes the sections of the rewritten module: bodies by the rewriter, the rest with indexes moved.

import {
  SECTION_CODE,
  SECTION_DATA,
  SECTION_DATA_COUNT,
  SECTION_ELEMENT,
  SECTION_EXPORT,
  SECTION_FUNCTION,
  SECTION_GLOBAL,
  SECTION_IMPORT,
  SECTION_MEMORY,
  SECTION_TABLE,
  SECTION_TYPE,
} from '../wasm/decode.js';
import {
  type CustomSection,
  ModuleWriter,
  writeExport,
  writeFunctionType,
  writeGlobalType,
  writeImport,
  writeLimits,
  writeRange,
  writeTableType,
} from '../wasm/encode.js';
import { InstructionReader } from '../wasm/instructions.js';
import type { Element, Export, Range } from '../wasm/module.js';
import { moveNames, NAME_SECTION } from '../wasm/names.js';
import { OP_END, OP_GLOBAL_GET, OP_I32_CONST, OP_REF_FUNC } from '../wasm/opcodes.js';
import { FUNCREF, type TableType } from '../wasm/types.js';
import { Writer } from '../wasm/writer.js';
import { CODE_METADATA } from './branch-hints.js';
import { HINTS_SECTION } from './hints.js';
import type { Layout } from './layout.js';

/**
 * Puts the rewritten module together.
 *
 * @param bodies content of the code section without its count
 * @param hints custom sections for V8
 */
export function writeModule(
  layout: Layout,
  exports: readonly Export[],
  bodies: Uint8Array,
  hints: readonly CustomSection[],
): Uint8Array {
  const { module, generated } = layout;
  const writer = new ModuleWriter();
  const imported = layout.spaces.importedFunctions;
  const internalTypes = Array.from(module.functions, (_, index) => layout.functionType(imported + index));
  const functionTypes = [...internalTypes, ...generated.map(item => item!.type)];
  writer.items(SECTION_TYPE, layout.types.length, (out, index) => writeFunctionType(out, layout.types[index]!));
  writer.items(SECTION_IMPORT, layout.imports.length, (out, index) => writeImport(out, layout.imports[index]!));
  writer.items(SECTION_FUNCTION, functionTypes.length, (out, index) => out.u32(functionTypes[index]!));
  const tables = layout.save === undefined ? module.tables : [...module.tables, allFunctions(layout)];
  writer.items(SECTION_TABLE, tables.length, (out, index) => writeTableType(out, tables[index]!));
  writer.items(SECTION_MEMORY, module.memories.length, (out, index) => writeLimits(out, module.memories[index]!));
  writer.items(SECTION_GLOBAL, module.globals.length, (out, index) => {
    const global = module.globals[index]!;
    writeGlobalType(out, global.type);
    writeExpression(layout, out, global.value);
  });
  writer.items(SECTION_EXPORT, exports.length, (out, index) => writeExport(out, exports[index]!));
  // An export declares its function for ref.func, but exports are adapters now: one more segment declares what is named.
  const references = [...layout.references];
  const elements = [...module.elements.map(element => (out: Writer) => writeElement(layout, out, element))];
  if (references.length > 0) elements.push(out => writeDeclaration(out, references));
  if (layout.save !== undefined) elements.push(out => writeAllFunctions(layout, out));
  writer.items(SECTION_ELEMENT, elements.length, (out, index) => elements[index]!(out));
  if (module.dataCount !== undefined) {
    const count = new Writer(8);
    count.u32(module.dataCount);
    writer.section(SECTION_DATA_COUNT, count.bytes);
  }
  writer.section(SECTION_CODE, codeSection(layout, bodies, functionTypes.length));
  writer.items(SECTION_DATA, module.data.length, (out, index) => {
    const { offset, content } = module.data[index]!;
    out.u32(offset === undefined ? 1 : 0);
    if (offset !== undefined) writeExpression(layout, out, offset);
    out.u32(content.end - content.start);
    writeRange(out, module.bytes, content);
  });
  return writer.finish([...hints, ...customSections(layout)]);
}

function codeSection(layout: Layout, bodies: Uint8Array, count: number): Uint8Array {
  const code = new Writer(bodies.length + 64 * layout.generated.length + 16);
  code.u32(count);
  code.append(bodies);
  for (const item of layout.generated) {
    code.u32(item!.body.length);
    code.append(item!.body);
  }
  return code.bytes;
}

/** A constant expression with its functions and globals moved. */
function writeExpression(layout: Layout, writer: Writer, range: Range): void {
  const reader = new InstructionReader(layout.module.bytes, range.start, range.end);
  do {
    reader.next();
    if (reader.opcode === OP_GLOBAL_GET || reader.opcode === OP_REF_FUNC) {
      writer.byte(reader.opcode);
      const moved = reader.opcode === OP_GLOBAL_GET;
      writer.u32(moved ? layout.movedGlobal(reader.index) : layout.internalFunction(reader.index));
    } else writer.copy(reader.bytes, reader.start, reader.pos);
  } while (reader.opcode !== OP_END);
}

/** flags: bit 0 not active, bit 1 a table (active) or declarative, bit 2 expressions. */
function writeElement(layout: Layout, writer: Writer, element: Element): void {
  const { mode, table, offset, type, form, items } = element;
  // The short forms are for table 0 and funcref; the long one does for both.
  const active = mode === 'active';
  const second = active ? table !== 0 || (form === 'expressions' && type !== FUNCREF) : mode === 'declarative';
  writer.u32((active ? 0 : 1) | (second ? 2 : 0) | (form === 'expressions' ? 4 : 0));
  if (active && second) writer.u32(table);
  if (offset !== undefined) writeExpression(layout, writer, offset);
  if (!active || second) writer.byte(form === 'expressions' ? type : 0);
  if (form === 'functions') {
    writer.u32(items.length);
    for (const index of items) writer.u32(layout.internalFunction(index));
    return;
  }
  writer.u32(items.length - 1);
  for (let item = 0; item < items.length - 1; item++) {
    writeExpression(layout, writer, { start: items[item]!, end: items[item + 1]! });
  }
}

/** A declarative segment: it only allows ref.func of these functions. */
function writeDeclaration(writer: Writer, functions: readonly number[]): void {
  writer.u32(3);
  writer.byte(0);
  writer.u32(functions.length);
  for (const index of functions) writer.u32(index);
}

/** The hidden table of a suspendable module: all functions but the imports, for continuation modules. */
function allFunctions({ functionCount }: Layout): TableType {
  return { element: FUNCREF, limits: { minimum: functionCount, maximum: functionCount } };
}

/** The active segment that fills it: flags = 2, table, offset 0, kind 0, functions. */
function writeAllFunctions(layout: Layout, writer: Writer): void {
  writer.u32(2);
  writer.u32(layout.spaces.tables.length);
  for (const byte of [OP_I32_CONST, 0, OP_END, 0]) writer.byte(byte);
  writer.u32(layout.functionCount);
  for (let index = 0; index < layout.functionCount; index++) writer.u32(layout.firstFunction + index);
}

function customSections(layout: Layout): CustomSection[] {
  const { module, spaces } = layout;
  const first = layout.internalFunction(0);
  const base = spaces.importedFunctions > 0 ? first : layout.movedFunction(spaces.functions.length);
  const names = moveNames(module, {
    function: index => layout.movedFunction(index),
    local: (index, local) => movedLocal(layout, index, local),
    global: index => layout.movedGlobal(index),
    addedFunctions: layout.generated.map((item, position) => [base + position, item!.name] as const),
  });
  let named = false;
  return module.customs.flatMap(({ name, content, after }) => {
    // Hints for functions and places in them that are others now.
    if (name === HINTS_SECTION || name.startsWith(CODE_METADATA)) return [];
    if (name !== NAME_SECTION) return [{ name, content: module.bytes.subarray(content.start, content.end), after }];
    if (named || names === undefined) return [];
    named = true;
    return [{ name, content: names, after }];
  });
}

function movedLocal(layout: Layout, functionIndex: number, local: number): number {
  const defined = functionIndex >= layout.spaces.importedFunctions && functionIndex < layout.spaces.functions.length;
  if (!defined) return local;
  const added = layout.carriesDepth(functionIndex) ? 2 : 1;
  return local < layout.signature(functionIndex).params.length ? local : local + added;
}
