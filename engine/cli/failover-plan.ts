// What a sweep of `epochvisor failover` is to do: at which points of a run, to whom, and what.

import { EpochvisorError } from '../errors/errors.js';
import type { FailoverTest, FailoverTestOptions } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import { POINTS_MAX, pointsEvery, pointsListed, pointsSpread, type Sweep, sample } from '../testing/kill-points.js';
import type { PlannedPoint } from '../testing/planned-point.js';

/** Where no point is named. */
const DEFAULT_POINTS = 10;
/** On a page, of points that don't fail. */
export const PAGE_TIMELINES = 30;

export interface PlanFlags {
  readonly at: readonly KillPoint[];
  readonly sweep?: Sweep;
  readonly limit?: number;
  readonly points?: number;
  readonly seconds: readonly KillPoint[];
  readonly backup?: boolean;
  readonly pause?: boolean;
  readonly cut?: boolean;
  readonly processes?: boolean;
  readonly restartSecondary?: true;
  readonly html?: string;
  readonly timelines?: number;
}

/** @throws EpochvisorError BAD_USAGE */
export function checkTogether(flags: PlanFlags): void {
  const refuse = (what: string, hint: string) => {
    throw new EpochvisorError('BAD_USAGE', what, hint);
  };
  if (flags.restartSecondary === true) {
    refuse('--restart-secondary is for a machine that runs', 'give --live and its folder');
  }
  if (flags.pause === true && flags.cut === true) refuse('--pause and --cut are two faults', 'give one of them');
  if (flags.pause === true && flags.processes !== true) {
    refuse('--pause stops a process, and replicas are threads', 'give --processes, too');
  }
  if (flags.seconds.length > 0 && (flags.pause === true || flags.cut === true || flags.backup === true)) {
    refuse('--second-kill follows a kill of the primary', 'leave out --pause, --cut and --backup');
  }
  const kinds = new Set(flags.seconds.map(point => (point.at === 'place' ? point.kind : point.at)));
  if (kinds.size > 1) refuse('--second-kill is of a takeover or of joining', 'give one of them, and then the other');
}

type FaultOptions = Pick<FailoverTestOptions, 'replicas' | 'repair'> &
  Required<Pick<FailoverTestOptions, 'fault' | 'victim'>>;

export function faultOf({ pause, cut, backup, seconds }: PlanFlags): FaultOptions {
  const [second] = seconds;
  // Of two that die one has to be left: a third from the beginning, or one that joins.
  const joins = second?.at === 'place' && second.kind === 'join';
  return {
    fault: pause === true ? 'pause' : cut === true ? 'cut' : 'kill',
    victim: backup === true ? 'backup' : 'primary',
    ...(second === undefined ? {} : joins ? { repair: true } : { replicas: 3 }),
  };
}

/** Each point once for each place of a second kill, in turn: all of them are met, and the points stay as many. */
export function planned(flags: PlanFlags, test: FailoverTest): readonly PlannedPoint[] {
  const { seconds } = flags;
  const named = flags.at.map(point => ({ point, named: true }));
  const points = [...named, ...sweptPoints(flags, test).map(point => ({ point }))];
  const each =
    seconds.length > 0 && named.length === points.length ? points.flatMap(point => seconds.map(() => point)) : points;
  const seconded =
    seconds.length === 0 ? each : each.map((point, index) => ({ ...point, second: seconds[index % seconds.length]! }));
  const { timelines = flags.html === undefined ? 0 : PAGE_TIMELINES } = flags;
  const kept = new Set(sample([...seconded.keys()], timelines));
  return seconded.map((point, index) => (kept.has(index) ? { ...point, timeline: true } : point));
}

function sweptPoints(flags: PlanFlags, test: FailoverTest): readonly KillPoint[] {
  const { sweep, limit = POINTS_MAX } = flags;
  const points: KillPoint[] = [];
  if (sweep !== undefined) {
    const swept =
      sweep.of === 'every' ? pointsEvery(sweep.every, test.instructions) : pointsListed(sweep.of, test.listing);
    points.push(...sample(swept, limit));
  }
  if (flags.points !== undefined) points.push(...pointsSpread(flags.points, test.instructions));
  return points.length > 0 || flags.at.length > 0 ? points : pointsSpread(DEFAULT_POINTS, test.instructions);
}
