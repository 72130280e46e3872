// The ratio of two sides that were measured in turn, and how sure it is.

/** 97.5 % of Student's t lie below, by degrees of freedom from 1; beyond the last, as for the normal distribution. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const NORMAL = 1.96;

export interface Ratio {
  readonly ratio: number;
  /** 95 % interval of it. */
  readonly from: number;
  readonly to: number;
}

/**
 * Second over first, from the ratios of the rounds, so that what lasts longer than a round disturbs both alike: their
 * geometric mean, with the interval that Student's t gives for the mean of their logarithms.
 * @returns undefined where there are fewer than two rounds, or a value is not positive
 */
export function ratioOf(first: readonly number[], second: readonly number[]): Ratio | undefined {
  const logarithms = second.map((value, round) => Math.log(value / first[round]!));
  const count = logarithms.length;
  if (count < 2 || count !== first.length || [...first, ...second].some(value => !(value > 0))) return undefined;
  const mean = logarithms.reduce((sum, each) => sum + each, 0) / count;
  const variance = logarithms.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (count - 1);
  const half = (STUDENT[count - 2] ?? NORMAL) * Math.sqrt(variance / count);
  return { ratio: Math.exp(mean), from: Math.exp(mean - half), to: Math.exp(mean + half) };
}
