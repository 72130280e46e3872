// The statistics of a sweep: ratios of times, their mean and how far it can be trusted.
//
// Ratios are averaged as logarithms: twice as slow in one round and twice as fast in another is no change. The interval
// is Student's for the mean of the logarithms, at 95 %: right for few rounds, where a median has none.

/** A mean ratio with its interval at 95 %; from one ratio alone it is unknown (0 to Infinity). */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Ratios that it is the mean of. */
  readonly count: number;
}

/** Student's t, two-sided at 95 %, by degrees of freedom from 1 on. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** @param freedom degrees of freedom; none: nothing is known */
export function student(freedom: number): number {
  if (freedom < 1) return Number.POSITIVE_INFINITY;
  // Beyond the table the quantile of the normal distribution and its first correction, good to 0.001.
  return STUDENT[freedom - 1] ?? 1.96 + 2.4 / freedom;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The geometric mean of ratios; undefined where there is none. */
export function ratioInterval(ratios: readonly number[]): Interval | undefined {
  const logarithms = ratios.filter(ratio => ratio > 0 && Number.isFinite(ratio)).map(Math.log);
  const count = logarithms.length;
  if (count === 0) return undefined;
  const middle = mean(logarithms);
  if (count === 1) return { value: Math.exp(middle), low: 0, high: Number.POSITIVE_INFINITY, count };
  const variance = logarithms.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (count - 1);
  const half = student(count - 1) * Math.sqrt(variance / count);
  return { value: Math.exp(middle), low: Math.exp(middle - half), high: Math.exp(middle + half), count };
}

/** How far the ends of an interval are from its value, as a part of it: 0.02 is 2 %. */
export function relativeWidth({ value, low, high }: Interval): number {
  return Math.max(value / low, high / value) - 1;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `part` (0 to 1) of all lie, interpolated; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((one, other) => one - other);
  const at = part * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
}

/** What a reader is told of a distribution; undefined where nothing was measured. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly count: number;
}

export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { median: median(values), p99: quantile(values, 0.99), count: values.length };
}
