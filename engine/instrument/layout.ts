// Where everything goes in the rewritten module: which index each function, global and type has, and what is added.
//
//   functions   original imports | injected imports | original definitions | generated functions
//   tables      original         | where the module is suspendable: one of all functions
//   globals     original imports | counter, room, and again where imports may block | original definitions
//   types       original         | internal types and types of generated functions
//
// An internal type is an original type with the counter as one more parameter, and one more result; functions that carry
// the stack depth (depth.ts) have it as a parameter before the counter. Original types stay as they are: imports, exports
// and block types go on using them. A call of an import, or a reference to it, means its
// generated wrapper, which has the internal type.

import { assert } from '../errors/errors.js';
import { ENGINE_LIMITS, type EngineLimit } from '../wasm/engine-limits.js';
import type { Import, IndexSpaces, Module } from '../wasm/module.js';
import {
  EXTERNREF,
  FUNCREF,
  type FunctionType,
  I32,
  I64,
  KIND_FUNCTION,
  KIND_GLOBAL,
  type ValueType,
} from '../wasm/types.js';
import type { CallGraph } from './callgraph.js';
import type { CodeWriter } from './code.js';
import {
  IMPORT_ACTIVATION,
  IMPORT_AGAIN,
  IMPORT_BOUNDARY,
  IMPORT_CANNOT_ALLOCATE,
  IMPORT_COUNTER,
  IMPORT_DROPPED,
  IMPORT_INTERRUPT,
  IMPORT_SAVE_EXTERNAL,
  IMPORT_SAVE_FUNCTION,
  IMPORT_SAVE_I32,
  IMPORT_SAVE_I64,
  IMPORT_STACK_OVERFLOW,
  IMPORT_STACK_ROOM,
  IMPORT_UNCAUGHT,
  MACHINE,
} from './reserved.js';

interface GeneratedFunction {
  readonly name: string;
  readonly type: number;
  /** Locals and code, without the size before them. */
  readonly body: Uint8Array;
}

/** Function indexes of the imports through which a frame leaves. */
export interface SaveImports {
  readonly i32: number;
  readonly i64: number;
  readonly function: number;
  readonly external: number;
  /** (function, safe point) -> () */
  readonly activation: number;
  readonly dropped: number;
}

export class Layout {
  readonly module: Module;
  readonly spaces: IndexSpaces;
  readonly graph: CallGraph;
  /** Imports of the rewritten module. */
  readonly imports: readonly Import[];
  readonly types: FunctionType[];
  readonly generated: (GeneratedFunction | undefined)[] = [];
  /** Index of the global that holds the counter while host code runs. */
  readonly counter: number;
  /** Index of the global that holds the allowance of stack depth. */
  readonly stackRoom: number;
  /** Index of the global by which an import asks to be called again; undefined where imports do not block. */
  readonly again: number | undefined;
  readonly boundaryImport: number;
  readonly cannotAllocateImport: number;
  readonly interruptImport: number;
  readonly stackOverflowImport: number;
  /** Index of the import for what nobody catches; undefined where the module has no exceptions. */
  readonly uncaughtImport: number | undefined;
  /** Indexes of the imports by which frames leave; undefined where the module is not suspendable. */
  readonly save: SaveImports | undefined;
  readonly #injectedFunctions: number;
  readonly #typeIndexes = new Map<string, number>();
  readonly #internalTypes = [new Map<number, number>(), new Map<number, number>()];
  readonly #shared = new Map<string, number>();
  /** What a type that was added has too many of: whoever added it is to be refused (fitting.ts). */
  tooWide: EngineLimit | undefined;
  /** New indexes of the functions that ref.func names in bodies; they must be declared. */
  readonly references = new Set<number>();

  constructor(
    module: Module,
    spaces: IndexSpaces,
    graph: CallGraph,
    { blockingImports = false, suspendable = false }: { blockingImports?: boolean; suspendable?: boolean } = {},
  ) {
    this.graph = graph;
    this.module = module;
    this.spaces = spaces;
    this.types = [...module.types];
    this.counter = spaces.importedGlobals;
    this.stackRoom = this.counter + 1;
    this.again = blockingImports ? this.stackRoom + 1 : undefined;
    this.boundaryImport = spaces.importedFunctions;
    this.cannotAllocateImport = this.boundaryImport + 1;
    this.interruptImport = this.boundaryImport + 2;
    this.stackOverflowImport = this.boundaryImport + 3;
    this.uncaughtImport = module.lowered ? this.stackOverflowImport + 1 : undefined;
    const always = module.lowered ? 5 : 4;
    this.save = suspendable ? saveImports(this.boundaryImport + always) : undefined;
    this.#injectedFunctions = suspendable ? always + SAVE_IMPORTS : always;
    const noResult = this.type({ params: [], results: [] });
    const interruptType = this.type({ params: [], results: [I32, I32, I64, I32] });
    this.imports = [
      ...module.imports,
      { module: MACHINE, name: IMPORT_BOUNDARY, kind: KIND_FUNCTION, type: this.type({ params: [], results: [I32] }) },
      { module: MACHINE, name: IMPORT_CANNOT_ALLOCATE, kind: KIND_FUNCTION, type: noResult },
      { module: MACHINE, name: IMPORT_INTERRUPT, kind: KIND_FUNCTION, type: interruptType },
      { module: MACHINE, name: IMPORT_STACK_OVERFLOW, kind: KIND_FUNCTION, type: noResult },
      ...(module.lowered
        ? [{ module: MACHINE, name: IMPORT_UNCAUGHT, kind: KIND_FUNCTION, type: noResult } as const]
        : []),
      ...(suspendable ? this.#saveImports() : []),
      { module: MACHINE, name: IMPORT_COUNTER, kind: KIND_GLOBAL, type: { value: I32, mutable: true } },
      { module: MACHINE, name: IMPORT_STACK_ROOM, kind: KIND_GLOBAL, type: { value: I32, mutable: false } },
    ];
    if (blockingImports) {
      this.imports = [
        ...this.imports,
        { module: MACHINE, name: IMPORT_AGAIN, kind: KIND_GLOBAL, type: { value: I32, mutable: true } },
      ];
    }
    // The wrappers of imports come first among the generated functions; glue.ts writes them.
    this.generated.length = spaces.importedFunctions;
  }

  #saveImports(): Import[] {
    const item = (name: string, params: readonly ValueType[], results: readonly ValueType[] = []): Import => {
      return { module: MACHINE, name, kind: KIND_FUNCTION, type: this.type({ params, results }) };
    };
    return [
      item(IMPORT_SAVE_I32, [I32]),
      item(IMPORT_SAVE_I64, [I64]),
      item(IMPORT_SAVE_FUNCTION, [FUNCREF]),
      item(IMPORT_SAVE_EXTERNAL, [EXTERNREF]),
      item(IMPORT_ACTIVATION, [I32, I32]),
      item(IMPORT_DROPPED, [I32, I32]),
    ];
  }

  /** The index of a type, which is added if the rewriting has not added it before. */
  type(type: FunctionType): number {
    const key = `${type.params.join()}:${type.results.join()}`;
    let index = this.#typeIndexes.get(key);
    if (index === undefined) {
      if (type.params.length > ENGINE_LIMITS.params.most) this.tooWide ??= ENGINE_LIMITS.params;
      if (type.results.length > ENGINE_LIMITS.results.most) this.tooWide ??= ENGINE_LIMITS.results;
      index = this.types.push(type) - 1;
      this.#typeIndexes.set(key, index);
    }
    return index;
  }

  /** The index of the internal form of an original type, with the stack depth or without. */
  internalType(original: number, depth: boolean): number {
    const indexes = this.#internalTypes[depth ? 1 : 0]!;
    let index = indexes.get(original);
    if (index === undefined) {
      const { params, results } = this.module.types[original]!;
      const added = depth ? [I32, I32] : [I32];
      index = this.type({ params: [...params, ...added], results: [...results, I32] });
      indexes.set(original, index);
    }
    return index;
  }

  /** The type in the rewritten module of a function, by its original index; of an import, its wrapper's. */
  functionType(original: number): number {
    return this.internalType(this.spaces.functions[original]!, this.carriesDepth(original));
  }

  /** Whether a function, by its original index, takes the stack depth as a parameter. */
  carriesDepth(original: number): boolean {
    return this.graph.carriesDepth[original] === 1;
  }

  /** Index of the import for what nobody catches. */
  uncaught(): number {
    assert(this.uncaughtImport !== undefined, 'the module has exceptions');
    return this.uncaughtImport;
  }

  /** A block type that takes and gives these values. */
  blockType(params: readonly ValueType[], results: readonly ValueType[]): number {
    if (params.length === 0 && results.length === 0) return -64;
    if (params.length === 0 && results.length === 1) return results[0]! - 128;
    return this.type({ params, results });
  }

  /** The signature of a function, by its original index. */
  signature(original: number): FunctionType {
    return this.module.types[this.spaces.functions[original]!]!;
  }

  /** The new index of a defined function, or of an import itself. */
  movedFunction(original: number): number {
    return original < this.spaces.importedFunctions ? original : original + this.#injectedFunctions;
  }

  /** What a call or reference in the module means: the function, or the wrapper of an import. */
  internalFunction(original: number): number {
    return this.mainFunction(original);
  }

  /** Pushes a reference to a function, by its original index. */
  writeReference(code: CodeWriter, original: number): void {
    const index = this.internalFunction(original);
    this.references.add(index);
    code.refFunc(index);
  }

  /** The index in the rewritten module of what a call means: by it activations name functions. */
  mainFunction(original: number): number {
    if (original < this.spaces.importedFunctions) return this.#generatedIndex(original);
    return original + this.#injectedFunctions;
  }

  movedGlobal(original: number): number {
    if (original < this.spaces.importedGlobals) return original;
    return original + (this.again === undefined ? 2 : 3);
  }

  /** Number of functions in the rewritten module that are not imports, and the index of the first. */
  get functionCount(): number {
    return this.module.functions.length + this.generated.length;
  }

  get firstFunction(): number {
    return this.spaces.importedFunctions + this.#injectedFunctions;
  }

  /** The index of the generated function of that name. */
  sharedFunction(name: string): number | undefined {
    return this.#shared.get(name);
  }

  /** The generated function of that index; undefined for others. */
  generatedAt(index: number): GeneratedFunction | undefined {
    return this.generated[index - this.firstFunction - this.module.functions.length];
  }

  #generatedIndex(position: number): number {
    return this.spaces.functions.length + this.#injectedFunctions + position;
  }

  /** Adds a generated function and gives its index. */
  add(generated: GeneratedFunction): number {
    return this.#generatedIndex(this.generated.push(generated) - 1);
  }

  /** Puts a function that an earlier rewriting generated where it was: its name and type, no body. */
  restore(position: number, name: string, type: FunctionType): void {
    this.generated[position] = { name, type: this.type(type), body: NO_BODY };
    // The wrappers of imports go by their index: two imports may have one name.
    if (position >= this.spaces.importedFunctions) this.#shared.set(name, this.#generatedIndex(position));
  }

  /** The generated function of that name, made at its first use; `make` gets its index. */
  shared(name: string, make: (self: number) => { readonly type: FunctionType; readonly body: Uint8Array }): number {
    let index = this.#shared.get(name);
    if (index === undefined) {
      // Its place is taken before it is made: what it calls may be made meanwhile.
      const position = this.generated.push(undefined) - 1;
      index = this.#generatedIndex(position);
      this.#shared.set(name, index);
      const { type, body } = make(index);
      this.generated[position] = { name, type: this.type(type), body };
    }
    return index;
  }
}

const SAVE_IMPORTS = 6;
const NO_BODY = new Uint8Array(0);

function saveImports(first: number): SaveImports {
  return {
    i32: first,
    i64: first + 1,
    function: first + 2,
    external: first + 3,
    activation: first + 4,
    dropped: first + 5,
  };
}
