// Continuation modules of one rewritten module, compiled, for all its instances: kept by the safe points they are for.

import type { Continuations, SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import { compileRewritten } from './compile.js';

export interface ContinuationModule {
  readonly module: WebAssembly.Module;
  /** Indexes of the functions of the main module that it imports. */
  readonly functions: readonly number[];
  /** The export by which the host enters each clone. */
  readonly entries: readonly string[];
}

/** A long run meets the same few sets of safe points again and again; beyond this number all are forgotten. */
const MODULES_MAX = 1024;

export class ContinuationModules {
  /** What there is to know of the main module. */
  readonly facts: ContinuationFacts;
  readonly #program: Continuations;
  readonly #compiled = new Map<string, ContinuationModule>();

  constructor(program: Continuations) {
    this.facts = program.facts;
    this.#program = program;
  }

  /** The module with clones for these points, in their order. */
  for(points: readonly SuspendedPoint[]): ContinuationModule {
    const key = points.map(keyOf).join();
    let compiled = this.#compiled.get(key);
    if (compiled === undefined) {
      const { module, functions, entries } = this.#program.build(points);
      compiled = { module: compileRewritten(module), functions, entries };
      if (this.#compiled.size === MODULES_MAX) this.#compiled.clear();
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }
}

/** A body has fewer safe points than bytes, and V8 limits those to less than 2 ** 23. */
const POINTS_MAX = 2 ** 23;
const STATES: Record<SuspendedPoint['state'], number> = { here: 0, boundary: 1, callee: 2 };

/** A number that tells suspended points of one module apart. */
export function keyOf({ function: index, point, state }: SuspendedPoint): number {
  return (index * POINTS_MAX + point) * 3 + STATES[state];
}
