// A failover test as it is reported: what was tested, on what, and the points of each variant. What files of reports are made of.

import type { PointRecord } from '../../testing/point-record.js';
import type { VerdictKind } from '../../testing/trial-judge.js';

export interface FailoverReport {
  /** The guest's name and its arguments. */
  readonly guest: string;
  /** What a reader has to know to believe it: options, host, version; by name, in order. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly variants: readonly ReportedVariant[];
  /** When it was begun, by ISO 8601. */
  readonly at: string;
  readonly host: string;
  /** It ended before all points were judged. */
  readonly interrupted: boolean;
}

export interface ReportedVariant {
  readonly variant: string;
  /** A line on the undisturbed runs; empty where it is not known. */
  readonly undisturbed: string;
  readonly records: readonly PointRecord[];
}

/** Weak: nothing was wrong, and less was proved than was asked for. */
export type Grade = 'good' | 'weak' | 'bad';

/** Good ones first. */
const GRADES: Readonly<Record<VerdictKind, Grade>> = {
  same: 'good',
  accepted: 'good',
  consistent: 'good',
  ended: 'good',
  'outcome only': 'weak',
  'not reached': 'weak',
  outcome: 'bad',
  different: 'bad',
  'output rule': 'bad',
  operations: 'bad',
  client: 'bad',
  refused: 'bad',
  'no failover': 'bad',
  'failed over': 'bad',
  hung: 'bad',
  failed: 'bad',
};

export const VERDICT_KINDS = Object.keys(GRADES) as readonly VerdictKind[];

export function gradeOf({
  verdict,
  failed = GRADES[verdict] === 'bad',
}: Partial<PointRecord> & Pick<PointRecord, 'verdict'>): Grade {
  return failed ? 'bad' : GRADES[verdict];
}

export const POINT_KINDS = [
  'instruction',
  'io',
  'message',
  'output',
  'bus',
  'operation',
  'memory',
  'start',
  'takeover',
  'join',
] as const;
export type PointKind = (typeof POINT_KINDS)[number];

/** Of the first fault. */
export function kindOf({ asked }: PointRecord): PointKind {
  const [word] = asked.split(':');
  return POINT_KINDS.find(kind => kind === word) ?? 'instruction';
}

/** As a user names it. */
export function titleOf({ asked, second }: PointRecord): string {
  return second === undefined ? asked : `${asked}, then ${second}`;
}

export function recordsOf({ variants }: FailoverReport): readonly PointRecord[] {
  return variants.flatMap(({ records }) => records);
}

/** How many of each kind, those that occur. */
export function countsOf(records: readonly PointRecord[]): ReadonlyMap<VerdictKind, number> {
  const counts = new Map<VerdictKind, number>();
  for (const { verdict } of records) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => VERDICT_KINDS.indexOf(a) - VERDICT_KINDS.indexOf(b)));
}

/** Why this report is no pass, though no point in it failed; undefined where that is not so. */
export function shortcoming(report: FailoverReport): string | undefined {
  if (report.interrupted) return 'the sweep was interrupted: what is here are the points that were judged';
  const records = recordsOf(report);
  if (records.length === 0) return 'no point was judged';
  if (records.every(({ kill }) => kill === null)) return 'nothing was struck at any of the points';
  return records.every(({ verdict }) => verdict === 'not reached') ? 'no second kill landed' : undefined;
}
