// What a sweep concludes: the paper's model fitted to it, a recommendation for a goal, and what is wrong with either.

import type { Baseline, Cell, Setting } from './cells.js';
import { type Goal, recommend, type Verdict } from './goal.js';
import type { HostFacts } from './host-facts.js';
import { type Fit, fitModel } from './model.js';
import { type Problem, problemsOf } from './problems.js';
import type { Interval } from './statistics.js';
import type { Swept } from './sweep.js';

export interface VariantFit extends Fit {
  readonly variant: Setting;
  /** `b` at the speed of the plain machine, us. */
  readonly boundaryUs: number;
}

export interface Tuning {
  readonly guest: string;
  readonly node: string;
  readonly host: HostFacts;
  /** What stands for 1. */
  readonly baseline: Baseline;
  readonly rounds: number;
  readonly cells: readonly Cell[];
  /** Time of two plain programs at once over that of one: this host's share. */
  readonly twoPlain: Interval | undefined;
  readonly fits: readonly VariantFit[];
  readonly goal: Goal;
  /** Undefined where there was nothing to go by. */
  readonly verdict: Verdict | undefined;
  readonly problems: readonly Problem[];
}

/** Whether the recommendation stands. */
export function stands({ verdict, problems }: Tuning): boolean {
  return verdict?.met === true && !problems.some(problem => problem.fatal);
}

export function conclude(guest: string, swept: Swept, host: HostFacts, goal: Goal): Tuning {
  const { cells, baseline, rounds, twoPlain } = swept;
  return {
    guest,
    node: process.versions.node,
    host,
    baseline,
    rounds,
    cells,
    twoPlain,
    fits: fitsOf(cells),
    goal,
    verdict: recommend(cells, goal),
    problems: problemsOf(swept),
  };
}

export function fitsOf(cells: readonly Cell[]): VariantFit[] {
  return [...new Set(cells.map(cell => cell.variant))].flatMap(variant => fitVariant(variant, cells));
}

function fitVariant(variant: Setting, cells: readonly Cell[]): VariantFit[] {
  const own = cells.filter(cell => cell.variant === variant && cell.performance !== undefined);
  const points = own.map(({ epochLength, performance }) => ({ epochLength, performance: performance!.value }));
  const fit = fitModel(points);
  const longest = own.toSorted((one, other) => one.epochLength - other.epochLength).at(-1);
  if (fit === undefined || longest === undefined) return [];
  const plainRate = longest.instructionsPerSecond * longest.performance!.value;
  return [{ variant, ...fit, boundaryUs: (1e6 * fit.b) / plainRate }];
}
