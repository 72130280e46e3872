// The continuation module: the clones that a set of activations needs, and nothing else.
//
// One clone for each pair of function and safe point (and state) that has activations, however many: a recursion of 10,000
// frames has two or three. The clones stand in a table that all continuation modules of a machine share; each finds the
// next one, its callee, by asking the host for its place. The host enters the outermost through an entry, which has the
// results of the original function and puts the counter where the host finds it.

import { assert } from '../../errors/errors.js';
import {
  SECTION_CODE,
  SECTION_ELEMENT,
  SECTION_EXPORT,
  SECTION_FUNCTION,
  SECTION_IMPORT,
  SECTION_TYPE,
} from '../../wasm/decode.js';
import { ModuleWriter, writeExport, writeFunctionType, writeImport } from '../../wasm/encode.js';
import type { Export } from '../../wasm/module.js';
import { OP_DATA_DROP, OP_ELEM_DROP, OP_END, OP_GLOBAL_GET } from '../../wasm/opcodes.js';
import type { GlobalType, ValueType } from '../../wasm/types.js';
import { Writer } from '../../wasm/writer.js';
import { CodeWriter } from '../code.js';
import { BodyRewriter, type RewriteContext } from '../rewrite.js';
import { BOUNDARY, DROPPED_DATA, dropName } from '../unwind-glue.js';
import { writeBoundaryClone, writeBulkClone, writeWrapperClone } from './glue.js';
import { ContinuationLayout } from './layout.js';
import { cloneType, Resumption, type SuspensionState, writeNext } from './resumption.js';

/** What a clone is for. */
export interface SuspendedPoint {
  /** Index of the function in the rewritten main module. */
  readonly function: number;
  readonly point: number;
  readonly state: SuspensionState;
}

export interface Continuation {
  readonly module: Uint8Array;
  /** Indexes of the functions of the main module that it imports, from the module MAIN, by their index as a name. */
  readonly functions: readonly number[];
  /** For each clone, the export through which the host enters it if it is the outermost. */
  readonly entries: readonly string[];
}

/** Makes continuation modules for one rewritten module. */
export class Continuations {
  readonly #context: RewriteContext;
  readonly #handler: number | undefined;

  /** @param context that of the rewriting, complete; @param handler original index of the interrupt handler */
  constructor(context: RewriteContext, handler: number | undefined) {
    this.#context = context;
    this.#handler = handler;
  }

  /** Index of the boundary function: an activation whose next is this one waits for a boundary, not for a callee. */
  get boundary(): number {
    return this.#context.boundary;
  }

  /** Index of the first function of the module that is no import: the first in the table of all functions. */
  get firstFunction(): number {
    return this.#context.layout.firstFunction;
  }

  /** Types of the globals, and which can change: what a snapshot has to hold of them. */
  get globals(): readonly GlobalType[] {
    return this.#context.layout.spaces.globals;
  }

  /** Number of tables, the table of all functions not counted. */
  get tables(): number {
    return this.#context.layout.spaces.tables.length;
  }

  /** Index of the function without parameters that drops a segment (kinds as for the import `dropped`). */
  dropFunction(kind: number, segment: number): number | undefined {
    return this.#context.layout.sharedFunction(dropName(kind === DROPPED_DATA ? OP_DATA_DROP : OP_ELEM_DROP, segment));
  }

  /** The module with a clone for each point, in their order. */
  build(points: readonly SuspendedPoint[]): Continuation {
    const layout = new ContinuationLayout(this.#context.layout);
    const boundary = layout.shared(BOUNDARY);
    const rewriter = new BodyRewriter({ ...this.#context, layout, boundary });
    const functions: { type: number; body: Uint8Array }[] = [];
    const entries = new Map<string, { name: string; results: readonly ValueType[] }>();
    const entryNames = points.map(point => {
      const results = this.#results(point.function);
      functions.push({ type: layout.type(cloneType(results)), body: this.#clone(layout, rewriter, boundary, point) });
      const name = `enter:${results.join()}`;
      entries.set(name, { name, results });
      return name;
    });
    for (const { results } of entries.values()) {
      functions.push({ type: layout.type({ params: [], results }), body: entry(layout, results) });
    }
    const first = layout.importedFunctions;
    const exports = [...entries.keys()].map((name, index): Export => {
      return { name, kind: 0, index: first + points.length + index };
    });
    return {
      module: writeContinuation(layout, functions, exports, points.length),
      functions: layout.mainFunctions,
      entries: entryNames,
    };
  }

  /** The results of a function, without the counter. */
  #results(functionIndex: number): readonly ValueType[] {
    const { layout } = this.#context;
    const generated = layout.generatedAt(functionIndex);
    const type =
      generated === undefined
        ? layout.functionType(functionIndex - layout.firstFunction + layout.spaces.importedFunctions)
        : generated.type;
    return layout.types[type]!.results.slice(0, -1);
  }

  #clone(layout: ContinuationLayout, rewriter: BodyRewriter, boundary: number, suspended: SuspendedPoint): Uint8Array {
    const main = this.#context.layout;
    const { point, state } = suspended;
    const defined = suspended.function - main.firstFunction;
    if (defined < main.module.functions.length) {
      rewriter.resume(defined, new Resumption(layout, point, state));
      return rewriter.code.take();
    }
    const generated = main.generatedAt(suspended.function)!;
    const position = defined - main.module.functions.length;
    if (position < main.spaces.importedFunctions) return writeWrapperClone(layout, position, state, boundary);
    if (generated.name === BOUNDARY) {
      assert(this.#handler !== undefined, 'only a handler can be interrupted');
      return writeBoundaryClone(layout, suspended.function, point, this.#handler);
    }
    return writeBulkClone(layout, suspended.function, generated.name, main.types[generated.type]!.params[1]!, state);
  }
}

function entry(layout: ContinuationLayout, results: readonly ValueType[]): Uint8Array {
  const code = new CodeWriter(32);
  code.locals([]);
  writeNext(code, layout, results);
  code.globalSet(layout.counter);
  code.end();
  return code.take();
}

function writeContinuation(
  layout: ContinuationLayout,
  functions: readonly { type: number; body: Uint8Array }[],
  exports: readonly Export[],
  clones: number,
): Uint8Array {
  const imports = layout.allImports();
  const writer = new ModuleWriter();
  writer.items(SECTION_TYPE, layout.types.length, (out, index) => writeFunctionType(out, layout.types[index]!));
  writer.items(SECTION_IMPORT, imports.length, (out, index) => writeImport(out, imports[index]!));
  writer.items(SECTION_FUNCTION, functions.length, (out, index) => out.u32(functions[index]!.type));
  writer.items(SECTION_EXPORT, exports.length, (out, index) => writeExport(out, exports[index]!));
  writer.items(SECTION_ELEMENT, 1, out => writeClones(layout, out, clones));
  const code = new Writer();
  code.u32(functions.length);
  for (const { body } of functions) {
    code.u32(body.length);
    code.append(body);
  }
  writer.section(SECTION_CODE, code.bytes);
  return writer.finish([]);
}

/** The active segment of the clones: flags = 2, table, offset from the global, kind 0, functions. */
function writeClones(layout: ContinuationLayout, writer: Writer, clones: number): void {
  writer.u32(2);
  writer.u32(layout.clones);
  writer.byte(OP_GLOBAL_GET);
  writer.u32(layout.base);
  writer.byte(OP_END);
  writer.byte(0);
  writer.u32(clones);
  for (let index = 0; index < clones; index++) writer.u32(layout.importedFunctions + index);
}
