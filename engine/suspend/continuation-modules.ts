// Continuation modules of one rewritten module, compiled, for all its instances: kept by the safe points they are for.
//
// Something else makes them: in the calling thread where nobody minds the time (tests, tools), in a thread of its own
// beside a guest whose pause counts (clone-thread-main.ts).

import { compileOptimised, compileRewritten } from '../instance/compile.js';
import type { Continuations, SuspendedPoint } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import { clonesTogether } from '../instrument/fitting.js';

export interface ContinuationModule {
  readonly module: WebAssembly.Module;
  /** Indexes of the functions of the main module that it imports. */
  readonly functions: readonly number[];
  /** The export by which the host enters each clone. */
  readonly entries: readonly string[];
}

/** A module that was asked for, and has been made meanwhile. */
export interface MadeMeanwhile {
  readonly points: readonly SuspendedPoint[];
  readonly made: ContinuationModule;
}

/** What makes continuation modules. */
export interface CloneMaker {
  /** What there is to know of the main module. */
  readonly facts: ContinuationFacts;
  /** Whether `make` would begin at once. */
  readonly ready: boolean;
  /** Gets ready, in the background. */
  prepare(): void;
  /** The module with clones for these points, in their order; waits for it. @param optimised not in baseline code */
  make(points: readonly SuspendedPoint[], optimised: boolean): ContinuationModule;
  /** Asks for an optimised module. */
  ask(points: readonly SuspendedPoint[]): void;
  /** Whether one that was asked for is there. Cheap. */
  readonly answered: boolean;
  take(): readonly MadeMeanwhile[];
  /** Nothing is to be made for some time. */
  rest(): void;
  /** Nothing is to be made any more. */
  end(): void;
}

/** Makes one in the calling thread. @throws EpochvisorError as compileRewritten */
export function makeContinuation(
  program: Continuations,
  points: readonly SuspendedPoint[],
  optimised: boolean,
): ContinuationModule {
  const { module, functions, entries } = program.build(points);
  return { module: (optimised ? compileOptimised : compileRewritten)(module), functions, entries };
}

/** Makes them in the calling thread. */
export class LocalCloneMaker implements CloneMaker {
  readonly facts: ContinuationFacts;
  readonly ready = true;
  readonly #program: Continuations;
  #made: MadeMeanwhile[] = [];

  constructor(program: Continuations) {
    this.#program = program;
    this.facts = program.facts;
  }

  prepare(): void {}

  make(points: readonly SuspendedPoint[], optimised: boolean): ContinuationModule {
    return makeContinuation(this.#program, points, optimised);
  }

  ask(points: readonly SuspendedPoint[]): void {
    this.#made.push({ points, made: this.make(points, true) });
  }

  get answered(): boolean {
    return this.#made.length > 0;
  }

  take(): readonly MadeMeanwhile[] {
    const made = this.#made;
    this.#made = [];
    return made;
  }

  rest(): void {}

  end(): void {}
}

/** A long run meets the same few sets of safe points again and again; beyond this number all are forgotten. */
const MODULES_MAX = 1024;

export class ContinuationModules {
  readonly maker: CloneMaker;
  readonly #made = new Map<string, ContinuationModule>();

  constructor(maker: CloneMaker | Continuations) {
    this.maker = 'build' in maker ? new LocalCloneMaker(maker) : maker;
  }

  /** What there is to know of the main module. */
  get facts(): ContinuationFacts {
    return this.maker.facts;
  }

  /** Points for one module at most. */
  get together(): number {
    const { graph, generated, globals, tables } = this.facts;
    return clonesTogether(graph.length + generated.length, globals.length, tables);
  }

  /** The module with clones for these points, in their order. */
  for(points: readonly SuspendedPoint[], optimised: boolean): ContinuationModule {
    const key = keyOfAll(points, optimised);
    return this.#made.get(key) ?? this.#keep(key, this.maker.make(points, optimised));
  }

  /** The same optimised, if it has been made before; else asks for it. */
  ask(points: readonly SuspendedPoint[]): ContinuationModule | undefined {
    const made = this.#made.get(keyOfAll(points, true));
    if (made === undefined) this.maker.ask(points);
    return made;
  }

  /** What was asked for and is there now. */
  take(): readonly MadeMeanwhile[] {
    const all = this.maker.take();
    for (const { points, made } of all) this.#keep(keyOfAll(points, true), made);
    return all;
  }

  #keep(key: string, made: ContinuationModule): ContinuationModule {
    if (this.#made.size === MODULES_MAX) this.#made.clear();
    this.#made.set(key, made);
    return made;
  }
}

function keyOfAll(points: readonly SuspendedPoint[], optimised: boolean): string {
  return `${optimised ? 'optimised ' : ''}${points.map(keyOf).join()}`;
}

/** A body has fewer safe points than bytes, and V8 limits those to less than 2 ** 23. */
const POINTS_MAX = 2 ** 23;
const STATES: Record<SuspendedPoint['state'], number> = { here: 0, boundary: 1, callee: 2 };

/** A number that tells suspended points of one module apart. */
export function keyOf({ function: index, point, state }: SuspendedPoint): number {
  return (index * POINTS_MAX + point) * 3 + STATES[state];
}
