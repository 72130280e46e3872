// Many points of one test: several at a time, in an order that a seed decides, so that whoever interrupts it has seen something of
// all of the run.

import { Random } from '../simulator/random.js';
import type { FailoverTest } from './failover-test.js';
import { nameOfPoint, nameOfRecord, type PlannedPoint } from './planned-point.js';
import type { PointRecord } from './point-record.js';

export interface SweepOptions {
  readonly jobs: number;
  readonly seed: number;
  /** Of points that were judged before. */
  readonly known: readonly PointRecord[];
  readonly signal?: AbortSignal;
  /** Told of each as soon as it is judged. */
  readonly judged: (record: PointRecord) => void;
}

/** @returns records in the order of the points; where the signal fired, of those that were judged */
export async function sweep(
  test: FailoverTest,
  points: readonly PlannedPoint[],
  { jobs, seed, known, signal, judged }: SweepOptions,
): Promise<PointRecord[]> {
  const records = new Map(known.map(record => [nameOfRecord(record), record]));
  const waiting = shuffled(
    points.filter(point => !records.has(nameOfPoint(point))),
    new Random(seed),
  );
  const isAborted = () => signal?.aborted === true;
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined && !isAborted(); next = waiting.shift()) {
      try {
        const record = await test.kill(next);
        records.set(nameOfPoint(next), record);
        judged(record);
      } catch (error) {
        // What was under way is no verdict.
        if (!isAborted()) throw error;
      }
    }
  };
  // Whatever one of them meets, the others come to their end before anything is cleared away.
  for (const worked of await Promise.allSettled(Array.from({ length: jobs }, worker))) {
    if (worked.status === 'rejected') throw worked.reason;
  }
  return points.map(point => records.get(nameOfPoint(point))).filter(record => record !== undefined);
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const left = [...items];
  for (let at = left.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [left[at], left[other]] = [left[other]!, left[at]!];
  }
  return left;
}
