// An instance whose functions can be suspended: what it was made from, so that it can be made anew, and its clones.

import type { Imports, WasmExports } from '../instance/webassembly.js';
import { mapImports } from '../instance/wrappers.js';
import type { SuspendedPoint } from '../instrument/continuation/continuation.js';
import { EXPORT_FUNCTIONS, EXPORT_TABLE, IMPORT_BASE, IMPORT_CLONES, MACHINE, MAIN } from '../instrument/reserved.js';
import { type ContinuationModule, type ContinuationModules, keyOf } from './continuation-modules.js';

/** Where a clone stands in the table of clones, and how the host enters it. */
export interface Clone {
  readonly place: number;
  readonly enter: () => unknown;
  /** Whether it was optimised before it was entered. */
  readonly optimised: boolean;
}

/** Kind and index of a segment; kinds as for the import `dropped`. */
export type DroppedSegment = readonly [kind: number, segment: number];

export class SuspendableInstance {
  readonly modules: ContinuationModules;
  readonly #module: WebAssembly.Module;
  /** What the machine gives it, and its continuation modules. */
  readonly #machine: Record<string, unknown>;
  #imports: Imports;
  /** Everything that it exports, hidden names included. */
  exports: WasmExports = {};
  /** Segments that the guest has dropped. */
  readonly dropped: DroppedSegment[] = [];
  readonly clones = new Map<number, Clone>();
  /** Names of exports, functions apart, that the host has been given: it may write to them. */
  readonly shown = new Set<string>();

  /** @param imports without wrappers */
  constructor(
    modules: ContinuationModules,
    module: WebAssembly.Module,
    machine: Record<string, unknown>,
    imports: Imports,
  ) {
    this.modules = modules;
    this.#module = module;
    this.#machine = machine;
    this.#imports = imports;
  }

  /** Whether it was made; one that failed may still have left functions in another's table. */
  get complete(): boolean {
    return EXPORT_FUNCTIONS in this.exports;
  }

  /** The table of all its functions, and the index of the first in it. */
  get functions(): WebAssembly.Table {
    return this.exports[EXPORT_FUNCTIONS];
  }

  get firstFunction(): number {
    return this.modules.facts.firstFunction;
  }

  /** An export that is no function, for the host or another instance. */
  show(name: string): unknown {
    this.shown.add(name);
    return this.exports[name];
  }

  /** Whether a table may hold something else than what the module put into it when it was made. */
  mayHaveChanged(table: number): boolean {
    const own = this.exports[`${EXPORT_TABLE}${table}`];
    return this.modules.facts.writtenTables.includes(table) || [...this.shown].some(name => this.exports[name] === own);
  }

  /** @throws WebAssembly.LinkError, WebAssembly.RuntimeError, TypeError as the plain module would */
  instantiate(): void {
    this.exports = new WebAssembly.Instance(this.#module, { ...this.#imports, [MACHINE]: this.#machine }).exports;
  }

  /** Makes it anew, as it was before its start function ran. @param replaced what stands in place of an import now */
  renew(replaced: (value: unknown) => unknown): void {
    this.#imports = mapImports(this.#imports, replaced);
    this.dropped.length = 0;
    this.clones.clear();
    this.instantiate();
  }

  /** Makes the clones of a module for these points, in place of others, and puts them at the end of the table. */
  addClones(
    points: readonly SuspendedPoint[],
    { module, functions, entries }: ContinuationModule,
    optimised: boolean,
    table: WebAssembly.Table,
  ): void {
    const base = table.grow(points.length);
    const main = Object.create(this.exports);
    for (const index of functions) main[index] = this.functions.get(index - this.firstFunction);
    const machine = {
      ...this.#machine,
      [IMPORT_CLONES]: table,
      [IMPORT_BASE]: new WebAssembly.Global({ value: 'i32' }, base),
    };
    const { exports } = new WebAssembly.Instance(module, { [MACHINE]: machine, [MAIN]: main });
    points.forEach((point, index) => {
      this.clones.set(keyOf(point), { place: base + index, enter: exports[entries[index]!], optimised });
    });
  }
}
