// The same test at many points: all of them are tried, and those that fail are told together.

import { EpochvisorError } from '../errors/errors.js';
import { pointsSpread } from '../testing/kill-points.js';

export interface SweepOptions {
  /** So many at the same time (default 1). */
  readonly jobs?: number;
}

/** Failures that are shown in the error; all of them are in its `errors`. */
const SHOWN_MAX = 5;

/** What has failed in a sweep. */
export class SweepError<Point> extends EpochvisorError {
  readonly failures: readonly { readonly point: Point; readonly error: unknown }[];

  constructor(failures: readonly { readonly point: Point; readonly error: unknown }[], points: number) {
    const said = failures
      .slice(0, SHOWN_MAX)
      .map(({ point, error }) => `at ${JSON.stringify(point)}: ${describe(error)}`);
    const more = failures.length > SHOWN_MAX ? `; and ${failures.length - SHOWN_MAX} more` : '';
    super('SWEEP_FAILED', `${failures.length} of ${points} points failed: ${said.join('; ')}${more}`);
    this.failures = failures;
  }
}

/**
 * Runs `body` for each point: launch a machine there, do something to it at the point, and expect something of it.
 * @throws SweepError where one or more of them have failed; EpochvisorError NO_POINTS
 */
export async function sweep<Point>(
  points: readonly Point[],
  body: (point: Point) => Promise<void>,
  { jobs = 1 }: SweepOptions = {},
): Promise<void> {
  if (points.length === 0) throw new EpochvisorError('NO_POINTS', 'a sweep of no points proves nothing', 'name some');
  const failures: { point: Point; error: unknown }[] = [];
  const waiting = [...points];
  const worker = async () => {
    while (waiting.length > 0) {
      const point = waiting.shift()!;
      try {
        await body(point);
      } catch (error) {
        failures.push({ point, error });
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (failures.length > 0) throw new SweepError(failures, points.length);
}

/** So many points with equal distances between them, and to both ends of a run of `instructions`. */
export function spread(points: number, instructions: number): { readonly count: number }[] {
  return pointsSpread(points, instructions).map(point => ({ count: point.at === 'count' ? point.count : 0 }));
}

function describe(error: unknown): string {
  if (error instanceof EpochvisorError) return error.line;
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
