// At which points of a run a sweep of `epochvisor failover` strikes.

import type { FailoverTest } from '../testing/failover-test.js';
import type { KillPoint } from '../testing/kill-hook.js';
import { POINTS_MAX, pointsEvery, pointsListed, pointsSpread, sample } from '../testing/kill-points.js';
import type { PlannedPoint } from '../testing/planned-point.js';
import type { FaultFlags } from './failover-faults.js';

/** Where no point is named. */
const DEFAULT_POINTS = 10;
/** On a page, of points that don't fail. */
export const PAGE_TIMELINES = 30;

export interface PlanFlags extends FaultFlags {
  readonly limit?: number;
  readonly points?: number;
  readonly html?: string;
  readonly timelines?: number;
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

/** Whether the places of a reference run are to be known. */
export function wantsListing({ sweep, bus }: PlanFlags): boolean {
  return bus === true || (sweep !== undefined && sweep.of !== 'every');
}

function sweptPoints(flags: PlanFlags, test: FailoverTest): readonly KillPoint[] {
  const { sweep, limit } = flags;
  const points: KillPoint[] = [];
  if (sweep !== undefined) {
    points.push(
      ...(sweep.of === 'every'
        ? pointsEvery(sweep.every, test.instructions, limit)
        : sample(pointsListed(sweep.of, test.listing), limit ?? POINTS_MAX)),
    );
  }
  // Of a bus, which executes no instructions, those are places, too.
  const spread = (count: number) =>
    flags.bus === true ? sample(pointsListed('all', test.listing), count) : pointsSpread(count, test.instructions);
  if (flags.points !== undefined) points.push(...spread(flags.points));
  return points.length > 0 || flags.at.length > 0 ? points : spread(DEFAULT_POINTS);
}
