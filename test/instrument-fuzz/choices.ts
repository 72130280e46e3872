// A sequence of numbers read as decisions. When it is used up every decision is 0, the simplest one; so that
// fast-check, by shortening and lowering the sequence, shrinks the program that the decisions make.

export class Choices {
  private readonly values: readonly number[];
  private at = 0;

  constructor(values: readonly number[]) {
    this.values = values;
  }

  /** A number from 0 to `bound` - 1. */
  below(bound: number): number {
    return (this.values[this.at++] ?? 0) % bound;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** True in one case of `cases`; never once the sequence is used up. */
  oneIn(cases: number): boolean {
    return this.below(cases) === cases - 1;
  }

  get usedUp(): boolean {
    return this.at >= this.values.length;
  }
}
