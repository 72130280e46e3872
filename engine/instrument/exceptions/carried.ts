// Where an exception is while it is under way: its tag and what it carries, in globals that lowering adds to the module.
//
// One global says the tag (its number and 1; 0 is no exception), and for each type there are as many as the tag that
// carries most of that type needs: the second i32 of every exception is in the second global of type i32. So any exception
// of the module is a package, the list of all these values: that is what a handler keeps to throw it again, and what a
// reference to an exception becomes. It is plain data; the specification gives exceptions no identity that could be lost.
//
// Between the throw and the handler there is no boundary, so no snapshot ever looks while the globals mean something.

import { checkLimit, ENGINE_LIMITS } from '../../wasm/engine-limits.js';
import type { Module } from '../../wasm/module.js';
import { EXNREF, type FunctionType, I32, type ValueType } from '../../wasm/types.js';

export class Carried {
  /** Index of the global that says the tag. */
  readonly tag: number;
  /** Types of the globals that follow it: values of any exception go to some of them. */
  readonly slots: readonly ValueType[];
  /** A package: the tag's number, and what each of the slots holds. */
  readonly package: readonly ValueType[];
  readonly #module: Module;
  /** By type: the first slot. */
  readonly #first = new Map<ValueType, number>();

  /** @param globals number of the module's globals, imports included */
  constructor(module: Module, globals: number) {
    this.#module = module;
    this.tag = globals;
    const most = new Map<ValueType, number>();
    for (let tag = 0; tag < module.tags.length; tag++) {
      const counts = new Map<ValueType, number>();
      for (const type of this.#types(tag)) counts.set(type, (counts.get(type) ?? 0) + 1);
      for (const [type, count] of counts) most.set(type, Math.max(count, most.get(type) ?? 0));
    }
    const slots: ValueType[] = [];
    for (const [type, count] of most) {
      this.#first.set(type, slots.length);
      checkLimit(ENGINE_LIMITS.carried, slots.length + count, 'the module', 'as it is');
      for (let slot = 0; slot < count; slot++) slots.push(type);
    }
    this.slots = slots;
    this.package = [I32, ...slots];
  }

  #types(tag: number): readonly ValueType[] {
    return this.#module.types[this.#module.tags[tag]!]!.params;
  }

  /** The slots of what an exception of a tag carries, in its order. */
  slotsOf(tag: number): readonly number[] {
    const used = new Map<ValueType, number>();
    return this.#types(tag).map(type => {
      const slot = used.get(type) ?? this.#first.get(type)!;
      used.set(type, slot + 1);
      return slot;
    });
  }

  /** Index of the global of a slot. */
  global(slot: number): number {
    return this.tag + 1 + slot;
  }

  /** These types with packages in place of references to exceptions. */
  flat(types: readonly ValueType[]): readonly ValueType[] {
    return types.includes(EXNREF) ? types.flatMap(type => (type === EXNREF ? this.package : [type])) : types;
  }

  flatType({ params, results }: FunctionType): FunctionType {
    return { params: this.flat(params), results: this.flat(results) };
  }
}
