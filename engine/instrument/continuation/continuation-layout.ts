// Where everything goes in a continuation module: nothing is its own but the clones, the rest is imported as it is needed.
//
//   functions   the machine's (save, load, next) | functions of the main module, in the order of need | clones, entries
//   tables      the main module's | clones of all continuation modules | all functions of the main module
//   globals     counter, stack room, base, again | globals of the main module, in the order of need
//   types       the main module's original types | what the rewriting adds
//
// Clones call each other through a table only, so the number of imports need not be known before the clones are written.

import { assert } from '../../errors/errors.js';
import type { Import } from '../../wasm/module.js';
import { OP_TABLE_GET } from '../../wasm/opcodes.js';
import {
  EXTERNREF,
  FUNCREF,
  I32,
  I64,
  KIND_FUNCTION,
  KIND_GLOBAL,
  KIND_MEMORY,
  KIND_TABLE,
  type ValueType,
} from '../../wasm/types.js';
import type { CodeWriter } from '../code.js';
import { Layout, type SaveImports } from '../layout.js';
import {
  EXPORT_FUNCTIONS,
  EXPORT_GLOBAL,
  EXPORT_MEMORY,
  EXPORT_TABLE,
  IMPORT_ACTIVATION,
  IMPORT_AGAIN,
  IMPORT_BASE,
  IMPORT_CLONES,
  IMPORT_COUNTER,
  IMPORT_DROPPED,
  IMPORT_INTERRUPT,
  IMPORT_LOAD_EXTERNAL,
  IMPORT_LOAD_FUNCTION,
  IMPORT_LOAD_I32,
  IMPORT_LOAD_I64,
  IMPORT_NEXT,
  IMPORT_SAVE_EXTERNAL,
  IMPORT_SAVE_FUNCTION,
  IMPORT_SAVE_I32,
  IMPORT_SAVE_I64,
  IMPORT_STACK_ROOM,
  IMPORT_UNCAUGHT,
  MACHINE,
  MAIN,
} from '../reserved.js';

/** Function indexes of the imports by which a frame is rebuilt. */
export interface LoadImports {
  readonly i32: number;
  readonly i64: number;
  readonly function: number;
  readonly external: number;
  /** () -> i32: where the clone of the next activation is in the table of clones. */
  readonly next: number;
}

export class ContinuationLayout extends Layout {
  readonly main: Layout;
  override readonly counter = 0;
  override readonly stackRoom = 1;
  /** Index of the global that says where this module's clones begin in the table. */
  readonly base = 2;
  override readonly again: number | undefined = undefined;
  override readonly save: SaveImports;
  override readonly interruptImport: number;
  #uncaught: number | undefined;
  readonly load: LoadImports;
  /** Index of the table of clones. */
  readonly clones: number;
  readonly #functions: Import[] = [];
  readonly #globals: Import[] = [];
  readonly #functionIndexes = new Map<number, number>();
  readonly #globalIndexes = new Map<number, number>();

  constructor(main: Layout) {
    super(main.module, main.spaces, main.graph);
    this.main = main;
    this.clones = main.spaces.tables.length;
    this.#importGlobal(MACHINE, IMPORT_COUNTER, { value: I32, mutable: true });
    this.#importGlobal(MACHINE, IMPORT_STACK_ROOM, { value: I32, mutable: false });
    this.#importGlobal(MACHINE, IMPORT_BASE, { value: I32, mutable: false });
    if (main.again !== undefined) this.again = this.#importGlobal(MACHINE, IMPORT_AGAIN, { value: I32, mutable: true });
    const machine = (name: string, params: readonly ValueType[], results: readonly ValueType[]) => {
      return this.#import(MACHINE, name, this.type({ params, results }));
    };
    this.save = {
      i32: machine(IMPORT_SAVE_I32, [I32], []),
      i64: machine(IMPORT_SAVE_I64, [I64], []),
      function: machine(IMPORT_SAVE_FUNCTION, [FUNCREF], []),
      external: machine(IMPORT_SAVE_EXTERNAL, [EXTERNREF], []),
      activation: machine(IMPORT_ACTIVATION, [I32, I32], []),
      dropped: machine(IMPORT_DROPPED, [I32, I32], []),
    };
    this.load = {
      i32: machine(IMPORT_LOAD_I32, [], [I32]),
      i64: machine(IMPORT_LOAD_I64, [], [I64]),
      function: machine(IMPORT_LOAD_FUNCTION, [], [FUNCREF]),
      external: machine(IMPORT_LOAD_EXTERNAL, [], [EXTERNREF]),
      next: machine(IMPORT_NEXT, [], [I32]),
    };
    this.interruptImport = machine(IMPORT_INTERRUPT, [], [I32, I32, I64, I32]);
  }

  #import(module: string, name: string, type: number): number {
    return this.#functions.push({ module, name, kind: KIND_FUNCTION, type }) - 1;
  }

  #importGlobal(module: string, name: string, type: { value: ValueType; mutable: boolean }): number {
    return this.#globals.push({ module, name, kind: KIND_GLOBAL, type }) - 1;
  }

  /** Also where the main module has no exceptions: what it imports may be another instance's function, which has. */
  override uncaught(): number {
    this.#uncaught ??= this.#import(MACHINE, IMPORT_UNCAUGHT, this.type({ params: [], results: [] }));
    return this.#uncaught;
  }

  /** A function of the main module by its index there, imported if it has not been yet. */
  mainImport(index: number, type: number): number {
    let imported = this.#functionIndexes.get(index);
    if (imported === undefined) {
      imported = this.#import(MAIN, String(index), type);
      this.#functionIndexes.set(index, imported);
    }
    return imported;
  }

  /** Forgets the functions that were imported since there were `count` of them. */
  forgetFunctions(count: number): void {
    for (const { module, name } of this.#functions.splice(count)) {
      if (module === MAIN) this.#functionIndexes.delete(Number(name));
    }
  }

  /** Indexes in the main module of the functions that are imported from it. */
  get mainFunctions(): readonly number[] {
    return [...this.#functionIndexes.keys()];
  }

  get importedFunctions(): number {
    return this.#functions.length;
  }

  override internalFunction(original: number): number {
    return this.mainImport(this.mainFunction(original), this.functionType(original));
  }

  /** By way of the table of all functions: the reference must be the very one that the main module has. */
  override writeReference(code: CodeWriter, original: number): void {
    code.i32(this.main.mainFunction(original) - this.main.firstFunction);
    code.byte(OP_TABLE_GET);
    code.u32(this.clones + 1);
  }

  override mainFunction(original: number): number {
    return this.main.mainFunction(original);
  }

  override movedGlobal(original: number): number {
    let imported = this.#globalIndexes.get(original);
    if (imported === undefined) {
      imported = this.#importGlobal(MAIN, `${EXPORT_GLOBAL}${original}`, this.spaces.globals[original]!);
      this.#globalIndexes.set(original, imported);
    }
    return imported;
  }

  /** The generated function of that name in the main module. */
  override shared(name: string): number {
    const index = this.main.sharedFunction(name);
    assert(index !== undefined, `the main module has the function ${name}`);
    const type = this.main.types[this.main.generatedAt(index)!.type]!;
    return this.mainImport(index, this.type(type));
  }

  /** All imports, in the order that the indexes above mean. */
  allImports(): readonly Import[] {
    const { tables, memories } = this.spaces;
    const count = this.main.functionCount;
    return [
      ...this.#functions,
      ...this.#globals,
      ...memories.map((type): Import => ({ module: MAIN, name: EXPORT_MEMORY, kind: KIND_MEMORY, type })),
      ...tables.map(
        (type, index): Import => ({ module: MAIN, name: `${EXPORT_TABLE}${index}`, kind: KIND_TABLE, type }),
      ),
      {
        module: MACHINE,
        name: IMPORT_CLONES,
        kind: KIND_TABLE,
        type: { element: FUNCREF, limits: { minimum: 0, maximum: undefined } },
      },
      {
        module: MAIN,
        name: EXPORT_FUNCTIONS,
        kind: KIND_TABLE,
        type: { element: FUNCREF, limits: { minimum: count, maximum: count } },
      },
    ];
  }
}
