// The suspended stack of a machine: activations come out of the guest, and clones that take them up again are put together.
//
// While the guest unwinds, each frame hands over its values and then its activation (engine/instrument/unwind.ts). To go
// on, every activation needs the clone for its function, safe point and state; clones that are not there yet come in a
// continuation module, instantiated beside the main instance. Then the host enters the outermost clone. Each clone takes
// its values, and asks for the place of the next one in the table of clones, until the innermost goes on from the boundary.
//
// Instances that are linked share one stack: a call from one into another leaves activations of both.

import { assert } from '../errors/errors.js';
import type { Meter } from '../instance/meter.js';
import type { Imports } from '../instance/webassembly.js';
import { type GuestFunction, standsBefore, withoutWrappers } from '../instance/wrappers.js';
import type { SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { SuspensionState } from '../instrument/continuation/resumption.js';
import {
  IMPORT_ACTIVATION,
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
} from '../instrument/reserved.js';
import { type ContinuationModules, keyOf } from './continuation-modules.js';
import { type Clone, SuspendableInstance } from './suspendable-instance.js';

/** A value of type externref that is not null: it belongs to this process, whatever it is. */
export class ExternalReference {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A number as an integer of its bits, a function of wasm, an ExternalReference, or null. */
export type SavedValue = number | bigint | GuestFunction | ExternalReference | null;

/** One frame of the guest's stack. */
export interface Activation<Value = SavedValue> {
  /** Number of the instance in its machine. */
  readonly instance: number;
  /** Index of the function in the rewritten module. */
  readonly function: number;
  readonly point: number;
  /** In the order in which the frame handed them over. */
  readonly values: readonly Value[];
}

/** Clones kept in the table; beyond it all are forgotten, and made again as they are needed. */
const CLONES_MAX = 4096;

/**
 * How often optimised clones are asked for after one snapshot. Each time the guest may be suspended at other safe points
 * than before, which have no optimised clones yet; a loop has few, so that a handful of times are enough.
 */
const ASKS_MAX = 8;

/** Suspended points of instances, each once. */
class Points {
  readonly #points = new Map<SuspendableInstance, Map<number, SuspendedPoint>>();

  add(instance: SuspendableInstance, key: number, point: SuspendedPoint): void {
    const points = this.#points.get(instance) ?? new Map<number, SuspendedPoint>();
    this.#points.set(instance, points.set(key, point));
  }

  /**
   * By module, in a fixed order: the same set of points is the same modules, whichever frame came first. More points than
   * one module may have are for several.
   */
  sorted(): readonly (readonly [SuspendableInstance, readonly SuspendedPoint[]])[] {
    return [...this.#points].flatMap(([instance, points]) => {
      const sorted = [...points].sort(([a], [b]) => a - b).map(([, point]) => point);
      const { together } = instance.modules;
      const parts = Math.ceil(sorted.length / together);
      return Array.from({ length: parts }, (_, part) => {
        return [instance, sorted.slice(part * together, (part + 1) * together)] as const;
      });
    });
  }
}

/** One for each machine whose guest can be suspended. */
export class SuspendedStack {
  readonly instances: SuspendableInstance[] = [];
  readonly #meter: Meter;
  #clones = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  readonly #wrappers = new WeakMap<GuestFunction, GuestFunction>();
  /** Calls of the host into the guest that have not returned. */
  #calls = 0;
  #activations: Activation[] = [];
  #values: SavedValue[] = [];
  /** What clones take up, the next at the end. */
  #incoming: SavedValue[] = [];
  #places: number[] = [];
  /** What `optimise` has asked for. */
  #optimises: 'now' | 'later' | undefined;
  /** How often optimised clones may still be asked for, and whether some have been that were not there. */
  #asksLeft = 0;
  #asked = false;
  /** How the guest is continued; to be replaced where it is to go on elsewhere. */
  onSuspended: () => unknown = () => this.continueFrom(this.take());

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /**
   * Adds an instance and makes it.
   *
   * @param given what it imports from the machine, beside what the stack is made of
   * @throws WebAssembly.LinkError, WebAssembly.RuntimeError, TypeError as the plain module would
   */
  instantiate(
    modules: ContinuationModules,
    module: WebAssembly.Module,
    given: Record<string, unknown>,
    imports: Imports,
  ): SuspendableInstance {
    const machine = { ...given, ...this.#valueImports(), ...this.#frameImports(this.instances.length) };
    const instance = new SuspendableInstance(modules, module, machine, withoutWrappers(imports));
    this.instances.push(instance);
    instance.instantiate();
    return instance;
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
      [IMPORT_SAVE_EXTERNAL]: (value: unknown) => save(value === null ? null : new ExternalReference(value)),
      [IMPORT_LOAD_I32]: load,
      [IMPORT_LOAD_I64]: load,
      [IMPORT_LOAD_FUNCTION]: load,
      [IMPORT_LOAD_EXTERNAL]: () => (load() as ExternalReference | null)?.value ?? null,
      [IMPORT_NEXT]: () => this.#places.pop(),
    };
  }

  #frameImports(instance: number): Record<string, unknown> {
    return {
      [IMPORT_ACTIVATION]: (functionIndex: number, point: number) => {
        this.#activations.push({ instance, function: functionIndex, point, values: this.#values });
        this.#values = [];
      },
      [IMPORT_DROPPED]: (kind: number, segment: number) => {
        this.instances[instance]!.dropped.push([kind, segment]);
      },
    };
  }

  /**
   * Whether everything that can be on the stack can be continued. An instance that failed may have left functions in
   * another's table, whose clones would have nothing to import.
   */
  get complete(): boolean {
    return this.instances.every(instance => instance.complete);
  }

  /** Whether no function of the host stands between frames of the guest. */
  get unmixed(): boolean {
    return this.#calls === 1;
  }

  /** A function for the host to call in place of an exported one: where the guest suspends, it goes on until it is done. */
  wrap(instance: SuspendableInstance, name: string): GuestFunction {
    const exported = instance.exports[name] as GuestFunction;
    let wrapper = this.#wrappers.get(exported);
    if (wrapper === undefined) {
      wrapper = (...args: unknown[]) => this.#run(() => instance.exports[name](...args));
      this.#wrappers.set(exported, wrapper);
      standsBefore(wrapper, () => instance.exports[name]);
    }
    return wrapper;
  }

  /** Goes on, in a machine that begins suspended, from activations that another one left; until the guest is done. */
  resume(activations: readonly Activation[]): unknown {
    return this.#run(() => this.continueFrom(activations));
  }

  #run(call: () => unknown): unknown {
    this.#calls++;
    try {
      let result = call();
      while (this.#meter.suspended) result = this.onSuspended();
      return result;
    } finally {
      this.#calls--;
    }
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
    const keys = this.#provide(activations);
    this.#incoming = [];
    this.#places = [];
    let outermost: Clone | undefined;
    activations.forEach(({ instance, values }, index) => {
      outermost = this.instances[instance]!.clones.get(keys[index]!)!;
      for (const value of values) this.#incoming.push(value);
      this.#places.push(outermost.place);
    });
    assert(outermost !== undefined, 'a suspended guest has activations');
    this.#meter.resume();
    return outermost.enter();
  }

  #suspendedPoint({ instance, function: index, point }: Activation, inner: Activation | undefined): SuspendedPoint {
    let state: SuspensionState = 'callee';
    if (inner === undefined) state = 'here';
    else if (inner.instance === instance && inner.function === this.instances[instance]!.modules.facts.boundary) {
      state = 'boundary';
    }
    return { function: index, point, state };
  }

  /** Makes the clones that are missing. Gives the key of each activation's clone. */
  #provide(activations: readonly Activation[]): readonly number[] {
    if (this.#clones.length > CLONES_MAX) this.#forget();
    for (const instance of this.instances) {
      for (const { points, made } of instance.modules.take()) instance.addClones(points, made, true, this.#clones);
    }
    const optimised = this.#optimises === 'now';
    const keys: number[] = [];
    const missing = new Points();
    const slow = new Points();
    activations.forEach((activation, index) => {
      const instance = this.instances[activation.instance]!;
      const point = this.#suspendedPoint(activation, activations[index - 1]);
      const key = keyOf(point);
      keys.push(key);
      const clone = instance.clones.get(key);
      if (clone === undefined) missing.add(instance, key, point);
      if (clone === undefined ? !optimised : !clone.optimised) slow.add(instance, key, point);
    });
    for (const [instance, points] of missing.sorted()) {
      instance.addClones(points, instance.modules.for(points, optimised), optimised, this.#clones);
    }
    if (this.#optimises === 'later') this.#ask(slow);
    else if (optimised) this.#rest();
    return keys;
  }

  /** Optimised clones in place of slow ones: asks for those that are not there, and lets the makers rest when all are. */
  #ask(slow: Points): void {
    this.#asked = false;
    if (this.#asksLeft > 0) {
      for (const [instance, points] of slow.sorted()) {
        const made = instance.modules.ask(points);
        if (made === undefined) this.#asked = true;
        else instance.addClones(points, made, true, this.#clones);
      }
    }
    if (this.#asked) this.#asksLeft--;
    else this.#rest();
  }

  #rest(): void {
    this.#optimises = undefined;
    for (const { modules } of this.instances) modules.maker.rest();
  }

  /** Whether the guest can be suspended and continued without waiting for what makes clones; see `prepare`. */
  get ready(): boolean {
    return this.instances.every(({ modules }) => modules.maker.ready);
  }

  /** To be called some time before the guest is to be suspended: gets ready, in the background. */
  prepare(): void {
    for (const { modules } of this.instances) modules.maker.prepare();
  }

  /**
   * Clones are to be optimised from the next time on that the guest is continued. 'now': before it goes on, for a replica
   * that is not in a hurry. 'later': they are made in the background; at a boundary where the guest is `improvable` it is to
   * be suspended once more, and continued as it is.
   */
  optimise(when: 'now' | 'later'): void {
    this.#optimises = when;
    this.#asksLeft = ASKS_MAX;
  }

  /** Whether optimised clones are there now, to be had by suspending the guest once more. Cheap enough for a boundary. */
  get improvable(): boolean {
    return this.#asked && this.instances.some(({ modules }) => modules.maker.answered);
  }

  /** Clones that are running keep the table that they came with; they have asked it for all that they need. */
  #forget(): void {
    for (const instance of this.instances) instance.clones.clear();
    this.#clones = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  }

  /** Makes all instances anew, linked as before; what they hold is to be restored. */
  renew(): void {
    const renewed = new Map<unknown, unknown>();
    for (const instance of this.instances) {
      const before = instance.exports;
      instance.renew(value => renewed.get(value) ?? value);
      for (const [name, value] of Object.entries(before)) renewed.set(value, instance.exports[name]);
    }
  }
}
