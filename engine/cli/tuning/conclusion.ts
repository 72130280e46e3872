// What a sweep concludes: the paper's model fitted to it, a recommendation for a goal, and what is wrong with either.

import type { Baseline, Cell } from './cells.js';
import { fitsOf, type VariantFit } from './fits.js';
import { type Goal, recommend, type Verdict } from './goal.js';
import type { HostFacts } from './host-facts.js';
import { type Problem, problemsOf } from './problems.js';
import type { Interval } from './statistics.js';
import type { Swept } from './sweep.js';

export interface Tuning {
  readonly guest: string;
  readonly node: string;
  readonly host: HostFacts;
  /** What stands for 1. */
  readonly baseline: Baseline;
  /** V8 had optimised the code of plain and pair before the first run. */
  readonly optimised: boolean;
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
  const { cells, baseline, optimised, rounds, twoPlain } = swept;
  return {
    guest,
    node: process.versions.node,
    host,
    baseline,
    optimised,
    rounds,
    cells,
    twoPlain,
    fits: fitsOf(cells),
    goal,
    verdict: recommend(cells, goal),
    problems: problemsOf(swept),
  };
}
