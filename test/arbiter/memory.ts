// An arbiter in memory, for tests that need one without files.

import { type Arbiter, checkNamed } from '../../engine/arbiter/arbiter.js';
import type { ClaimAnswer } from '../../engine/protocol/channel.js';
import type { View } from '../../engine/protocol/vocabulary.js';

export class MemoryArbiter implements Arbiter {
  readonly #views = new Map<string, View>();

  async claim(view: View): Promise<ClaimAnswer> {
    checkNamed(view.machine, view.number);
    const key = `${view.machine} ${view.number}`;
    const owner = this.#views.get(key) ?? view;
    this.#views.set(key, owner);
    return owner.claim === view.claim ? { result: 'won' } : { result: 'lost', owner };
  }

  async read(machine: string, number: number): Promise<View | undefined> {
    checkNamed(machine, number);
    return this.#views.get(`${machine} ${number}`);
  }

  async latest(machine: string): Promise<View | undefined> {
    checkNamed(machine, 0);
    const views = [...this.#views.values()].filter(view => view.machine === machine);
    return views.sort((a, b) => a.number - b.number).at(-1);
  }
}
