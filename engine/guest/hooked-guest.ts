// A guest whose environment and I/O instructions, operations and interrupts are told to a hook (boundary-hook.ts). A class of its
// own, loaded where there is a hook: a guest that nobody tests has no branch for it.

import type { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { ExecutionEvent } from '../protocol/execution.js';
import type { Interrupt } from '../protocol/vocabulary.js';
import type { BoundaryHook } from './boundary-hook.js';
import { Guest } from './guest.js';

export class HookedGuest extends Guest {
  readonly #hook: BoundaryHook | undefined;
  #number = 0;
  /** An instruction is made of steps; it is told of once. */
  #isTold = false;

  constructor(...parts: ConstructorParameters<typeof Guest>) {
    super(...parts);
    this.#hook = parts[5];
  }

  override environment(source: number): bigint {
    return this.#around('environment', () => super.environment(source));
  }

  override clock(source: typeof SOURCE_REAL_TIME | typeof SOURCE_MONOTONIC, into: DataView, at: number): void {
    this.#around('environment', () => super.clock(source, into, at));
  }

  override perform(event: ExecutionEvent): void {
    this.#around(event.type, () => {
      if (event.type === 'start') this.#hook?.started?.(event.operation, this.place());
      super.perform(event);
    });
  }

  override deliver(interrupt: Interrupt): void {
    this.#hook?.delivered?.(interrupt, this.place());
    super.deliver(interrupt);
  }

  #around<Result>(what: string, act: () => Result): Result {
    if (this.#isTold) return act();
    this.#isTold = true;
    this.#number += 1;
    const number = this.#number;
    this.#hook?.instruction?.({ number, when: 'before', what }, this.place());
    const result = act();
    this.#hook?.instruction?.({ number, when: 'after', what }, this.place());
    this.#isTold = false;
    return result;
  }
}
