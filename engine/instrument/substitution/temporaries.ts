// The locals that replacements in one body use, each between a few instructions only: the next replacement has them again.

import { checkLimit, ENGINE_LIMITS } from '../../wasm/engine-limits.js';
import type { ValueType } from '../../wasm/types.js';

export class Temporaries {
  /** Types of the new locals, in order. */
  readonly types: ValueType[] = [];
  readonly #first: number;
  readonly #where: string;
  readonly #indexes = new Map<string, number>();

  /** @param first the index of the first new local; @param where for messages */
  constructor(first: number, where: string) {
    this.#first = first;
    this.#where = where;
  }

  /** The index of the local of a type that a replacement uses for one purpose. @throws EpochvisorError MODULE_TOO_LARGE */
  local(type: ValueType, purpose: string): number {
    const key = `${type} ${purpose}`;
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.#first + this.types.push(type) - 1;
      checkLimit(ENGINE_LIMITS.locals, index + 1, this.#where, 'rewritten');
      this.#indexes.set(key, index);
    }
    return index;
  }
}
