// What a part of a machine on several hosts knows, in the words of a launcher's status.

import type { ReplicaFigures, Status, VerificationStatus } from '../observe/status.js';
import { NO_PROGRESS, type ReplicaReport } from '../replica/replica-report.js';

/** Without a replica. */
export const NOBODY = {
  ...{ view: 0, epoch: 0, epochLength: 0, instructions: 0, protected: false, reason: 'starting' },
  ...{ primary: { pid: 0, incarnation: '' }, backups: [], joining: [], replicas: [] },
  ...{ instructionsPerSecond: 0, lagMs: 0, lagEntries: 0, outstanding: 0 },
  ...{ logBytes: 0, logBytesPerSecond: 0, logEnd: 0, acknowledged: 0, interruptsTold: 0, heldBytes: 0, heldMs: 0 },
  verification: verificationOf(NO_PROGRESS.verification),
} satisfies Omit<Status, 'machine'>;

/** @param report of this host's replica; undefined: there is none at present */
export function statusOfReplica(machine: string, report: ReplicaReport | undefined): Status {
  if (report === undefined) return { machine, ...NOBODY };
  const { incarnation, pid, unlogged, logWaits } = report;
  const own = [{ pid, incarnation, ...(unlogged === undefined ? {} : { unlogged }) }];
  const isNamed = report.role === 'primary' || report.role === 'backup';
  return {
    machine,
    ...figuresOf(report),
    ...{ view: report.view, protected: report.protected, reason: report.reason },
    primary: report.role === 'primary' ? own[0]! : NOBODY.primary,
    backups: report.role === 'backup' ? own : [],
    joining: isNamed ? [] : own,
    replicas: [replicaFigures(report)],
    ...(logWaits === undefined ? {} : { logWaits: `replica ${pid}: ${logWaits}` }),
  };
}

/** What the status of a machine has of its primary. */
export function figuresOf(report: ReplicaReport) {
  const { epoch, epochLength, count: instructions, instructionsPerSecond, outstanding } = report;
  const { lagMs, lagEntries, logBytes, logBytesPerSecond, logEnd, acknowledged, interruptsTold, heldBytes, heldMs } =
    report;
  return {
    ...{ epoch, epochLength, instructions, instructionsPerSecond, outstanding },
    ...{ lagMs, lagEntries, logBytes, logBytesPerSecond, logEnd, acknowledged, interruptsTold, heldBytes, heldMs },
    verification: verificationOf(report.verification),
  };
}

export function replicaFigures(report: ReplicaReport): ReplicaFigures {
  const { incarnation, pid, role, epoch, count: instructions, interruptsDelivered, rssBytes } = report;
  const named = role === 'starting' ? 'joining' : role;
  return { incarnation, pid, role: named, epoch, instructions, interruptsDelivered, rssBytes };
}

function verificationOf({ lastMs, everyMs, ...figures }: ReplicaReport['verification']): VerificationStatus {
  const { share, spent, comparisons, covered } = figures;
  return {
    ...{ share, spent, comparisons, covered },
    last: lastMs === 0 ? null : new Date(lastMs).toISOString(),
    everyMs: everyMs === 0 ? null : everyMs,
    divergences: 0,
  };
}
