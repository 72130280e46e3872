// A point as it is planned: where a replica is struck, and whether another is to die afterwards.

import type { KillPoint } from './kill-hook.js';
import { describePoint } from './kill-points.js';
import type { PointRecord } from './point-record.js';

export interface PlannedPoint {
  readonly point: KillPoint;
  /** Where another replica is killed afterwards. */
  readonly second?: KillPoint;
  /** A user has named it: where it is never reached, that is a failure. */
  readonly named?: boolean;
  /** Its timeline is kept though it does not fail. */
  readonly timeline?: boolean;
}

/** What a point is known by in reports. */
export function nameOfPoint({ point, second }: PlannedPoint): string {
  return second === undefined ? describePoint(point) : `${describePoint(point)} ${describePoint(second)}`;
}

export function nameOfRecord({ asked, second }: PointRecord): string {
  return second === undefined ? asked : `${asked} ${second}`;
}
