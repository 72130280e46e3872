// What whoever shows a machine to others, by metrics or on a page, is told of it.

import type { MeasuredTimes } from '../protocol/measured-times.js';
import type { Status } from './status.js';

/** What the replicas have measured since the start of the machine, those that are gone among them; it only grows. */
export interface MachineFigures {
  /** Bytes of log that its primaries have shipped. */
  readonly logBytes: number;
  /** How long outputs that have left were held. */
  readonly heldFor: MeasuredTimes;
  /** From the shipping of a part of the log until all had acknowledged it. */
  readonly roundTrips: MeasuredTimes;
}

/** What the launcher has counted since then. */
export interface MachineCounts {
  readonly failovers: number;
  /** Operations that ended uncertain. */
  readonly uncertain: number;
  /** Replicas that ended after a view had named them, and before. */
  readonly lost: number;
  readonly unjoined: number;
  /** Replacements that a view has named. */
  readonly joined: number;
  /** From the last word of a dead primary to the fence of its successor. */
  readonly silences: MeasuredTimes;
}

export interface ObservedMachine {
  readonly status: Status;
  readonly counts: MachineCounts;
  readonly figures: MachineFigures;
  /** Its primary lives, and its guest runs or waits. */
  readonly isLive: boolean;
  /** Where the primary is; undefined: it is not known here, or there is none. */
  readonly primaryHost: string | undefined;
}
