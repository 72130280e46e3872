// A module in memory: small tables decoded, code and expressions left as ranges of the bytes they came from.

import {
  type FunctionType,
  type GlobalType,
  KIND_FUNCTION,
  type KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  type Kind,
  type Limits,
  type TableType,
  type ValueType,
} from './types.js';

/** `bytes[start, end)` of the module. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

type ImportType =
  | { readonly kind: typeof KIND_FUNCTION; readonly type: number }
  | { readonly kind: typeof KIND_TABLE; readonly type: TableType }
  | { readonly kind: typeof KIND_MEMORY; readonly type: Limits }
  | { readonly kind: typeof KIND_GLOBAL; readonly type: GlobalType };

export type Import = ImportType & { readonly module: string; readonly name: string };

export interface Export {
  readonly name: string;
  readonly kind: Kind;
  readonly index: number;
}

export interface Global {
  readonly type: GlobalType;
  readonly value: Range;
}

export interface Element {
  /** Active segments have a table and an offset; declarative ones only allow ref.func. */
  readonly mode: 'active' | 'passive' | 'declarative';
  readonly table: number;
  readonly offset: Range | undefined;
  readonly type: ValueType;
  /** Either function indexes, or expressions one after another: item i is bytes[items[i], items[i + 1]). */
  readonly form: 'functions' | 'expressions';
  readonly items: Uint32Array;
}

export interface Data {
  /** Undefined for passive segments. */
  readonly offset: Range | undefined;
  readonly content: Range;
}

export interface Custom {
  readonly name: string;
  readonly content: Range;
  /** Id of the last section before it that was not custom, 0 if there was none. */
  readonly after: number;
}

/** Index spaces count imports first, as the specification says; `functions`, `tables` and so on hold definitions only. */
export interface Module {
  readonly bytes: Uint8Array;
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  /** Type index of each defined function. */
  readonly functions: Uint32Array;
  readonly tables: readonly TableType[];
  readonly memories: readonly Limits[];
  readonly globals: readonly Global[];
  /** Type index of each tag. */
  readonly tags: readonly number[];
  readonly exports: readonly Export[];
  readonly start: number | undefined;
  readonly elements: readonly Element[];
  readonly dataCount: number | undefined;
  /** Body of defined function i, local declarations included: bytes[bodyStart[i], bodyEnd[i]). */
  readonly bodyStart: Uint32Array;
  readonly bodyEnd: Uint32Array;
  readonly data: readonly Data[];
  readonly customs: readonly Custom[];
  /** Exceptions have been lowered: see engine/instrument/exceptions. */
  readonly lowered?: true;
  /** Where memories have been declared shared (engine/instrument/shared-memory.ts): whether one was before. */
  readonly threaded?: boolean;
  /** Instructions have been replaced: see engine/instrument/substitution. */
  readonly substituted?: true;
}

/** The index spaces of a module: what each index means, imports included. */
export interface IndexSpaces {
  /** Type index of each function. */
  readonly functions: Uint32Array;
  readonly importedFunctions: number;
  readonly tables: readonly TableType[];
  readonly importedTables: number;
  readonly memories: readonly Limits[];
  readonly importedMemories: number;
  readonly globals: readonly GlobalType[];
  readonly importedGlobals: number;
}

export function indexSpaces(
  module: Pick<Module, 'imports' | 'functions' | 'tables' | 'memories' | 'globals'>,
): IndexSpaces {
  const functions: number[] = [];
  const tables: TableType[] = [];
  const memories: Limits[] = [];
  const globals: GlobalType[] = [];
  for (const item of module.imports) {
    if (item.kind === KIND_FUNCTION) functions.push(item.type);
    else if (item.kind === KIND_TABLE) tables.push(item.type);
    else if (item.kind === KIND_MEMORY) memories.push(item.type);
    else globals.push(item.type);
  }
  const allFunctions = new Uint32Array(functions.length + module.functions.length);
  allFunctions.set(functions);
  allFunctions.set(module.functions, functions.length);
  return {
    functions: allFunctions,
    importedFunctions: functions.length,
    tables: [...tables, ...module.tables],
    importedTables: tables.length,
    memories: [...memories, ...module.memories],
    importedMemories: memories.length,
    globals: [...globals, ...module.globals.map(global => global.type)],
    importedGlobals: globals.length,
  };
}
