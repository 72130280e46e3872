// How much of everything V8 takes: more than that, and no replica can compile the module.
//
// The specification leaves such limits to engines. V8's are constants (wasm-limits.h; their names stand beside the numbers),
// and differ between its versions: what counts is the least of Node 20.20, 22.23 and 24.21, for replicas may run on any of
// them. Each was tried there, with as many, one less and one more. Two are tighter than V8's and ours, and say so.
//
// Where the plain module passes one, the decoder or the validator says it; where rewriting does, fitting.ts.

import { EpochvisorError } from '../errors/errors.js';

export interface EngineLimit {
  readonly most: number;
  /** Of what, in the plural. */
  readonly what: string;
  /** What the user can do. */
  readonly hint: string;
}

const SMALLER_MODULE = 'build the program in parts, or leave out what it does not use';
const SMALLER_FUNCTION = 'compile it in smaller functions';
const THROUGH_MEMORY = 'pass some of them through memory';

function limit(most: number, what: string, hint: string): EngineLimit {
  return { most, what, hint };
}

export const ENGINE_LIMITS = {
  /** kV8MaxWasmModuleSize */
  moduleBytes: limit(1 << 30, 'bytes', SMALLER_MODULE),
  /** kV8MaxWasmTypes */
  types: limit(1_000_000, 'types', SMALLER_MODULE),
  /** kV8MaxWasmImports: 1,000,000 since Node 24 */
  imports: limit(100_000, 'imports', SMALLER_MODULE),
  /** kV8MaxWasmFunctions, imports not counted */
  functions: limit(1_000_000, 'functions', SMALLER_MODULE),
  /** kV8MaxWasmTables, imports not counted */
  tables: limit(100_000, 'tables', SMALLER_MODULE),
  /** kV8MaxWasmTableSize, at the beginning: to compile for Node 24, to instantiate for others */
  tableElements: limit(10_000_000, 'elements in a table', SMALLER_MODULE),
  /** kV8MaxWasmMemories; more than one is not supported here */
  memories: limit(100_000, 'memories', SMALLER_MODULE),
  /** kV8MaxWasmGlobals, imports not counted */
  globals: limit(1_000_000, 'globals', SMALLER_MODULE),
  /** kV8MaxWasmTags */
  tags: limit(1_000_000, 'tags', SMALLER_MODULE),
  /** Ours: what exceptions carry lies in as many globals. */
  carried: limit(200, 'values that exceptions carry', THROUGH_MEMORY),
  /** kV8MaxWasmExports: 1,000,000 since Node 24 */
  exports: limit(100_000, 'exports', SMALLER_MODULE),
  /** Ours: V8 takes 10,000,000 (kV8MaxWasmElementSegments), of which each is an object here. */
  elementSegments: limit(1_000_000, 'element segments', SMALLER_MODULE),
  /** kV8MaxWasmTableInitEntries */
  elements: limit(10_000_000, 'elements in a segment', SMALLER_MODULE),
  /** kV8MaxWasmDataSegments */
  dataSegments: limit(100_000, 'data segments', SMALLER_MODULE),
  /** Ours: V8 counts none; each is an object here. */
  customSections: limit(1_000_000, 'custom sections', SMALLER_MODULE),
  /** kV8MaxWasmFunctionParams; blocks have types of the same kind */
  params: limit(1_000, 'parameters', THROUGH_MEMORY),
  /** kV8MaxWasmFunctionReturns */
  results: limit(1_000, 'results', THROUGH_MEMORY),
  /** kV8MaxWasmFunctionLocals, parameters included */
  locals: limit(50_000, 'locals', SMALLER_FUNCTION),
  /** kV8MaxWasmFunctionSize, local declarations included */
  bodyBytes: limit(7_654_321, 'bytes of code', SMALLER_FUNCTION),
  /** kV8MaxWasmFunctionBrTableSize, the default not counted */
  labels: limit(65_520, 'labels in a br_table', SMALLER_FUNCTION),
} as const satisfies Record<string, EngineLimit>;

/**
 * The error for what passes a limit.
 *
 * @param where what has too many, with its place
 * @param once 'as it is', or 'rewritten': the module itself keeps the limit
 */
export function tooMany(
  { most, what, hint }: EngineLimit,
  where: string,
  once: 'as it is' | 'rewritten',
): EpochvisorError {
  const has =
    once === 'rewritten' ? `would have more than ${most} ${what} once rewritten` : `has more than ${most} ${what}`;
  return new EpochvisorError('MODULE_TOO_LARGE', `${where} ${has}, and the engine of Node takes no more`, hint);
}

/** The same for who counts. */
export function checkLimit(limit: EngineLimit, count: number, where: string, once: 'as it is' | 'rewritten'): void {
  if (count > limit.most) throw tooMany(limit, where, once);
}
