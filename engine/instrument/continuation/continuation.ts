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
import { OP_END, OP_GLOBAL_GET } from '../../wasm/opcodes.js';
import { I32, KIND_FUNCTION, type ValueType } from '../../wasm/types.js';
import { Writer } from '../../wasm/writer.js';
import { BranchHints } from '../branch-hints.js';
import { type BranchHint, CodeWriter } from '../code.js';
import { trapIfThrown } from '../glue.js';
import type { InstrumentOptions } from '../options.js';
import { BOUNDARY_FUNCTION } from '../reserved.js';
import { BodyRewriter } from '../rewrite.js';
import type { ModuleContext } from '../rewrite-context.js';
import { scanBodies } from '../scan.js';
import { writeBoundaryClone, writeBulkClone, writeWrapperClone } from './cloned-glue.js';
import { ContinuationLayout } from './continuation-layout.js';
import { type ContinuationFacts, restoreContext, SUSPENDS } from './facts.js';
import { cloneType, Resumption, type SuspensionState, writeNext } from './resumption.js';

const NO_NAMES = new Map<number, string>();

/** What a clone is for. */
export interface SuspendedPoint {
  /** Index of the function in the rewritten main module. */
  readonly function: number;
  readonly point: number;
  readonly state: SuspensionState;
}

interface Continuation {
  readonly module: Uint8Array;
  /** Indexes of the functions of the main module that it imports, from the module MAIN, by their index as a name. */
  readonly functions: readonly number[];
  /** For each clone, the export through which the host enters it if it is the outermost. */
  readonly entries: readonly string[];
}

/** Makes continuation modules for one rewritten module. */
export class Continuations {
  readonly facts: ContinuationFacts;
  readonly #bytes: Uint8Array;
  readonly #options: InstrumentOptions;
  #known: ModuleContext | undefined;

  /** @param bytes the plain module; @param options those of the rewriting; @param facts what the rewriting found out */
  constructor(bytes: Uint8Array, options: InstrumentOptions, facts: ContinuationFacts) {
    this.#bytes = bytes;
    this.#options = options;
    this.facts = facts;
  }

  /** Decoded when it is needed first: most machines are never suspended. */
  get #context(): ModuleContext {
    this.#known ??= restoreContext(this.#bytes, { ...this.#options, suspendable: true }, this.facts);
    return this.#known;
  }

  /** Points of functions from all over the module, for who wants to try. Not under exact counting, where all have some. */
  somePoints(count: number): readonly SuspendedPoint[] {
    const { graph, firstFunction } = this.facts;
    const { importedFunctions } = this.#context.layout.spaces;
    const suspending: number[] = [];
    for (let index = importedFunctions; index < graph.length; index++) {
      if ((graph[index]! & SUSPENDS) !== 0) suspending.push(index - importedFunctions + firstFunction);
    }
    const step = Math.max(1, Math.floor(suspending.length / count));
    return suspending
      .filter((_, index) => index % step === 0)
      .slice(0, count)
      .map(index => ({ function: index, point: 0, state: 'here' }));
  }

  /** The module with a clone for each point, in their order. */
  build(points: readonly SuspendedPoint[]): Continuation {
    const { module, spaces, firstFunction } = this.#context.layout;
    const layout = new ContinuationLayout(this.#context.layout);
    const boundary = layout.shared(BOUNDARY_FUNCTION);
    // The module is valid, and has its charges from the same scan; bodies that have no activations need not be read.
    const chosen = new Set(points.map(point => point.function - firstFunction));
    const scan = scanBodies(module, spaces, NO_NAMES, !this.#context.exact, chosen);
    const rewriter = new BodyRewriter({ ...this.#context, scan, layout, boundary });
    const functions: WrittenFunction[] = [];
    const entries = new Map<string, { name: string; results: readonly ValueType[] }>();
    const entryNames = points.map(point => {
      const results = this.#results(point.function);
      functions.push({ type: layout.type(cloneType(results)), ...this.#clone(layout, rewriter, boundary, point) });
      const name = `enter:${results.join()}`;
      entries.set(name, { name, results });
      return name;
    });
    for (const { results } of entries.values()) {
      functions.push({ type: layout.type({ params: [], results }), body: entry(layout, results), hints: [] });
    }
    const first = layout.importedFunctions;
    const exports = [...entries.keys()].map((name, index): Export => {
      return { name, kind: KIND_FUNCTION, index: first + points.length + index };
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

  #clone(layout: ContinuationLayout, rewriter: BodyRewriter, boundary: number, suspended: SuspendedPoint): WrittenBody {
    const main = this.#context.layout;
    const { point, state } = suspended;
    const defined = suspended.function - main.firstFunction;
    if (defined >= main.module.functions.length) {
      return { body: this.#generatedClone(layout, boundary, suspended), hints: [] };
    }
    rewriter.resume(defined, new Resumption(layout, point, state));
    return { body: rewriter.code.take(), hints: rewriter.code.hints };
  }

  #generatedClone(layout: ContinuationLayout, boundary: number, suspended: SuspendedPoint): Uint8Array {
    const main = this.#context.layout;
    const { point, state } = suspended;
    const position = suspended.function - main.firstFunction - main.module.functions.length;
    const generated = main.generatedAt(suspended.function)!;
    if (position < main.spaces.importedFunctions) return writeWrapperClone(layout, position, state, boundary);
    if (generated.name === BOUNDARY_FUNCTION) {
      const { handler } = this.facts;
      assert(handler !== undefined, 'only a handler can be interrupted');
      return writeBoundaryClone(layout, suspended.function, point, handler);
    }
    return writeBulkClone(layout, suspended.function, generated.name, main.types[generated.type]!.params[1]!, state);
  }
}

interface WrittenBody {
  readonly body: Uint8Array;
  readonly hints: readonly BranchHint[];
}

interface WrittenFunction extends WrittenBody {
  readonly type: number;
}

function entry(layout: ContinuationLayout, results: readonly ValueType[]): Uint8Array {
  const code = new CodeWriter(32);
  const throwing = layout.main.uncaughtImport !== undefined;
  code.locals(throwing ? [I32] : []);
  writeNext(code, layout, results);
  if (throwing) {
    code.localTee(0);
    trapIfThrown(layout, code);
    code.localGet(0);
  }
  code.globalSet(layout.counter);
  code.end();
  return code.take();
}

function writeContinuation(
  layout: ContinuationLayout,
  functions: readonly WrittenFunction[],
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
  const hints = new BranchHints();
  functions.forEach((written, index) => {
    hints.add(layout.importedFunctions + index, written.hints);
  });
  return writer.finish(hints.sections());
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
