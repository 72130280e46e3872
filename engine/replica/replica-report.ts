// What a replica says of itself to observers (`epochvisor status`), and to the agent that started it.

import { hostname } from 'node:os';
import { VERIFY_SHARE } from '../guest/machine-options.js';
import type { UnloggedStatus } from '../observe/status.js';
import { type MeasuredTimes, NOTHING_MEASURED } from '../protocol/measured-times.js';
import type { Verification } from '../threads/verification.js';

/** What changes as the guest runs, told some times a second. */
export interface ReplicaProgress {
  readonly epoch: number;
  /** Instructions an epoch, at present. */
  readonly epochLength: number;
  readonly count: number;
  readonly outstanding: number;
  readonly protected: boolean;
  readonly reason: string;
  readonly lagMs: number;
  /** Entries of the log that the slowest backup has not executed. */
  readonly lagEntries: number;
  /** Entries of the log: written or received, and acknowledged by all backups; a backup's, by itself. */
  readonly logEnd: number;
  readonly acknowledged: number;
  /** Interrupts that its guest thread was told of, and that its guest was given, since the process began. */
  readonly interruptsTold: number;
  readonly interruptsDelivered: number;
  /** Bytes of log shipped since the start. */
  readonly logBytes: number;
  /** Over the last second. */
  readonly instructionsPerSecond: number;
  readonly logBytesPerSecond: number;
  /** Output that waits to leave: bytes, and the age of the oldest, ms. */
  readonly heldBytes: number;
  readonly heldMs: number;
  /** Resident memory of its process, as of the last second. */
  readonly rssBytes: number;
  /** How long outputs that have left were held. */
  readonly heldFor: MeasuredTimes;
  /** From the shipping of a part of the log until all had acknowledged it. */
  readonly roundTrips: MeasuredTimes;
  readonly verification: ReplicaVerification;
}

/** What comparing state (SD) may cost, and what has come of it. */
export interface ReplicaVerification extends Verification {
  /** Part of the time that it may take. */
  readonly share: number;
}

/** What has become of what it writes down, with `--log`. */
export interface LogReport {
  /** There where nothing is written down any more. */
  readonly unlogged?: UnloggedStatus;
  /** There where outputs wait for it, and why. */
  readonly logWaits?: string;
}

export interface ReplicaReport extends ReplicaProgress, LogReport {
  readonly kind: 'replica';
  readonly incarnation: string;
  readonly host: string;
  readonly pid: number;
  /** `starting`: no view is known to it; `joining`: it knows one that does not name it, and has asked to be. */
  readonly role: 'primary' | 'backup' | 'joining' | 'starting';
  /** Number of the view it is in; 0 where it is in none. */
  readonly view: number;
  readonly backups: readonly string[];
  /** Whether it is connected to the bus. */
  readonly bus: boolean;
}

/** A replica that has not begun. */
export const NO_PROGRESS: ReplicaProgress = {
  epoch: 0,
  epochLength: 0,
  count: 0,
  outstanding: 0,
  protected: false,
  reason: 'starting',
  lagMs: 0,
  lagEntries: 0,
  logEnd: 0,
  acknowledged: 0,
  interruptsTold: 0,
  interruptsDelivered: 0,
  logBytes: 0,
  instructionsPerSecond: 0,
  logBytesPerSecond: 0,
  heldBytes: 0,
  heldMs: 0,
  rssBytes: 0,
  heldFor: NOTHING_MEASURED,
  roundTrips: NOTHING_MEASURED,
  verification: { share: VERIFY_SHARE.usual, comparisons: 0, lastMs: 0, covered: 0, everyMs: 0, spent: 0 },
};

/** What is the same in all reports of one process. */
export function ownReport(
  incarnation: string,
): Pick<ReplicaReport, 'kind' | 'incarnation' | 'host' | 'pid' | 'rssBytes'> {
  return { kind: 'replica', incarnation, host: hostname(), pid: process.pid, rssBytes: process.memoryUsage.rss() };
}
