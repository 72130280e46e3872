// What is known of one point of a failover test once it is judged: what reports are made of, in whatever form they are written.
//
// Plain data: it is a line of JSON in a report file, and comes back from there.

import type { Difference } from './difference.js';
import type { Fault, KillProof, Victim } from './kill-hook.js';
import type { TimelineEvent } from './timeline.js';
import type { Restart } from './trial-bus.js';
import type { VerdictKind } from './trial-judge.js';
import type { Failover } from './trial-watch.js';

/** Where the histories part. */
export interface Parting extends Difference {
  /** `stdout`, `transcript` of the client, or what is compared as a file: `disk 0`. */
  readonly where: string;
}

export interface PointRecord {
  /** As a user writes it: `3:50000`, `message:17:after`. */
  readonly asked: string;
  readonly variant: string;
  readonly fault: Fault;
  readonly victim: Victim;
  /** Where a second replica was to be killed, in a takeover or joining. */
  readonly second?: string;
  readonly verdict: VerdictKind;
  readonly failed: boolean;
  /** One line on what was wrong, or what could not be compared; else empty. */
  readonly detail: string;
  /** The replica's own words; null: it did not happen. */
  readonly kill: KillProof | null;
  readonly secondKill: KillProof | null;
  readonly failover: Failover | null;
  /** Of a bus that was killed. */
  readonly restart?: Restart;
  /** Not judged: drivers speak of repeats there. */
  readonly stderrDiffers: boolean;
  readonly durationMs: number;
  /** Operations whose end was checked; left out where nothing is known of the survivor's, or of devices. */
  readonly operations?: number;
  /** Of the client, where one drives the guest: how much it printed, and how it failed. */
  readonly client?: { readonly bytes: number; readonly failure: string | null };
  readonly parting?: Parting;
  /** The command that runs this point alone. */
  readonly repeat: string;
  /** Of failures, and of every point where it was asked for; of a long one what is around the strike (timeline-links.ts). */
  readonly timeline?: readonly TimelineEvent[];
}
