// What launcher and replica say to each other over the channel between parent and child process.

import type { KillPoint, MachineOptions } from '../machine/configuration.js';
import type { View } from '../protocol/machine.js';

/** Names the arbiter of a machine: a folder that all replicas reach. */
export interface ArbiterAddress {
  readonly kind: 'folder';
  readonly path: string;
}

/** Timing of the channel, ms. */
export interface ChannelTiming {
  readonly heartbeatMs: number;
  /** Silence after which a peer is suspected. */
  readonly suspicionMs: number;
  /** Likewise, for the first word of a process that starts. */
  readonly startMs: number;
}

/**
 * Defaults: a heartbeat costs two packets; the I/O thread does nothing else for long, and its worst gap under load was
 * 63 ms (measured), so that a second of silence is no accident. The end of a socket is noticed at once.
 */
export const DEFAULT_TIMING: ChannelTiming = { heartbeatMs: 100, suspicionMs: 1000, startMs: 10_000 };

/** Everything a replica is started with; by IPC, for the secret must not be in argv. */
export interface ReplicaConfiguration {
  readonly machine: string;
  readonly incarnation: string;
  readonly secret: string;
  /** The view to begin in. */
  readonly view: View;
  readonly guest: string;
  readonly moduleHash: string;
  readonly moduleCache: boolean;
  readonly options: MachineOptions;
  readonly bus: string;
  readonly arbiter: ArbiterAddress;
  readonly timing: ChannelTiming;
  readonly kill?: { readonly point: KillPoint; readonly proofFile: string };
}

/** Launcher to replica. */
export type ToReplica =
  | { readonly type: 'start'; readonly configuration: ReplicaConfiguration }
  /** Where the primary of the view listens. */
  | { readonly type: 'primary'; readonly incarnation: string; readonly address: string };

/** What changes as the guest runs, told at most once a heartbeat. */
export interface ReplicaProgress {
  readonly epoch: number;
  readonly count: number;
  readonly outstanding: number;
  readonly protected: boolean;
  readonly reason: string;
  readonly lagMs: number;
  /** Bytes of log shipped since the start. */
  readonly logBytes: number;
}

/** Replica to launcher. */
export type FromReplica =
  | { readonly type: 'listening'; readonly address: string }
  /** The guest's first instruction is next. */
  | { readonly type: 'running' }
  | { readonly type: 'view'; readonly view: View; readonly reason: string }
  /** P8 is done. */
  | { readonly type: 'live'; readonly failoverEpoch: number; readonly uncertain: number }
  | { readonly type: 'progress'; readonly progress: ReplicaProgress }
  /** This replica ends, and is no part of the machine any more. */
  | { readonly type: 'halted'; readonly code: string; readonly message: string };

/** Exit status of a replica that halted (fenced, lost its view, diverged, or could not go on). */
export const REPLICA_HALTED = 3;
