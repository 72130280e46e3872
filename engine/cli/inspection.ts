// What a module is made of, which features it uses, what is refused, and what rewriting makes of it.

import { EpochvisorError } from '../errors/errors.js';
import { instrument } from '../instrument/instrument.js';
import { decodeModule } from '../wasm/decode.js';
import { InstructionReader } from '../wasm/instructions.js';
import { type Import, type IndexSpaces, indexSpaces, type Module } from '../wasm/module.js';
import { describeFunction, functionNames } from '../wasm/names.js';
import { OP_RELAXED_FIRST, opcodeName, PREFIX_FC, PREFIX_FD, PREFIX_FE } from '../wasm/opcodes.js';
import { type FunctionType, type Limits, valueTypeName } from '../wasm/types.js';

export interface Inspection {
  readonly imports: readonly { module: string; name: string; type: string }[];
  /** Names of the proposals beyond WebAssembly 1.0 that the module uses, in the order of FEATURES. */
  readonly features: readonly string[];
  /** Why the module cannot run here; empty if it can. One for each function at most, and at most REFUSALS_MAX. */
  readonly refused: readonly Refusal[];
  readonly functions: number;
  /** Undefined from here on if the module is refused. */
  readonly loops?: number;
  readonly calls?: number;
  readonly safePoints?: number;
  /** Safe points at which a function holds a reference: no snapshot can be taken while one of them is on the stack. */
  readonly referencePoints?: number;
  readonly bytesBefore: number;
  readonly bytesAfter?: number;
  readonly rewriting_ms?: number;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** What the user can do. */
  readonly hint: string;
}

const FEATURES = [
  'mutable globals across modules',
  'sign extension',
  'saturating conversions',
  'multiple values',
  'bulk memory',
  'reference types',
  'SIMD',
  'tail calls',
  'exceptions',
  'extended constant expressions',
  'relaxed SIMD',
  'atomics',
] as const;

type Feature = (typeof FEATURES)[number];

/** More than a reader takes in; a module built with threads is refused in every second function. */
const REFUSALS_MAX = 20;

/** @throws EpochvisorError NOT_WASM, MODULE_MALFORMED; MODULE_UNSUPPORTED only where the sections cannot be decoded */
export function inspectModule(bytes: Uint8Array): Inspection {
  const module = decodeModule(bytes);
  const spaces = indexSpaces(module);
  const features = new Set<Feature>();
  declaredFeatures(module, spaces, features);
  const refused = scanFunctions(module, spaces, features);
  const inspection: Inspection = {
    imports: module.imports.map(item => ({ module: item.module, name: item.name, type: importType(item, module) })),
    features: FEATURES.filter(feature => features.has(feature)),
    refused,
    functions: module.functions.length,
    bytesBefore: bytes.length,
  };
  if (refused.length > 0) return inspection;
  try {
    return { ...inspection, ...rewriting(bytes) };
  } catch (error) {
    if (!(error instanceof EpochvisorError)) throw error;
    return { ...inspection, refused: [refusal(error)] };
  }
}

function refusal({ code, message, hint }: EpochvisorError): Refusal {
  return { code, message, hint };
}

function rewriting(bytes: Uint8Array): Partial<Inspection> {
  const start = performance.now();
  // As a replica runs it.
  const { report } = instrument(bytes, { suspendable: true });
  const rewriting_ms = performance.now() - start;
  const { loops, calls, safePoints, referencePoints, bytesAfter } = report;
  return { loops, calls, safePoints, referencePoints, bytesAfter, rewriting_ms };
}

function declaredFeatures(module: Module, spaces: IndexSpaces, features: Set<Feature>): void {
  if (module.types.some(type => type.results.length > 1)) features.add('multiple values');
  const mutable = (index: number): boolean => spaces.globals[index]?.mutable === true;
  if (
    module.imports.some(item => item.kind === 3 && item.type.mutable) ||
    module.exports.some(item => item.kind === 3 && mutable(item.index))
  ) {
    features.add('mutable globals across modules');
  }
  if (module.dataCount !== undefined || module.elements.some(element => element.mode === 'passive')) {
    features.add('bulk memory');
  }
  if (module.tags.length > 0) features.add('exceptions');
  if (spaces.tables.length > 1 || module.elements.some(element => element.form === 'expressions')) {
    features.add('reference types');
  }
  // A constant and its end are at most 19 bytes of two instructions; arithmetic has more than two.
  const reader = new InstructionReader(module.bytes);
  for (const { value } of module.globals) {
    reader.pos = value.start;
    reader.end = value.end;
    let instructions = 0;
    for (; !reader.done; instructions++) reader.next();
    if (instructions > 2) features.add('extended constant expressions');
  }
}

/** Adds the features that the code uses; gives the first refusal of each function. */
function scanFunctions(module: Module, spaces: IndexSpaces, features: Set<Feature>): Inspection['refused'] {
  const names = functionNames(module);
  const reader = new InstructionReader(module.bytes);
  const refused: Refusal[] = [];
  for (let index = 0; index < module.functions.length && refused.length < REFUSALS_MAX; index++) {
    reader.pos = module.bodyStart[index]!;
    reader.end = module.bodyEnd[index]!;
    reader.where = describeFunction(spaces.importedFunctions + index, names);
    try {
      scanBody(module, reader, features);
    } catch (error) {
      if (!(error instanceof EpochvisorError)) throw error;
      refused.push(refusal(error));
    }
  }
  return refused;
}

function scanBody(module: Module, reader: InstructionReader, features: Set<Feature>): void {
  for (let groups = reader.u32(); groups > 0; groups--) {
    reader.u32();
    reader.byte();
  }
  while (!reader.done) {
    reader.next();
    const feature = featureOf(reader.opcode);
    if (feature !== undefined) features.add(feature);
    const block = reader.opcode >= 0x02 && reader.opcode <= 0x04 && reader.blockType >= 0;
    if (block && usesMultipleValues(module.types[reader.blockType])) features.add('multiple values');
  }
}

function usesMultipleValues(type: FunctionType | undefined): boolean {
  return type !== undefined && (type.params.length > 0 || type.results.length > 1);
}

function featureOf(opcode: number): Feature | undefined {
  if (opcode >= PREFIX_FE) return 'atomics';
  if (opcode >= OP_RELAXED_FIRST) return 'relaxed SIMD';
  if (opcode >= PREFIX_FD) return 'SIMD';
  if (opcode >= PREFIX_FC) {
    if (opcode < PREFIX_FC + 8) return 'saturating conversions';
    return /^table\.(grow|size|fill)$/.test(opcodeName[opcode]!) ? 'reference types' : 'bulk memory';
  }
  if (opcode >= 0xc0 && opcode <= 0xc4) return 'sign extension';
  if (opcode === 0x12 || opcode === 0x13) return 'tail calls';
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) return 'exceptions';
  if (opcode === 0x1c || opcode === 0x25 || opcode === 0x26 || opcode >= 0xd0) return 'reference types';
  return undefined;
}

function importType(item: Import, module: Module): string {
  switch (item.kind) {
    case 0:
      return signature(module.types[item.type]);
    case 1:
      return `table of ${valueTypeName(item.type.element)} ${limits(item.type.limits)}`;
    case 2:
      return `memory ${limits(item.type)} pages`;
    case 3:
      return `${item.type.mutable ? 'mutable ' : ''}global ${valueTypeName(item.type.value)}`;
  }
}

function signature(type: FunctionType | undefined): string {
  if (type === undefined) return 'function of an unknown type';
  return `(${type.params.map(valueTypeName).join(' ')}) -> (${type.results.map(valueTypeName).join(' ')})`;
}

function limits({ minimum, maximum }: Limits): string {
  return maximum === undefined ? `${minimum} or more` : `${minimum} to ${maximum}`;
}
