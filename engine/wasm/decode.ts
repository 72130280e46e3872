// Decodes a module: sections in order, every count bounded, code left where it is.
//
//   00 61 73 6d  01 00 00 00                    magic, version
//   id:byte size:u32 content[size]              sections; ids rise in the order of SECTION_ORDER, custom ones anywhere
//
// The bytes may come from anyone. Limits are those of engine-limits.ts: they keep a small file from making a large number of
// objects, and what is above them could not be run anyway.

import { EpochvisorError } from '../errors/errors.js';
import { checkLimit, ENGINE_LIMITS, type EngineLimit, tooMany } from './engine-limits.js';
import { InstructionReader } from './instructions.js';
import type { Custom, Data, Element, Export, Global, Import, Module, Range } from './module.js';
import {
  OP_END,
  OP_F64_CONST,
  OP_GLOBAL_GET,
  OP_I32_CONST,
  OP_REF_FUNC,
  OP_REF_NULL,
  OP_V128_CONST,
} from './opcodes.js';
import { malformed, type Reader } from './reader.js';
import {
  EXNREF,
  FUNCREF,
  type FunctionType,
  type GlobalType,
  isReferenceType,
  isValueType,
  KIND_FUNCTION,
  KIND_TAG,
  type Kind,
  type Limits,
  type TableType,
  type ValueType,
} from './types.js';
import { featureOfType, UNSUPPORTED, unsupported } from './unsupported.js';

/** Section ids. */
export const SECTION_CUSTOM = 0;
export const SECTION_TYPE = 1;
export const SECTION_IMPORT = 2;
export const SECTION_FUNCTION = 3;
export const SECTION_TABLE = 4;
export const SECTION_MEMORY = 5;
export const SECTION_GLOBAL = 6;
export const SECTION_EXPORT = 7;
const SECTION_START = 8;
export const SECTION_ELEMENT = 9;
export const SECTION_CODE = 10;
export const SECTION_DATA = 11;
export const SECTION_DATA_COUNT = 12;
const SECTION_TAG = 13;

/** The order in which sections must stand. */
export const SECTION_ORDER: readonly number[] = [
  SECTION_TYPE,
  SECTION_IMPORT,
  SECTION_FUNCTION,
  SECTION_TABLE,
  SECTION_MEMORY,
  SECTION_TAG,
  SECTION_GLOBAL,
  SECTION_EXPORT,
  SECTION_START,
  SECTION_ELEMENT,
  SECTION_DATA_COUNT,
  SECTION_CODE,
  SECTION_DATA,
];

/** A limit of the specification. */
export const MEMORY_PAGES_MAX = 65_536;

type Draft = { -readonly [K in keyof Module]: Module[K] };

/** @throws EpochvisorError NOT_WASM, MODULE_MALFORMED, MODULE_UNSUPPORTED */
export function decodeModule(bytes: Uint8Array): Module {
  const reader = new InstructionReader(bytes);
  checkHeader(bytes);
  reader.pos = 8;
  const module = emptyModule(bytes);
  let rank = -1;
  let last = 0;
  while (!reader.done) {
    const at = reader.pos;
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.pos;
    reader.skip(size);
    const next = reader.pos;
    reader.pos = start;
    reader.end = next;
    if (id === SECTION_CUSTOM) decodeCustom(reader, module.customs as Custom[], last);
    else {
      const newRank = SECTION_ORDER.indexOf(id);
      if (newRank < 0) throw malformed('malformed section id', at);
      if (newRank <= rank) throw malformed('unexpected content after last section', at);
      rank = newRank;
      last = id;
      decodeSection(reader, module, id);
      if (!reader.done) throw malformed('section size mismatch', reader.pos);
    }
    reader.pos = next;
    reader.end = bytes.length;
  }
  checkCounts(module);
  return module;
}

function checkHeader(bytes: Uint8Array): void {
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (magic.some((byte, index) => bytes[index] !== byte)) {
    throw new EpochvisorError(
      'NOT_WASM',
      'not a WebAssembly module (it does not begin with \\0asm)',
      'give a .wasm file',
    );
  }
  const version = [0x01, 0x00, 0x00, 0x00];
  if (bytes.length < 8 || version.some((byte, index) => bytes[index + 4] !== byte)) {
    if (bytes.length >= 8 && bytes[6] === 1) throw unsupported(UNSUPPORTED.components, 'the module', 4);
    throw malformed('unknown binary version', 4);
  }
  checkLimit(ENGINE_LIMITS.moduleBytes, bytes.length, 'the module', 'as it is');
}

function emptyModule(bytes: Uint8Array): Draft {
  return {
    bytes,
    types: [],
    imports: [],
    functions: new Uint32Array(0),
    tables: [],
    memories: [],
    globals: [],
    tags: [],
    exports: [],
    start: undefined,
    elements: [],
    dataCount: undefined,
    bodyStart: new Uint32Array(0),
    bodyEnd: new Uint32Array(0),
    data: [],
    customs: [],
  };
}

function checkCounts(module: Module): void {
  const end = module.bytes.length;
  if (module.functions.length !== module.bodyStart.length) {
    throw malformed('function and code section have inconsistent lengths', end);
  }
  if (module.dataCount !== undefined && module.dataCount !== module.data.length) {
    throw malformed('data count and data section have inconsistent lengths', end);
  }
}

function decodeSection(reader: InstructionReader, module: Draft, id: number): void {
  switch (id) {
    case SECTION_TYPE:
      module.types = items(reader, ENGINE_LIMITS.types, functionType);
      return;
    case SECTION_IMPORT:
      module.imports = items(reader, ENGINE_LIMITS.imports, importItem);
      return;
    case SECTION_FUNCTION:
      module.functions = indexes(reader, ENGINE_LIMITS.functions);
      return;
    case SECTION_TABLE:
      module.tables = items(reader, ENGINE_LIMITS.tables, tableType);
      return;
    case SECTION_MEMORY:
      module.memories = items(reader, ENGINE_LIMITS.memories, memoryType);
      return;
    case SECTION_GLOBAL:
      module.globals = items(reader, ENGINE_LIMITS.globals, globalItem);
      return;
    case SECTION_TAG:
      module.tags = items(reader, ENGINE_LIMITS.tags, tagType);
      return;
    case SECTION_EXPORT:
      module.exports = items(reader, ENGINE_LIMITS.exports, exportItem);
      return;
    case SECTION_START:
      module.start = reader.u32();
      return;
    case SECTION_ELEMENT:
      module.elements = items(reader, ENGINE_LIMITS.elementSegments, elementItem);
      return;
    case SECTION_DATA_COUNT:
      module.dataCount = reader.u32();
      return;
    case SECTION_CODE:
      decodeBodies(reader, module);
      return;
    default:
      module.data = items(reader, ENGINE_LIMITS.dataSegments, dataItem);
  }
}

/** The number of items of a vector, which may be of a limited number. */
function limitedCount(reader: Reader, limit: EngineLimit): number {
  const at = reader.pos;
  const count = reader.count(limit.what);
  checkLimit(limit, count, `the module at byte ${at}`, 'as it is');
  return count;
}

function items<T>(reader: InstructionReader, limit: EngineLimit, item: (reader: InstructionReader) => T): T[] {
  const count = limitedCount(reader, limit);
  const list: T[] = [];
  for (let index = 0; index < count; index++) list.push(item(reader));
  return list;
}

function indexes(reader: Reader, limit: EngineLimit): Uint32Array {
  const list = new Uint32Array(limitedCount(reader, limit));
  for (let index = 0; index < list.length; index++) list[index] = reader.u32();
  return list;
}

function decodeBodies(reader: Reader, module: Draft): void {
  const imported = module.imports.filter(item => item.kind === KIND_FUNCTION).length;
  const count = reader.count('function bodies');
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  for (let index = 0; index < count; index++) {
    const size = reader.u32();
    starts[index] = reader.pos;
    reader.skip(size);
    ends[index] = reader.pos;
    if (size > ENGINE_LIMITS.bodyBytes.most) {
      throw tooMany(ENGINE_LIMITS.bodyBytes, `function ${imported + index} at byte ${starts[index]}`, 'as it is');
    }
  }
  module.bodyStart = starts;
  module.bodyEnd = ends;
}

function decodeCustom(reader: Reader, customs: Custom[], after: number): void {
  checkLimit(ENGINE_LIMITS.customSections, customs.length + 1, `the module at byte ${reader.pos}`, 'as it is');
  const name = reader.name();
  customs.push({ name, content: { start: reader.pos, end: reader.end }, after });
}

function valueType(reader: Reader): ValueType {
  const at = reader.pos;
  const type = reader.byte();
  if (isValueType(type)) return type;
  throw unknownType(type, 'malformed value type', at);
}

function unknownType(byte: number, what: string, at: number): EpochvisorError {
  const feature = byte < 0x40 ? undefined : featureOfType(byte);
  return feature === undefined ? malformed(what, at) : unsupported(feature, 'the module', at);
}

function functionType(reader: Reader): FunctionType {
  const at = reader.pos;
  const form = reader.byte();
  if (form >= 0x4d && form < 0x60) throw unsupported(UNSUPPORTED.garbageCollection, 'the module', at);
  if (form !== 0x60) throw malformed('malformed function type', at);
  return { params: valueTypes(reader, ENGINE_LIMITS.params), results: valueTypes(reader, ENGINE_LIMITS.results) };
}

function valueTypes(reader: Reader, limit: EngineLimit): ValueType[] {
  const at = reader.pos;
  const count = reader.count(limit.what);
  checkLimit(limit, count, `the function type at byte ${at}`, 'as it is');
  const list: ValueType[] = [];
  for (let index = 0; index < count; index++) list.push(valueType(reader));
  return list;
}

/** @param sharable of a memory: the flags may say that threads could share it, which asks for a maximum */
function limits(reader: Reader, sharable: boolean): Limits {
  const at = reader.pos;
  const flags = reader.byte();
  if (sharable && flags === 2) throw malformed('shared memory must have maximum', at);
  const shared = sharable && flags === 3;
  if (flags >= 4 && flags < 8) throw unsupported(UNSUPPORTED.memory64, 'the module', at);
  if (flags > 1 && !shared) throw malformed('malformed limits flags', at);
  const minimum = reader.u32();
  const maximum = flags !== 0 ? reader.u32() : undefined;
  if (maximum !== undefined && maximum < minimum) throw malformed('size minimum must not be greater than maximum', at);
  return shared ? { minimum, maximum, shared } : { minimum, maximum };
}

/** The type index of a tag. */
function tagType(reader: Reader): number {
  const at = reader.pos;
  if (reader.byte() !== 0) throw malformed('malformed tag attribute', at);
  return reader.u32();
}

function memoryType(reader: Reader): Limits {
  const at = reader.pos;
  const type = limits(reader, true);
  if (Math.max(type.minimum, type.maximum ?? 0) > MEMORY_PAGES_MAX)
    throw malformed('memory size must be at most 65536 pages (4GiB)', at);
  return type;
}

function tableType(reader: Reader): TableType {
  const at = reader.pos;
  const element = reader.byte();
  if (element === EXNREF) throw unsupported(UNSUPPORTED.keptExceptions, 'the module', at);
  if (!isReferenceType(element)) {
    // A table whose elements begin as something else than null.
    if (element === 0x40) throw unsupported(UNSUPPORTED.functionReferences, 'the module', at);
    throw unknownType(element, 'malformed reference type', at);
  }
  const size = limits(reader, false);
  checkLimit(ENGINE_LIMITS.tableElements, size.minimum, `the module at byte ${at}`, 'as it is');
  return { element, limits: size };
}

function globalType(reader: Reader): GlobalType {
  const typeAt = reader.pos;
  const value = valueType(reader);
  if (value === EXNREF) throw unsupported(UNSUPPORTED.keptExceptions, 'the module', typeAt);
  const at = reader.pos;
  const mutability = reader.byte();
  if (mutability > 1) throw malformed('malformed mutability', at);
  return { value, mutable: mutability === 1 };
}

function importItem(reader: Reader): Import {
  const module = reader.name();
  const name = reader.name();
  const at = reader.pos;
  const kind = reader.byte();
  switch (kind) {
    case 0:
      return { module, name, kind, type: reader.u32() };
    case 1:
      return { module, name, kind, type: tableType(reader) };
    case 2:
      return { module, name, kind, type: memoryType(reader) };
    case 3:
      return { module, name, kind, type: globalType(reader) };
    case 4:
      throw unsupported(UNSUPPORTED.importedTags, 'the module', at);
    default:
      throw malformed('malformed import kind', at);
  }
}

function exportItem(reader: Reader): Export {
  const name = reader.name();
  const at = reader.pos;
  const kind = reader.byte();
  if (kind > KIND_TAG) throw malformed('malformed export kind', at);
  return { name, kind: kind as Kind, index: reader.u32() };
}

function globalItem(reader: InstructionReader): Global {
  return { type: globalType(reader), value: constantExpression(reader) };
}

/** A constant expression up to its end, with the arithmetic that extended constant expressions allow. */
function constantExpression(reader: InstructionReader): Range {
  const start = reader.pos;
  for (;;) {
    reader.next();
    const opcode = reader.opcode;
    if (opcode === OP_END) return { start, end: reader.pos };
    const constant = (opcode >= OP_I32_CONST && opcode <= OP_F64_CONST) || opcode === OP_V128_CONST;
    const arithmetic = (opcode >= 0x6a && opcode <= 0x6c) || (opcode >= 0x7c && opcode <= 0x7e);
    const other = opcode === OP_GLOBAL_GET || opcode === OP_REF_FUNC || opcode === OP_REF_NULL;
    if (!constant && !arithmetic && !other) throw malformed('constant expression required', reader.start);
  }
}

function elementItem(reader: InstructionReader): Element {
  const at = reader.pos;
  const flags = reader.u32();
  if (flags > 7) throw malformed('malformed elements segment kind', at);
  const active = (flags & 1) === 0;
  const mode = active ? 'active' : (flags & 2) === 0 ? 'passive' : 'declarative';
  const table = active && (flags & 2) !== 0 ? reader.u32() : 0;
  const offset = active ? constantExpression(reader) : undefined;
  const form = (flags & 4) === 0 ? 'functions' : 'expressions';
  let type = FUNCREF;
  if ((flags & 3) !== 0) {
    const typeAt = reader.pos;
    const byte = reader.byte();
    if (form === 'expressions') {
      if (byte === EXNREF) throw unsupported(UNSUPPORTED.keptExceptions, 'the module', typeAt);
      if (!isReferenceType(byte)) throw unknownType(byte, 'malformed reference type', typeAt);
      type = byte;
    } else if (byte !== 0) throw malformed('malformed element kind', typeAt);
  }
  if (form === 'functions') return { mode, table, offset, type, form, items: indexes(reader, ENGINE_LIMITS.elements) };
  const items = new Uint32Array(limitedCount(reader, ENGINE_LIMITS.elements) + 1);
  for (let index = 0; index < items.length - 1; index++) items[index] = constantExpression(reader).start;
  items[items.length - 1] = reader.pos;
  return { mode, table, offset, type, form, items };
}

function dataItem(reader: InstructionReader): Data {
  const at = reader.pos;
  const flags = reader.u32();
  if (flags > 2) throw malformed('malformed data segment kind', at);
  if (flags === 2) {
    const memoryAt = reader.pos;
    if (reader.u32() !== 0) throw unsupported(UNSUPPORTED.severalMemories, 'the module', memoryAt);
  }
  const offset = flags === 1 ? undefined : constantExpression(reader);
  const size = reader.u32();
  const start = reader.pos;
  reader.skip(size);
  return { offset, content: { start, end: reader.pos } };
}
