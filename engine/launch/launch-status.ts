// The status of a launched machine, from its view and what its primary last told.

import type { ReplicaFigures, ReplicaStatus, Status } from '../observe/status.js';
import type { View } from '../protocol/vocabulary.js';
import type { ReplicaProgress } from '../replica/replica-report.js';
import { NO_PAST, type PastVerification, verificationStatus } from './launch-verification.js';

interface StatusReplica extends ReplicaStatus {
  readonly joins: boolean;
  readonly hasEnded: boolean;
  /** Its guest has executed an instruction. */
  readonly running: boolean;
  readonly progress: ReplicaProgress | undefined;
  /** What its outputs, or its acknowledgements, wait for. */
  readonly logWaits?: string;
}

/**
 * @param wanted replicas that the machine should have
 * @param unjoined why the last replacement ended before it was named; empty: none has
 * @param past of replicas that are not among these any more
 */
export function statusOf(
  view: View,
  replicas: readonly StatusReplica[],
  wanted: number,
  unjoined = '',
  past: PastVerification = NO_PAST,
): Status {
  const primary = replicas.find(({ incarnation }) => incarnation === view.primary);
  const progress = primary?.progress;
  const named = [view.primary, ...view.backups];
  const backups = replicas.filter(({ incarnation }) => view.backups.includes(incarnation));
  const joining = replicas.filter(one => one.joins && !one.hasEnded && !named.includes(one.incarnation));
  const missing = view.backups.length + 1 < wanted;
  // A replica's word on its protection may be of the view before: a backup's, that it was, when it has become the primary.
  const runs = replicas.every(({ incarnation, running }) => running || !named.includes(incarnation));
  const isProtected = wanted > 1 && !missing && runs && (progress?.protected ?? false);
  return {
    machine: view.machine,
    view: view.number,
    epoch: progress?.epoch ?? 0,
    epochLength: progress?.epochLength ?? 0,
    instructions: progress?.count ?? 0,
    protected: isProtected,
    reason: isProtected ? '' : reasonOf(wanted, missing, joining.length > 0, unjoined, progress),
    primary: primary === undefined ? { pid: 0, incarnation: view.primary } : nameOf(primary),
    backups: backups.map(nameOf),
    joining: joining.map(nameOf),
    replicas: [primary ?? [], backups, joining].flat().map(replica => figuresOf(view, replica)),
    instructionsPerSecond: progress?.instructionsPerSecond ?? 0,
    lagMs: progress?.lagMs ?? 0,
    lagEntries: progress?.lagEntries ?? 0,
    logEnd: progress?.logEnd ?? 0,
    acknowledged: progress?.acknowledged ?? 0,
    interruptsTold: progress?.interruptsTold ?? 0,
    outstanding: progress?.outstanding ?? 0,
    logBytes: progress?.logBytes ?? 0,
    logBytesPerSecond: progress?.logBytesPerSecond ?? 0,
    heldBytes: progress?.heldBytes ?? 0,
    heldMs: progress?.heldMs ?? 0,
    verification: verificationStatus(view, replicas, past),
    ...logStatus(replicas.filter(({ hasEnded }) => !hasEnded)),
  };
}

function logStatus(replicas: readonly StatusReplica[]): Pick<Status, 'logWaits'> {
  const waiting = replicas.filter(({ logWaits = '' }) => logWaits !== '');
  if (waiting.length === 0) return {};
  return { logWaits: waiting.map(({ pid, logWaits }) => `replica ${pid}: ${logWaits}`).join('; ') };
}

function reasonOf(
  wanted: number,
  missing: boolean,
  joins: boolean,
  unjoined: string,
  progress: ReplicaProgress | undefined,
): string {
  if (wanted === 1) return 'disabled';
  const because = unjoined === '' ? '' : `; the last replica that was to join ${unjoined}`;
  if (missing) return `${joins ? 'starting' : 'need secondary'}${because}`;
  const reason = progress?.reason ?? '';
  return reason === '' ? 'starting' : reason;
}

function nameOf({ pid, incarnation, unlogged }: ReplicaStatus): ReplicaStatus {
  return { pid, incarnation, ...(unlogged === undefined ? {} : { unlogged }) };
}

function figuresOf({ primary, backups }: View, { incarnation, pid, progress }: StatusReplica): ReplicaFigures {
  const { epoch = 0, count = 0, rssBytes = 0, interruptsDelivered = 0 } = progress ?? {};
  const role = incarnation === primary ? 'primary' : backups.includes(incarnation) ? 'backup' : 'joining';
  return { incarnation, pid, role, epoch, instructions: count, interruptsDelivered, rssBytes };
}
