// What goes into the channel's state machine, and what it asks for.

import type { Bounds } from './bounds.js';
import type { Durability } from './durability.js';
import type { FromBus, PeerMessage, Progress, ToBus } from './messages.js';
import type { Rule } from './rules.js';
import type { Interrupt, Outcome, Output, View } from './vocabulary.js';

export type ClaimAnswer =
  | { readonly result: 'won' }
  /** The view belongs to another. */
  | { readonly result: 'lost'; readonly owner: View }
  | { readonly result: 'unreachable'; readonly reason: string };

export type ChannelEvent<P> =
  /** From execution: a part of the log that holds `length` entries. */
  | { readonly type: 'logged'; readonly part: P; readonly length: number }
  /** From execution: an output that all of the log below `position` precedes. `more`: `drained` will follow; `atMs`: when it came. */
  | {
      readonly type: 'output';
      readonly position: number;
      readonly output: Output;
      readonly more?: true;
      readonly atMs?: number;
    }
  /** From execution: nothing more for now; outputs that came with `more` leave, together. */
  | { readonly type: 'drained' }
  /**
   * From execution: how far it has come (backup). `said`: all that it puts out before this position has been handed over;
   * left out where it is not known to have been.
   */
  | { readonly type: 'progress'; readonly progress: Progress; readonly said?: number }
  /** From execution: after its promotion it writes the log itself; whatever it put out before was handed over. */
  | { readonly type: 'live' }
  | { readonly type: 'peerOpened'; readonly peer: string; readonly nowMs: number }
  | { readonly type: 'peer'; readonly peer: string; readonly message: PeerMessage<P>; readonly nowMs: number }
  | { readonly type: 'peerClosed'; readonly peer: string; readonly reason: string; readonly nowMs: number }
  /** Somebody who sees its process says that it has ended. Nothing follows but a suspicion, and where its link stood not even that. */
  | { readonly type: 'peerGone'; readonly peer: string; readonly reason: string; readonly nowMs: number }
  | { readonly type: 'busOpened'; readonly nowMs: number }
  | { readonly type: 'bus'; readonly message: FromBus; readonly nowMs: number }
  | { readonly type: 'busClosed'; readonly nowMs: number }
  | { readonly type: 'claimed'; readonly view: View; readonly answer: ClaimAnswer; readonly nowMs: number }
  /** JN: the answer to `takeSnapshot`: all of the log below `position` is in the state, what is `logged` next is not. */
  | { readonly type: 'snapshotTaken'; readonly position: number }
  /** JN: the answer to `takeSnapshot`: the guest cannot be saved now. */
  | { readonly type: 'snapshotFailed'; readonly reason: string }
  /** DU: all of the log below these positions is written down here, and synced; -1: nothing is, Infinity: nobody has to wait. */
  | { readonly type: 'kept'; readonly written: number; readonly synced: number }
  /** The answer to `readLatest`; undefined: the arbiter is out of reach. */
  | { readonly type: 'latest'; readonly view: View | undefined; readonly nowMs: number }
  /** Part of a message has come since the last tick, or a piece of a snapshot, and no whole message. Without `peer`: of the bus. */
  | { readonly type: 'stirs'; readonly peer?: string; readonly nowMs: number }
  /** Time goes on: every `tickMs`. */
  /** `crowding`: threads that want to run on this host, per processor. */
  | { readonly type: 'tick'; readonly nowMs: number; readonly crowding: number };

export type ChannelEffect<P> =
  | { readonly rule: Rule; readonly type: 'sendPeer'; readonly peer: string; readonly message: PeerMessage<P> }
  | { readonly rule: Rule; readonly type: 'sendBus'; readonly message: ToBus }
  /** End the connection to the bus, and connect anew. */
  | { readonly rule: Rule; readonly type: 'dropBus' }
  /** To execution: a part of the log (P4). */
  | { readonly rule: Rule; readonly type: 'log'; readonly part: P }
  /** To execution: an interrupt of a device (P1). */
  | { readonly rule: Rule; readonly type: 'interrupt'; readonly interrupt: Interrupt }
  /**
   * To execution: all of the log below `position` is acknowledged (Infinity: there is no backup). `alone`: nobody takes
   * the log, neither a backup nor a joining replica, and no snapshot is under way for one.
   */
  | { readonly rule: Rule; readonly type: 'acknowledged'; readonly position: number; readonly alone: boolean }
  /** JN: have execution take a snapshot at its next boundary as a primary; step `snapshotTaken` in order with `logged`. */
  | { readonly rule: Rule; readonly type: 'takeSnapshot' }
  /** JN: send the snapshot that was taken last to `peer`, over the same connection as the log; not through the channel. */
  | { readonly rule: Rule; readonly type: 'sendSnapshot'; readonly peer: string }
  /** JN: `peer` sends a snapshot, of `position`; what `log` brings from now on follows it. */
  | { readonly rule: Rule; readonly type: 'welcomed'; readonly peer: string; readonly position: number }
  /** End the connection to `peer`: it is no part of the machine any more, or never will be. */
  | { readonly rule: Rule; readonly type: 'dropPeer'; readonly peer: string; readonly reason: string }
  /** Ask the arbiter for the machine's latest view; the answer comes back as `latest`. */
  | { readonly rule: Rule; readonly type: 'readLatest'; readonly machine: string }
  /** To execution: after the last `log`. */
  | { readonly rule: Rule; readonly type: 'promote' }
  /** To execution: the primary's guest stands still at its next boundary, or goes on. */
  | { readonly rule: Rule; readonly type: 'throttle'; readonly on: boolean }
  /** Ask the arbiter for `view`; the answer comes back as `claimed`. */
  | { readonly rule: Rule; readonly type: 'claim'; readonly view: View }
  /** VT: this replica is a backup (or still joins) in a view that another one won. */
  | { readonly rule: Rule; readonly type: 'adopted'; readonly view: View }
  /** A new view stands, and is this replica's. */
  | { readonly rule: Rule; readonly type: 'view'; readonly view: View; readonly reason: string }
  /** The machine is over. */
  | { readonly rule: Rule; readonly type: 'finish'; readonly outcome: Outcome }
  /** This replica must end; it is not the machine any more. */
  | { readonly rule: Rule; readonly type: 'halt'; readonly code: string; readonly message: string };

export interface ChannelOptions {
  readonly incarnation: string;
  readonly machine: string;
  /** The view to begin in; undefined: this replica joins (JN). */
  readonly view: View | undefined;
  /** Where the log begins: 0, or the position of the snapshot that a primary goes on from. */
  readonly position?: number;
  /** Backups that the machine should have; with fewer it is not protected. 1 by default. */
  readonly backupsWanted?: number;
  readonly operationIds: boolean;
  /** DU; undefined: no log is written down. */
  readonly durability?: Durability;
  readonly heartbeatMs: number;
  /** How often it is looked at the time; at least once a heartbeat. */
  readonly tickMs: number;
  /** Silence after which a peer is suspected at the latest (silence.ts). */
  readonly suspicionMs: number;
  /** Time to the first word of a peer: a process that starts is slower than one that runs. */
  readonly startMs: number;
  /** How long one that joins looks for anybody before it halts; `startMs` by default. */
  readonly joinMs?: number;
  readonly nowMs: number;
  /** What may pile up; those of production by default. */
  readonly bounds?: Bounds;
  /** Unique to a claim; the caller's randomness. */
  readonly newClaim: () => string;
}
