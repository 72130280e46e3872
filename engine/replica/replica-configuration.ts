// What launcher and replica say to each other over the channel between parent and child process.

import type { SocketAddress } from '../../devices/connection/socket-address.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import type { ArbiterOptions } from '../arbiter/open-arbiter.js';
import type { ModuleCache } from '../cache/rewritten-modules.js';
import type { ListeningPlace } from '../channel/listening-place.js';
import type { HookModule } from '../guest/boundary-hook.js';
import type { MachineOptions } from '../guest/machine-options.js';
import type { CheckpointPace } from '../log/checkpoints.js';
import type { RecoverPlace } from '../log/recovering.js';
import type { Durability } from '../protocol/durability.js';
import type { OperationId, Outcome, View } from '../protocol/vocabulary.js';
import type { ReplicaProgress, ReplicaReport } from './replica-report.js';

/** What a machine that is resumed elsewhere has to find on its host; kept in a snapshot as it is. */
export interface SnapshotOrigin {
  /** Absolute path of the guest. */
  readonly guest: string;
  /** By absolute paths. */
  readonly devices: readonly DeviceSource[];
  /** Where it listened. */
  readonly listen?: readonly SocketAddress[];
  /** What it may connect to. */
  readonly connect?: readonly NamedAddress[];
  /** Absolute path of its host module. */
  readonly host?: string;
}

/** An address by the name that a guest knows. */
export interface NamedAddress {
  readonly name: string;
  readonly address: SocketAddress;
}

/** The origin as it is in a snapshot. */
export interface SavedOrigin extends SnapshotOrigin {
  /** How changes of folders ended that the guest had asked for, and had no answer to at the snapshot. */
  readonly statuses: readonly (readonly [OperationId, number])[];
}

/** Why a snapshot was not saved, as an EpochvisorError that crosses to another process. */
export interface SaveError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Timing of the channel, ms. */
export interface ChannelTiming {
  readonly heartbeatMs: number;
  /** How often a replica looks at the time; at least once a heartbeat. */
  readonly tickMs: number;
  /** Silence after which a peer is suspected at the latest (protocol/silence.ts). */
  readonly suspicionMs: number;
  /** Likewise, for the first word of a process that starts. */
  readonly startMs: number;
}

/** With which `suspicionMs` is worth something: several heartbeats, of the bus, too, come in it (BUS_HEARTBEAT_MS). */
export const SUSPICION_MIN_MS = 200;

/**
 * A heartbeat costs two packets and some microseconds. The more there are, the fewer milliseconds are several of them: what is
 * lost on the way, or held up, says less. The end of a socket is noticed at once.
 */
export function timingFor(suspicionMs: number): ChannelTiming {
  const heartbeatMs = Math.min(50, suspicionMs / 5);
  return { heartbeatMs, tickMs: heartbeatMs, suspicionMs, startMs: 10_000 };
}

export const DEFAULT_SUSPICION_MS = 1000;
export const DEFAULT_TIMING: ChannelTiming = timingFor(DEFAULT_SUSPICION_MS);

/** Everything a replica is started with; by IPC, for the secret must not be in argv. */
export interface ReplicaConfiguration {
  readonly machine: string;
  readonly incarnation: string;
  readonly secret: string;
  /** Whether the channel is encrypted. */
  readonly encrypted?: boolean;
  /** The view to begin in; without one this replica joins a machine that runs. */
  readonly view?: View;
  /** SHA-256 of the guest, which is read from a descriptor (kept-module.ts). */
  readonly moduleHash: string;
  readonly moduleCache: ModuleCache;
  readonly options: MachineOptions;
  /** Address of the machine's arbiter (open-arbiter.ts). */
  readonly arbiter: string;
  readonly arbiterOptions?: ArbiterOptions;
  readonly timing: ChannelTiming;
  /** Backups of a machine that lacks none. */
  readonly backupsWanted: number;
  /** What a test does at the boundaries of this replica's guest. */
  readonly hook?: HookModule;
  /** For tests: whether its network can be cut (network-cuts.ts). */
  readonly cuttable?: boolean;
  /** What a test does at what this replica says and hears (io-hook.ts). */
  readonly ioHook?: HookModule;
  /** Whether it tells what is measured of it (sampling.ts). */
  readonly samples?: boolean;
  /** The file that holds the snapshot to go on from. */
  readonly snapshot?: string;
  /** Where it writes down what it logs. */
  readonly log?: LogPlace;
  /** All others are dead, and it goes on from this log. */
  readonly recover?: RecoverPlace;
  /** Started by the agent of a host (engine/parts): nobody gives it a view; it finds how to begin (first-view.ts), and reports. */
  readonly place?: ListeningPlace;
}

/** Where a machine's log is written down. */
export interface LogPlace {
  /** Absolute; each replica has a folder there, of its incarnation's name. */
  readonly folder: string;
  /** How often it takes a checkpoint; left out: never. */
  readonly checkpoints?: CheckpointPace;
  /** Whether what precedes the last two checkpoints is kept, too. */
  readonly keep?: boolean;
  /** What outputs wait for; `memory` where it is left out. */
  readonly durability?: Durability;
}

/** Launcher to replica. */
export type ToReplica =
  | { readonly type: 'start'; readonly configuration: ReplicaConfiguration }
  /** Save a snapshot to `file` by way of `temporary`, beside it, with `origin` in it; answered by `saved`. */
  | {
      readonly type: 'save';
      readonly request: number;
      readonly file: string;
      readonly temporary: string;
      readonly origin: SnapshotOrigin;
    }
  /** The process of another has ended. */
  | { readonly type: 'gone'; readonly incarnation: string; readonly reason: string }
  /** For tests: the network to these (NetworkCuts.cut), and to no others, stands still from now on; answered by `cut`. */
  | { readonly type: 'cut'; readonly request: number; readonly from: readonly string[] };

/** What was measured of a replica since the last time it told. */
export interface ReplicaSamples {
  /**
   * From random moments to the next at which the guest would have been delivered an interrupt, ms: while the guest runs.
   * A primary's.
   */
  readonly waitsMs: readonly number[];
  /** At so many random moments more the guest waited, and would have heard of an interrupt at once. */
  readonly waiting: number;
  /** Outputs, and when the guest asked for them, ms by the host's monotonic clock. */
  readonly asked: readonly AskedOutput[];
  /** How far the guest had come at the first and the last of those deliveries: no earlier and no later than said. */
  readonly marks: readonly ProgressMark[];
  /** Resident memory of the process. */
  readonly rssBytes: number;
  readonly silence: ReplicaSilence;
}

/** Of its peers and the bus, as it hears them. */
export interface ReplicaSilence {
  /** The longest gap in what one of them said, ms. */
  readonly longestGapMs: number;
  /** The silence for which none of them is suspected at present, ms. */
  readonly limitMs: number;
}

/** What the thread that samples a primary has seen. */
export type ThreadSamples = Omit<ReplicaSamples, 'rssBytes' | 'silence'>;

export interface ProgressMark {
  /** By the host's monotonic clock, ms. */
  readonly atMs: number;
  readonly instructions: number;
}

export interface AskedOutput {
  /** ASKED_OPERATION: an operation. */
  readonly stream: number;
  /** The offset after it, or the operation's id. */
  readonly end: number;
  readonly askedMs: number;
}

/** How often a joining replica says that it still does, ms. */
export const JOINS_EVERY_MS = 500;

/** How often a replica reports to its agent, ms. */
export const REPORT_EVERY_MS = 250;

/** Replica to launcher. */
export type FromReplica =
  /** The guest's first instruction is next. */
  | { readonly type: 'running' }
  | { readonly type: 'view'; readonly view: View; readonly reason: string }
  /** P8 is done. */
  | { readonly type: 'live'; readonly failoverEpoch: number; readonly uncertain: number }
  | { readonly type: 'progress'; readonly progress: ReplicaProgress }
  | { readonly type: 'sampled'; readonly samples: ReplicaSamples }
  /** A view that another replica has won names this one. */
  | { readonly type: 'named' }
  /** Not named yet; every JOINS_EVERY_MS. */
  | { readonly type: 'joins' }
  /** To an agent: what it knows, every REPORT_EVERY_MS; `alone`: nobody of the machine's view answers it. */
  | { readonly type: 'report'; readonly report: ReplicaReport; readonly alone: boolean }
  /** To an agent: what it waits for before it can begin. */
  | { readonly type: 'waits'; readonly reason: string }
  /** The machine is over. */
  | { readonly type: 'finished'; readonly outcome: Outcome }
  /** The answer to `save`: the file is there, or why it is not. */
  | { readonly type: 'saved'; readonly request: number; readonly error?: SaveError }
  /**
   * Nothing more of what it logs is written down, from `atMs` (since 1970) on. `isAwaited`: its outputs, or its acknowledgements, wait
   * for ever.
   */
  | {
      readonly type: 'unlogged';
      readonly atMs: number;
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly isAwaited: boolean;
    }
  /** There is no room for what it logs, and outputs wait for some; empty: there is again. */
  | { readonly type: 'logWaits'; readonly why: string }
  /** The answer to `cut`. */
  | { readonly type: 'cut'; readonly request: number }
  /** This replica ends, and is no part of the machine any more. */
  | { readonly type: 'halted'; readonly code: string; readonly message: string; readonly hint?: string };

/** Exit status of a replica that halted (fenced, lost its view, diverged, or could not go on). */
export const REPLICA_HALTED = 3;
