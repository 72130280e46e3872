// Virtual time: what is to happen, ordered by when, and among equals by when it was planned.

interface Planned {
  readonly atNs: number;
  readonly order: number;
  readonly act: () => void;
}

export class Schedule {
  /** A binary heap: each node is not later than its two children. */
  readonly #heap: Planned[] = [];
  #order = 0;
  #nowNs = 0;
  #steps = 0;

  get nowNs(): number {
    return this.#nowNs;
  }

  get nowMs(): number {
    return this.#nowNs / 1e6;
  }

  /** How many planned acts were done: the coordinate at which a fault can strike. */
  get steps(): number {
    return this.#steps;
  }

  after(delayNs: number, act: () => void): void {
    this.at(this.#nowNs + delayNs, act);
  }

  at(atNs: number, act: () => void): void {
    const planned = { atNs: Math.max(atNs, this.#nowNs), order: this.#order++, act };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(planned);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(planned, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = planned;
  }

  /** Does the next act; false if there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) this.#sink(last);
    this.#nowNs = first.atNs;
    this.#steps += 1;
    first.act();
    return true;
  }

  #sink(planned: Planned): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, planned)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = planned;
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.atNs < b.atNs || (a.atNs === b.atNs && a.order < b.order);
}
