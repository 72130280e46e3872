// The suspended stack of a machine: activations come out of the guest, and clones that take them up again are put together.
//
// While the guest unwinds, each frame hands over its values and then its activation (engine/instrument/unwind.ts). To go
// on, every activation needs the clone for its function, safe point and state; clones that are not there yet come in a
// continuation module, instantiated beside the main instance. Then the host enters the outermost clone. Each clone takes
// its values, and asks for the place of the next one in the table of clones, until the innermost goes on from the boundary.
//
// Instances that are linked share one stack: a call from one into another leaves activations of both.

import { assert } from '../errors/errors.js';
import type { Continuations, SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { SuspensionState } from '../instrument/continuation/resumption.js';
import { MARK } from '../instrument/mark.js';
import {
  EXPORT_FUNCTIONS,
  IMPORT_ACTIVATION,
  IMPORT_BASE,
  IMPORT_CLONES,
  IMPORT_DROPPED,
  IMPORT_LOAD_EXTERNAL,
  IMPORT_LOAD_FUNCTION,
  IMPORT_LOAD_I32,
  IMPORT_LOAD_I64,
  IMPORT_NEXT,
  IMPORT_SAVE_EXTERNAL,
  IMPORT_SAVE_FUNCTION,
  IMPORT_SAVE_I32,
  IMPORT_SAVE_I64,
  MACHINE,
  MAIN,
} from '../instrument/reserved.js';

import { compileRewritten } from './compile.js';
import type { Meter } from './meter.js';
import type { Imports, WasmExports } from './webassembly.js';

export type GuestFunction = (...args: unknown[]) => unknown;

/** A number or, as it is in JavaScript, a reference. */
export type SavedValue = unknown;

/** One frame of the guest's stack. */
export interface Activation {
  /** Number of the instance in its machine. */
  readonly instance: number;
  /** Index of the function in the rewritten module. */
  readonly function: number;
  readonly point: number;
  /** In the order in which the frame handed them over. */
  readonly values: readonly SavedValue[];
}

interface ContinuationModule {
  readonly module: WebAssembly.Module;
  readonly functions: readonly number[];
  readonly entries: readonly string[];
}

/** Modules kept for a program; a long run meets the same few sets of safe points again and again. */
const MODULES_MAX = 1024;
/** Clones kept in the table; beyond it all are forgotten, and made again as they are needed. */
const CLONES_MAX = 4096;

/** Continuation modules of one rewritten module, compiled, for all its instances. */
export class ContinuationModules {
  readonly #continuations: Continuations;
  readonly #compiled = new Map<string, ContinuationModule>();

  constructor(continuations: Continuations) {
    this.#continuations = continuations;
  }

  get boundary(): number {
    return this.#continuations.boundary;
  }

  get firstFunction(): number {
    return this.#continuations.firstFunction;
  }

  /** The module with clones for these points, in their order. */
  for(points: readonly SuspendedPoint[]): ContinuationModule {
    const key = points.map(keyOf).join();
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      const { module, functions, entries } = this.#continuations.build(points);
      compiled = { module: compileRewritten(module), functions, entries };
      if (this.#compiled.size === MODULES_MAX) this.#compiled.clear();
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }
}

function keyOf({ function: index, point, state }: SuspendedPoint): string {
  return `${index}:${point}:${state}`;
}

/** Where a clone stands in the table, and how the host enters it. */
interface Clone {
  readonly place: number;
  readonly enter: () => unknown;
}

/** An instance whose functions can be suspended. */
class SuspendableInstance {
  readonly modules: ContinuationModules;
  /** What the main instance exports, hidden names included; and what the machine gives it. */
  exports: WasmExports = {};
  machine: Record<string, unknown> = {};
  readonly clones = new Map<string, Clone>();

  constructor(modules: ContinuationModules) {
    this.modules = modules;
  }
}

/** The functions of exported wrappers, for instances that import them. */
const unwrapped = new WeakMap<object, object>();

/** The imports with wrappers (see SuspendedStack.wrap) replaced by the functions of wasm behind them. */
export function withoutWrappers(imports: Imports): Imports {
  const modules = Object.entries(imports).map(([module, names]) => {
    const entries = Object.entries(names ?? {}).map(([name, value]) => [name, unwrapped.get(Object(value)) ?? value]);
    return [module, Object.fromEntries(entries)];
  });
  return Object.fromEntries(modules);
}

/** One for each machine whose guest can be suspended. */
export class SuspendedStack {
  readonly #meter: Meter;
  readonly #instances: SuspendableInstance[] = [];
  #clones = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  readonly #wrappers = new WeakMap<GuestFunction, GuestFunction>();
  #activations: Activation[] = [];
  #values: SavedValue[] = [];
  /** What clones take up, the next at the end. */
  #incoming: SavedValue[] = [];
  #places: number[] = [];
  readonly #imports = this.#valueImports();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  #valueImports(): Record<string, unknown> {
    const save = (value: SavedValue) => {
      this.#values.push(value);
    };
    const load = () => this.#incoming.pop();
    return {
      [IMPORT_SAVE_I32]: save,
      [IMPORT_SAVE_I64]: save,
      [IMPORT_SAVE_FUNCTION]: save,
      [IMPORT_SAVE_EXTERNAL]: save,
      [IMPORT_LOAD_I32]: load,
      [IMPORT_LOAD_I64]: load,
      [IMPORT_LOAD_FUNCTION]: load,
      [IMPORT_LOAD_EXTERNAL]: load,
      [IMPORT_NEXT]: () => this.#places.pop(),
    };
  }

  /** Adds an instance; what it imports from the machine is the answer, to be supplied beside `machine`. */
  add(modules: ContinuationModules, machine: Record<string, unknown>): Record<string, unknown> {
    const instance = new SuspendableInstance(modules);
    const number = this.#instances.push(instance) - 1;
    instance.machine = {
      ...machine,
      ...this.#imports,
      [IMPORT_ACTIVATION]: (functionIndex: number, point: number) => {
        this.#activations.push({ instance: number, function: functionIndex, point, values: this.#values });
        this.#values = [];
        return MARK;
      },
      [IMPORT_DROPPED]: () => {},
    };
    return instance.machine;
  }

  /** The instance that was added last has been made. */
  instantiated(exports: WasmExports): void {
    this.#instances[this.#instances.length - 1]!.exports = exports;
  }

  /**
   * Whether everything that can be on the stack can be continued. An instance that failed may have left functions in
   * another's table, whose clones would have nothing to import.
   */
  get complete(): boolean {
    return this.#instances.every(instance => EXPORT_FUNCTIONS in instance.exports);
  }

  /** A function for the host to call in place of an exported one: where the guest suspends, it goes on until it is done. */
  wrap(exported: GuestFunction): GuestFunction {
    let wrapper = this.#wrappers.get(exported);
    if (wrapper === undefined) {
      wrapper = (...args: unknown[]) => {
        let result = exported(...args);
        while (this.#meter.suspended) result = this.continueFrom(this.take());
        return result;
      };
      this.#wrappers.set(exported, wrapper);
      unwrapped.set(wrapper, exported);
    }
    return wrapper;
  }

  /** The activations of a guest that has unwound, innermost first. */
  take(): readonly Activation[] {
    assert(this.#meter.suspended, 'the guest has unwound');
    const activations = this.#activations;
    this.#activations = [];
    return activations;
  }

  /** Goes on from activations; gives what the outermost function returns, unless the guest suspends again. */
  continueFrom(activations: readonly Activation[]): unknown {
    const points = activations.map((activation, index) => this.#suspendedPoint(activation, activations[index - 1]));
    this.#provide(activations, points);
    const clones = activations.map((activation, index) => this.#clone(activation, points[index]!));
    this.#incoming = [];
    for (const { values } of activations) for (const value of values) this.#incoming.push(value);
    this.#places = clones.map(clone => clone.place);
    this.#meter.resume();
    return clones[clones.length - 1]!.enter();
  }

  #clone({ instance }: Activation, point: SuspendedPoint): Clone {
    return this.#instances[instance]!.clones.get(keyOf(point))!;
  }

  #suspendedPoint({ instance, function: index, point }: Activation, inner: Activation | undefined): SuspendedPoint {
    let state: SuspensionState = 'callee';
    if (inner === undefined) state = 'here';
    else if (inner.instance === instance && inner.function === this.#instances[instance]!.modules.boundary) {
      state = 'boundary';
    }
    return { function: index, point, state };
  }

  /** Makes the clones that are missing. */
  #provide(activations: readonly Activation[], points: readonly SuspendedPoint[]): void {
    if (this.#clones.length > CLONES_MAX) this.#forget();
    const missing = new Map<SuspendableInstance, Map<string, SuspendedPoint>>();
    activations.forEach((activation, index) => {
      const instance = this.#instances[activation.instance]!;
      const key = keyOf(points[index]!);
      if (instance.clones.has(key)) return;
      const set = missing.get(instance) ?? new Map<string, SuspendedPoint>();
      missing.set(instance, set.set(key, points[index]!));
    });
    for (const [instance, set] of missing) this.#instantiate(instance, [...set.keys()].sort(), set);
  }

  #instantiate(instance: SuspendableInstance, keys: readonly string[], points: Map<string, SuspendedPoint>): void {
    const { module, functions, entries } = instance.modules.for(keys.map(key => points.get(key)!));
    const base = this.#clones.grow(keys.length);
    const main = Object.create(instance.exports);
    const all = instance.exports[EXPORT_FUNCTIONS] as WebAssembly.Table;
    for (const index of functions) main[index] = all.get(index - instance.modules.firstFunction);
    const machine = {
      ...instance.machine,
      [IMPORT_CLONES]: this.#clones,
      [IMPORT_BASE]: new WebAssembly.Global({ value: 'i32' }, base),
    };
    const { exports } = new WebAssembly.Instance(module, { [MACHINE]: machine, [MAIN]: main });
    keys.forEach((key, index) => {
      const enter = exports[entries[index]!] as () => unknown;
      instance.clones.set(key, { place: base + index, enter });
    });
  }

  /** Clones that are running keep the table that they came with; they have asked it for all that they need. */
  #forget(): void {
    for (const instance of this.#instances) instance.clones.clear();
    this.#clones = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  }
}
