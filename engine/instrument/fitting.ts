// Whether V8 takes what rewriting makes of a module that it takes as it is: against the limits of engine-limits.ts.
//
// Rewriting adds to nearly everything that is limited. What is found is refused when the module is rewritten, so that
// `inspect` says it and `run` ends in one line, rather than when a replica compiles it:
//
//   signatures     the counter is one more parameter and result, the depth another parameter      checkSignatures
//   bodies         code; locals for the counter, scratch values, operands under blocks             BodyRewriter, checkBody
//   block types    cold code of a safe point takes and gives all operands of its block            UnwindPlan, checkBody
//   clones         the rest of a body, and once more each loop around (clone-size.ts)             checkBody
//   sections       types, functions, exports, a table                                             checkModule
//
// Continuation modules are made later, of what was found here: their clones have the locals and the block types of the
// rewritten bodies, and import what these name. Three bounds of theirs are no one body's:
//
//   types      those of the main module, and for each list of types among those of the plain module `() -> list` and
//              `() -> (list, i32)`
//   imports    what clones name of the main module. Where all its functions, globals and tables together are more than
//              V8 lets a module import, each clone has a module of its own (clonesTogether), and what the body can name
//              is bounded (checkBody)
//   bytes      as many clones of the largest size as one module has (clonesTogether) are below the size of a module
//
// A module is refused only for what V8 would not have taken, with three exceptions, all far from what compilers make:
// for clones and for the types of continuation modules these are upper bounds, and exports and imports are bounded by the
// least of V8's versions.

import { checkLimit, ENGINE_LIMITS, type EngineLimit, tooMany } from '../wasm/engine-limits.js';
import type { Export } from '../wasm/module.js';
import { describeFunction } from '../wasm/names.js';
import type { Layout } from './layout.js';

/** What messages need to name a function. */
interface Naming {
  readonly layout: Layout;
  /** By original function index. */
  readonly names: ReadonlyMap<number, string>;
}

/** Defined function `index` as messages call it, with the offset of its body, or of a place in it. */
export function placeOf({ layout, names }: Naming, index: number, offset = layout.module.bodyStart[index]!): string {
  return `${describeFunction(layout.spaces.importedFunctions + index, names)} at byte ${offset}`;
}

/** @throws EpochvisorError MODULE_TOO_LARGE: a function has as many parameters or results as there may be */
export function checkSignatures(naming: Naming): void {
  const { layout } = naming;
  const { functions, importedFunctions } = layout.spaces;
  for (let original = 0; original < functions.length; original++) {
    const { params, results } = layout.signature(original);
    // The usual case, without making the place.
    if (params.length + 2 <= ENGINE_LIMITS.params.most && results.length < ENGINE_LIMITS.results.most) continue;
    const defined = original - importedFunctions;
    const where = defined < 0 ? `${describeFunction(original, naming.names)}, an import,` : placeOf(naming, defined);
    const added = layout.carriesDepth(original) ? 2 : 1;
    checkLimit(ENGINE_LIMITS.params, params.length + added, where, 'rewritten');
    checkLimit(ENGINE_LIMITS.results, results.length + 1, where, 'rewritten');
  }
}

/** What is limited of a rewritten body. */
export interface BodyMeasure {
  readonly bytes: number;
  /** Parameters included. */
  readonly locals: number;
  /** An upper bound of the largest clone, bytes; 0 where the module is not suspendable. */
  readonly cloneBytes: number;
  /** Functions and globals that the body names, each as often as it does. */
  readonly named: number;
}

/** @throws EpochvisorError MODULE_TOO_LARGE: V8 would not take the body of defined function `index`, or a clone of it */
export function checkBody(naming: Naming, index: number, { bytes, locals, cloneBytes, named }: BodyMeasure): void {
  const { layout } = naming;
  const fits = (limit: EngineLimit, count: number, what = '') => {
    if (count > limit.most) throw tooMany(limit, `${what}${placeOf(naming, index)}`, 'rewritten');
  };
  fits(ENGINE_LIMITS.bodyBytes, bytes);
  fits(ENGINE_LIMITS.locals, locals);
  if (layout.tooWide !== undefined) fits(layout.tooWide, Number.POSITIVE_INFINITY, 'a block or call of ');
  if (layout.save === undefined) return;
  fits(ENGINE_LIMITS.bodyBytes, cloneBytes, 'what continues a suspended ');
  const { tables } = layout.spaces;
  const most = Math.min(named, layout.spaces.functions.length + layout.generated.length + layout.spaces.globals.length);
  fits(ENGINE_LIMITS.imports, most + tables.length + CONTINUATION_IMPORTS, 'what continues a suspended ');
}

/** The module's sections. @throws EpochvisorError MODULE_TOO_LARGE */
export function checkModule(layout: Layout, exports: readonly Export[]): void {
  const { module } = layout;
  const fits = (limit: EngineLimit, count: number) => checkLimit(limit, count, 'the module', 'rewritten');
  fits(ENGINE_LIMITS.types, layout.save === undefined ? layout.types.length : typesOfContinuation(layout));
  fits(ENGINE_LIMITS.imports, layout.imports.length);
  fits(ENGINE_LIMITS.functions, layout.functionCount);
  fits(ENGINE_LIMITS.tables, module.tables.length + (layout.save === undefined ? 0 : 1));
  fits(ENGINE_LIMITS.exports, exports.length);
}

/** Types that the machine's functions have, which a continuation module imports. */
const MACHINE_TYPES = 16;

/** An upper bound of the types of a continuation module. */
function typesOfContinuation({ types, module }: Layout): number {
  const most = types.length + 4 * module.types.length + MACHINE_TYPES;
  if (most <= ENGINE_LIMITS.types.most) return most;
  const lists = new Set<string>();
  for (const { params, results } of module.types) lists.add(params.join()).add(results.join());
  return types.length + 2 * lists.size + MACHINE_TYPES;
}

/** What a continuation module imports in any case, and its memory, rounded up: see continuation-layout.ts. */
const CONTINUATION_IMPORTS = 32;
/** Of the largest size, in a module of 1 GiB; no stack has so many different safe points but in tests. */
const CLONES_TOGETHER_MAX = 128;

/**
 * Clones may name any function and global of the main module, and import what they name. Where those are more than a module
 * can import, each clone has a module of its own; what one body can name, checkBody has bounded.
 *
 * @param functions of the rewritten module; @param globals and @param tables of the plain one
 */
export function clonesTogether(functions: number, globals: number, tables: number): number {
  const imports = functions + globals + tables + CONTINUATION_IMPORTS;
  return imports > ENGINE_LIMITS.imports.most ? 1 : CLONES_TOGETHER_MAX;
}
