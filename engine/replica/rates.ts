// How fast something grows, over the last second: instructions, bytes of log.

/** What a rate is taken over, ms. */
const OVER_MS = 1_000;

export class Rate {
  /** Oldest first; the first one is as old as OVER_MS, or the oldest that there is. */
  #seen: { readonly atMs: number; readonly value: number }[] = [];

  /** It is `value` now; to be told some times a second, also while it stands. */
  note(atMs: number, value: number): void {
    const last = this.#seen.at(-1);
    // Another one counts: a replica that was given the state of the others is at once where they are.
    if (last !== undefined && value < last.value) this.#seen = [];
    this.#seen.push({ atMs, value });
    while (this.#seen.length > 2 && this.#seen[1]!.atMs <= atMs - OVER_MS) this.#seen.shift();
  }

  get perSecond(): number {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return Math.round((1_000 * (last.value - first.value)) / (last.atMs - first.atMs));
  }
}
