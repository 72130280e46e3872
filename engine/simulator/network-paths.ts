// Which path lies between whom: one for each pair of replicas, and one from each replica to the bus.

import { Path } from './network.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

export class Paths {
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #networkNs: readonly [number, number];
  readonly #bus: Path[] = [];
  readonly #peers = new Map<string, { readonly ends: readonly [number, number]; readonly path: Path }>();

  /**
   * @param first for the paths of a pair, which every run has
   * @param later for those of who comes later
   */
  constructor(schedule: Schedule, first: Random, later: Random, networkNs: readonly [number, number]) {
    this.#schedule = schedule;
    this.#random = later;
    this.#networkNs = networkNs;
    this.#peers.set('0 1', { ends: [0, 1], path: this.#path('0 1', first.fork()) });
    for (const index of [0, 1]) this.#bus.push(this.#path(`bus ${index}`, first.fork()));
  }

  get peers(): readonly Path[] {
    return [...this.#peers.values()].map(({ path }) => path);
  }

  peersOf(index: number): readonly Path[] {
    return [...this.#peers.values()].filter(({ ends }) => ends.includes(index)).map(({ path }) => path);
  }

  /** @param a came before `b` */
  between(a: number, b: number): Path {
    const name = `${a} ${b}`;
    const known = this.#peers.get(name);
    if (known !== undefined) return known.path;
    const path = this.#path(name, this.#random.fork());
    this.#peers.set(name, { ends: [a, b], path });
    return path;
  }

  toBus(index: number): Path {
    while (this.#bus.length <= index) this.#bus.push(this.#path(`bus ${this.#bus.length}`, this.#random.fork()));
    return this.#bus[index]!;
  }

  #path(name: string, random: Random): Path {
    return new Path(name, this.#schedule, random, this.#networkNs);
  }
}
