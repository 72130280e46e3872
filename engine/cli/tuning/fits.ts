// The paper's model fitted to what was measured of each variant.

import type { Cell, Setting } from './cells.js';
import { type Fit, fitModel, type SweepPoint } from './model.js';

export interface VariantFit extends Fit {
  readonly variant: Setting;
  /** `b` at the speed of the plain machine, us. */
  readonly boundaryUs: number;
}

/** What was measured of one variant, as points for a fit. */
export function pointsOf(cells: readonly Cell[], variant: Setting): SweepPoint[] {
  return cells.flatMap(({ variant: own, epochLength, performance }) =>
    own !== variant || performance === undefined
      ? []
      : [{ epochLength, performance: performance.value, ...(performance.count < 2 ? {} : ends(performance)) }],
  );
}

function ends({ low, high }: { readonly low: number; readonly high: number }) {
  return { low, high };
}

export function fitsOf(cells: readonly Cell[]): VariantFit[] {
  return [...new Set(cells.map(cell => cell.variant))].flatMap(variant => fitVariant(variant, cells));
}

function fitVariant(variant: Setting, cells: readonly Cell[]): VariantFit[] {
  const own = cells.filter(cell => cell.variant === variant && cell.performance !== undefined);
  const fit = fitModel(pointsOf(cells, variant));
  const longest = own.toSorted((one, other) => one.epochLength - other.epochLength).at(-1);
  if (fit === undefined || longest === undefined) return [];
  const plainRate = longest.instructionsPerSecond * longest.performance!.value;
  return [{ variant, ...fit, boundaryUs: (1e6 * fit.b) / plainRate }];
}
