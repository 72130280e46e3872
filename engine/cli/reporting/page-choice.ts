// What of a failover test is on its page: of thousands of points all that say something, and a spread sample of the others.

import { sample } from '../../testing/kill-points.js';
import type { PointRecord } from '../../testing/point-record.js';
import { type FailoverReport, gradeOf, recordsOf } from './failover-report.js';

/** A row takes some 400 bytes; a browser lays out so many at once. */
export const TABLE_ROWS_MAX = 5_000;
/** With a timeline, a failure takes some 20 kB. */
export const FAILURES_MAX = 100;
/** Of points that did not fail. */
export const OTHERS_MAX = 100;

export interface Chosen {
  readonly rows: readonly PointRecord[];
  /** Told of at length. */
  readonly failures: readonly PointRecord[];
  /** That did not fail, with their timelines. */
  readonly others: readonly PointRecord[];
  readonly leftOut: { readonly rows: number; readonly failures: number; readonly others: number };
}

export function chosen(report: FailoverReport): Chosen {
  const records = recordsOf(report);
  const failures = records.filter(({ failed }) => failed);
  const others = records.filter(({ failed, timeline }) => !failed && timeline !== undefined && timeline.length > 0);
  const rows = rowsOf(records);
  const shown = { failures: sample(failures, FAILURES_MAX), others: sample(others, OTHERS_MAX) };
  return {
    rows,
    ...shown,
    leftOut: {
      rows: records.length - rows.length,
      failures: failures.length - shown.failures.length,
      others: others.length - shown.others.length,
    },
  };
}

/** In the order of the points. */
function rowsOf(records: readonly PointRecord[]): readonly PointRecord[] {
  if (records.length <= TABLE_ROWS_MAX) return records;
  const telling = sample(
    records.filter(record => gradeOf(record) === 'bad'),
    TABLE_ROWS_MAX,
  );
  const rest = sample(
    records.filter(record => gradeOf(record) !== 'bad'),
    TABLE_ROWS_MAX - telling.length,
  );
  const kept = new Set([...telling, ...rest]);
  return records.filter(record => kept.has(record));
}
