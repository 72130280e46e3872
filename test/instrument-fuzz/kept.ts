// Random programs that once failed, as the decisions they are made of, each with its story.

export interface Kept {
  /** Completes "the program kept because ...". */
  readonly story: string;
  readonly decisions: readonly number[];
}

const zeros = (count: number): number[] => Array<number>(count).fill(0);

export const KEPT: readonly Kept[] = [
  {
    story: 'a table operation of length 1 was counted as one instruction, and costs one more for its element',
    decisions: [...zeros(21), 4453, 7815, 22738],
  },
];
