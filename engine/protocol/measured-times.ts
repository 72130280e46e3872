// Times that were measured, counted by how long they were: what the histogram of a monitoring system is made of.
//
// A time costs a few comparisons and no memory: it may be measured for each output.

/** Upper ends of the counts, ms; a last one, for all that is longer, follows them. */
export const TIME_ENDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000,
];

/** All since the start; they only grow. */
export interface MeasuredTimes {
  /** One for each of TIME_ENDS_MS, and one for what is longer. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

export class TimeCounts {
  readonly #counts: number[] = Array.from({ length: TIME_ENDS_MS.length + 1 }, () => 0);
  #sumMs = 0;

  /** A time that is below 0, by clocks that are read at different moments, is none. */
  add(ms: number): void {
    const time = Math.max(0, ms);
    let at = 0;
    while (at < TIME_ENDS_MS.length && time > TIME_ENDS_MS[at]!) at += 1;
    this.#counts[at]! += 1;
    this.#sumMs += time;
  }

  get measured(): MeasuredTimes {
    return { counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

export const NOTHING_MEASURED: MeasuredTimes = new TimeCounts().measured;

/** What both have measured. */
export function bothMeasured(one: MeasuredTimes, other: MeasuredTimes): MeasuredTimes {
  return { counts: one.counts.map((count, at) => count + other.counts[at]!), sumMs: one.sumMs + other.sumMs };
}
