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
  {
    story: 'integer lanes that look like a NaN were made canonical, for their local had held a sum of floats before',
    decisions: [
      ...[10488, 0, 0, 0, 0, 1567, 0, 0, 0, 0, 0, 0, 27511, 0, 0, 0, 0, 0, 0, 6641, 8033, 12219, 1362, 1266, 16398],
      ...[52426, 4363, 29743, 0, 20864, 17852],
    ],
  },
];
