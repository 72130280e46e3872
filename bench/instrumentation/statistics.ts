// Medians, ratios and geometric means of samples.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * Second side's time over the first's: the median of the ratios of neighbours in time, so that a disturbance of the
 * machine which lasts longer than a round falls on both sides alike.
 */
export function medianRatio([first, second]: readonly [readonly number[], readonly number[]]): number {
  return median(second.map((time, index) => time / first[index]!));
}
