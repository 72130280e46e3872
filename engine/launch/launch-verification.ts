// How thoroughly the replicas of a launched machine were compared (SD), from what each has told of itself.

import type { VerificationStatus } from '../observe/status.js';
import type { View } from '../protocol/vocabulary.js';
import { NO_PROGRESS, type ReplicaProgress, type ReplicaVerification } from '../replica/replica-report.js';

interface VerifiedReplica {
  readonly incarnation: string;
  readonly progress: ReplicaProgress | undefined;
}

/** Of replicas that nobody remembers any more. */
export interface PastVerification {
  readonly comparisons: number;
  /** ms since 1970; 0: none. */
  readonly lastMs: number;
  /** Of all replicas, remembered or not. */
  readonly divergences: number;
}

export const NO_PAST: PastVerification = { comparisons: 0, lastMs: 0, divergences: 0 };

export function verificationStatus(
  view: View,
  replicas: readonly VerifiedReplica[],
  past: PastVerification,
): VerificationStatus {
  const of = (incarnation: string) =>
    replicas.find(one => one.incarnation === incarnation)?.progress?.verification ?? NO_PROGRESS.verification;
  const { share, spent } = of(view.primary);
  const least = view.backups.map(of).reduce<ReplicaVerification | undefined>(lessCompared, undefined);
  const { comparisons, lastMs } = withPast(past, replicas);
  return {
    share,
    spent: Number(spent.toFixed(5)),
    comparisons,
    last: lastMs === 0 ? null : new Date(lastMs).toISOString(),
    covered: Number((least?.covered ?? 0).toFixed(5)),
    everyMs: least === undefined || least.everyMs === 0 ? null : least.everyMs,
    divergences: past.divergences,
  };
}

/** Who compared memory in part, or goes through it more slowly. */
function lessCompared(one: ReplicaVerification | undefined, other: ReplicaVerification): ReplicaVerification {
  if (one === undefined || other.covered < one.covered) return other;
  if (other.covered > one.covered || one.everyMs === 0) return one;
  return other.everyMs === 0 || other.everyMs > one.everyMs ? other : one;
}

/** What is to be known of replicas that are forgotten from now on, and of those before. */
export function withPast(past: PastVerification, forgotten: readonly VerifiedReplica[]): PastVerification {
  const all = [past, ...forgotten.flatMap(({ progress }) => progress?.verification ?? [])];
  return {
    comparisons: all.reduce((sum, { comparisons }) => sum + comparisons, 0),
    lastMs: Math.max(...all.map(({ lastMs }) => lastMs)),
    divergences: past.divergences,
  };
}
