// What continuing needs to know of a whole module: little enough to be kept beside the rewritten module.
//
// A clone is written from the plain body of its function, and the plain module can be had again at any time. What cannot be
// had without reading every body is which functions take the depth of the stack, which can come back unwound, and which
// functions the rewriting has generated, at which index. With that, a replica that found its module in the cache rewrites
// a function when it has an activation of it, and no other.

import { assert } from '../../errors/errors.js';
import { decodeModule } from '../../wasm/decode.js';
import { indexSpaces } from '../../wasm/module.js';
import { OP_DATA_DROP, OP_ELEM_DROP } from '../../wasm/opcodes.js';
import type { GlobalType, ValueType } from '../../wasm/types.js';
import type { CallGraph } from '../callgraph.js';
import { lowerExceptions } from '../exceptions/lower.js';
import { Layout } from '../layout.js';
import { type InstrumentOptions, MAX_TABLE_ELEMENTS } from '../options.js';
import { BOUNDARY_FUNCTION, DROPPED_DATA, DROPPED_ELEMENTS } from '../reserved.js';
import type { ModuleContext, RewriteContext } from '../rewrite-context.js';
import { shareMemory } from '../shared-memory.js';
import { dropName } from '../state.js';
import { foldConstants } from '../substitution/constants.js';
import { substituteInstructions } from '../substitution/substitute.js';

/** Plain data: it is stored beside cached modules. */
export interface ContinuationFacts {
  /** Original index of the interrupt handler. */
  readonly handler: number | undefined;
  readonly maxMemoryPages: number;
  /** Index of the boundary function: an activation whose next is this one waits for a boundary, not for a callee. */
  readonly boundary: number;
  /** Index of the first function of the module that is no import: the first in the table of all functions. */
  readonly firstFunction: number;
  /** Types of the globals, and which can change: what a snapshot has to hold of them. */
  readonly globals: readonly GlobalType[];
  /** Number of tables, the table of all functions not counted. */
  readonly tables: number;
  /** Those of them that the code writes, or that are imported: the others are as the module makes them, unless the host writes. */
  readonly writtenTables: readonly number[];
  /** For each segment that the guest can drop: its kind (as for the import `dropped`), its index, the function that does it. */
  readonly drops: readonly (readonly [kind: number, segment: number, drop: number])[];
  /** By original function index: the sum of COUNTED, CARRIES_DEPTH, SUSPENDS, THROWS where they hold. */
  readonly graph: Uint8Array;
  /** By type index: 1 if a call_indirect of that type may come back with an exception; empty where there are none. */
  readonly throwsIndirect: Uint8Array;
  /** Exceptions have been lowered. */
  readonly lowered: boolean;
  /** Instructions have been replaced. */
  readonly substituted: boolean;
  readonly generated: readonly GeneratedFacts[];
}

interface GeneratedFacts {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** What a clone would be refused for has been refused before. */
const NO_NAMES: ReadonlyMap<number, string> = new Map();
const COUNTED = 1;
const CARRIES_DEPTH = 2;
/** A defined function that suspends has a safe point at least. */
export const SUSPENDS = 4;
const THROWS = 8;

/** The facts of a rewriting that is complete. */
export function continuationFacts(context: RewriteContext, handler: number | undefined): ContinuationFacts {
  const { layout, scan, boundary, maxMemoryPages } = context;
  const { module, spaces, graph } = layout;
  return {
    handler,
    maxMemoryPages,
    boundary,
    firstFunction: layout.firstFunction,
    globals: spaces.globals,
    tables: spaces.tables.length,
    writtenTables: spaces.tables.flatMap((_, index) => {
      return index < spaces.importedTables || scan.writtenTables.has(index) ? [index] : [];
    }),
    drops: [
      ...drops(layout, DROPPED_DATA, module.data.length),
      ...drops(layout, DROPPED_ELEMENTS, module.elements.length),
    ],
    graph: Uint8Array.from(graph.counted, (counted, index) => {
      const depth = graph.carriesDepth[index]! * CARRIES_DEPTH;
      return counted * COUNTED + depth + graph.suspends[index]! * SUSPENDS + graph.throws[index]! * THROWS;
    }),
    throwsIndirect: module.lowered ? graph.throwsIndirect : new Uint8Array(0),
    lowered: module.lowered === true,
    substituted: module.substituted === true,
    generated: layout.generated.map(item => {
      const { params, results } = layout.types[item!.type]!;
      return { name: item!.name, params, results };
    }),
  };
}

function drops(layout: Layout, kind: number, segments: number): ContinuationFacts['drops'] {
  const opcode = kind === DROPPED_DATA ? OP_DATA_DROP : OP_ELEM_DROP;
  return Array.from({ length: segments }, (_, segment) => segment).flatMap(segment => {
    const drop = layout.sharedFunction(dropName(opcode, segment));
    return drop === undefined ? [] : [[kind, segment, drop] as const];
  });
}

/** The context of the rewriting that these facts are of. @param bytes the plain module; @param options as they were then */
export function restoreContext(bytes: Uint8Array, options: InstrumentOptions, facts: ContinuationFacts): ModuleContext {
  const decoded = decodeModule(bytes);
  const shared = foldConstants(options.standsAlone ? shareMemory(decoded, facts.maxMemoryPages) : decoded);
  const plain = facts.substituted ? substituteInstructions(shared, NO_NAMES) : shared;
  const module = facts.lowered ? lowerExceptions(plain, NO_NAMES) : plain;
  const spaces = indexSpaces(module);
  assert(spaces.functions.length === facts.graph.length, 'the facts are of this module');
  const graph: CallGraph = {
    counted: facts.graph.map(bits => (bits & COUNTED) / COUNTED),
    carriesDepth: facts.graph.map(bits => (bits & CARRIES_DEPTH) / CARRIES_DEPTH),
    suspends: facts.graph.map(bits => (bits & SUSPENDS) / SUSPENDS),
    throws: facts.graph.map(bits => (bits & THROWS) / THROWS),
    throwsIndirect: facts.throwsIndirect,
  };
  const layout = new Layout(module, spaces, graph, options);
  facts.generated.forEach(({ name, params, results }, position) => {
    layout.restore(position, name, { params, results });
  });
  const boundary = layout.sharedFunction(BOUNDARY_FUNCTION);
  assert(boundary === facts.boundary, 'the boundary function is where it was');
  return {
    layout,
    boundary,
    exact: options.counting === 'exact',
    maxMemoryPages: facts.maxMemoryPages,
    maxTableElements: MAX_TABLE_ELEMENTS,
    names: NO_NAMES,
  };
}
