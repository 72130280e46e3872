// What a channel knows: the view it is in, the replicas it is connected to, the log, and what is under way. The files
// that act on it (committing, claiming, adopting, collecting, joining, bus-link) hold one idea each.

import { BOUNDS, type Bounds } from './bounds.js';
import type { ChannelEffect, ChannelOptions } from './channel-events.js';
import { acknowledgesSynced, type Kept, keptProgress, NOTHING_KEPT } from './durability.js';
import { KeptLog } from './kept-log.js';
import { Lag } from './lag.js';
import type { PeerMessage, Progress } from './messages.js';
import { Outbox } from './outbox.js';
import type { Rule } from './rules.js';
import { Silence } from './silence.js';
import type { Outcome, View } from './vocabulary.js';

export interface Peer {
  /** `awaited`: named in the view in which this replica began, and not connected yet. */
  link: 'awaited' | 'open' | 'closed';
  /** Why it is closed. */
  reason: string;
  readonly silence: Silence;
  /** Everything below is in the peer's memory. */
  acknowledged: number;
  /** Everything below is executed; -1: its guest does not run yet. */
  executed: number;
  /** It hears the bus, as of its last heartbeat: since when it says so, and when it said so last. */
  hearsBus: { readonly sinceMs: number; readonly toldMs: number } | undefined;
  /** It was told on this connection what is confirmed of every stream: from then on changes are enough. */
  knowsConfirmed: boolean;
  readonly lag: Lag;
}

/**
 * `joining`: no view yet. `normal`: in a view. `reading`: joined, not known to be named, its primary suspected (RA).
 * `claiming`: a backup whose claim is out (CL). `collecting`: has won, and waits for those who follow (OS).
 */
export type Phase = 'joining' | 'normal' | 'reading' | 'claiming' | 'collecting' | 'halted' | 'finished';

/**
 * JN: who joins. `asked`: a snapshot is awaited. `following`: it is sent the log from `position` on. `gating`: it has
 * caught up, and outputs wait for its acknowledgement as for that of a backup.
 */
export interface Joiner {
  readonly name: string;
  stage: 'asked' | 'following' | 'gating';
  position: number;
}

/** A part of the log as it travels. */
export type LogMessage<P> = PeerMessage<P> & { readonly type: 'log' };

export class ChannelState<P> {
  readonly options: ChannelOptions;
  phase: Phase;
  /** Undefined while joining. */
  view: View | undefined;
  /** Number of the first view of the present primary, as far as this replica knows. */
  reign = 0;
  readonly peers = new Map<string, Peer>();
  readonly bounds: Bounds;
  readonly outbox: Outbox;
  /** End of the log: written (primary) or received (backup). */
  logEnd: number;
  readonly kept = new KeptLog<P>();
  /** KP: the greatest position that this primary called settled. */
  settled = 0;
  progress: Progress = { executed: 0, backlogBytes: 0 };
  /** DU: of the log that is written down here. */
  onDisk: Kept = NOTHING_KEPT;
  /** All that execution puts out before this position of the log is known here; Infinity once it writes the log itself. */
  said: number;
  throttled = false;
  /** The latest time that an event brought. */
  nowMs: number;
  /** When time went on last; less what this replica was absent for since. */
  tickedMs: number;
  heartbeatAtMs: number;
  /** Threads that want to run on this host, per processor, as of the last tick. */
  crowding = 1;

  /** The claim that is out, or waits to be repeated at `retryAtMs`. */
  claim: View | undefined;
  claimReason = '';
  /** When the arbiter is asked again, for a claim or the latest view. */
  retryAtMs = Infinity;
  /** SX: backups that this primary leaves out of its next view. */
  readonly suspected = new Map<string, string>();
  /** CL: what came from the old primary while the claim was out, in case it is lost to that same primary. */
  deferred: LogMessage<P>[] = [];

  joiner: Joiner | undefined;
  /** JN: execution was asked for a snapshot and has not answered. */
  snapshotUnderWay = false;
  /** Joining: somebody to join must be there by then. Reading: this replica must have been named by then. */
  joinDeadlineMs: number;

  /** OS: those whose `follow` is awaited, and the positions of those who have answered. */
  readonly awaited = new Set<string>();
  readonly followers = new Map<string, number>();
  collectDeadlineMs = 0;
  /** OS: the view was adopted from the arbiter's record; its winner has not told it yet. */
  mustFollow = false;

  constructor(options: ChannelOptions) {
    this.options = options;
    this.bounds = options.bounds ?? BOUNDS;
    this.outbox = new Outbox(this.bounds);
    this.nowMs = options.nowMs;
    this.tickedMs = options.nowMs;
    this.heartbeatAtMs = options.nowMs;
    this.view = options.view;
    this.phase = options.view === undefined ? 'joining' : 'normal';
    this.logEnd = options.position ?? 0;
    this.said = this.isPrimary ? Infinity : this.logEnd;
    this.joinDeadlineMs = options.nowMs + (options.joinMs ?? options.startMs);
    if (options.view === undefined) {
      this.progress = { executed: -1, backlogBytes: 0 };
      return;
    }
    this.reign = options.view.number;
    for (const name of this.others(options.view)) {
      // Nothing is known of it: the suspicion time counts from here.
      const peer = this.newPeer('awaited', this.nowMs + options.startMs - options.suspicionMs);
      // They go on from the same snapshot: what precedes it is no log that they have to be sent. DU: their disks may lack it.
      if (!acknowledgesSynced(options.durability)) peer.acknowledged = this.logEnd;
      this.peers.set(name, peer);
    }
  }

  /** DU: what this replica may acknowledge. */
  get acknowledgeable(): number {
    const { durability } = this.options;
    return acknowledgesSynced(durability) ? Math.min(this.logEnd, this.onDisk.synced) : this.logEnd;
  }

  /** What it says of its progress. */
  get toldProgress(): Progress {
    return keptProgress(this.options.durability, this.progress, this.onDisk);
  }

  get isPrimary(): boolean {
    return this.view?.primary === this.options.incarnation;
  }

  /** Whether this replica is a backup of its view: what joins is not. */
  get isNamed(): boolean {
    return this.view?.backups.includes(this.options.incarnation) ?? false;
  }

  get backups(): readonly string[] {
    return this.view?.backups ?? [];
  }

  others(view: View): string[] {
    return [view.primary, ...view.backups].filter(name => name !== this.options.incarnation);
  }

  newPeer(link: Peer['link'], silentFromMs = this.nowMs): Peer {
    const lag = new Lag(this.bounds);
    const silence = new Silence(this.options, silentFromMs);
    return {
      link,
      reason: '',
      silence,
      acknowledged: acknowledgesSynced(this.options.durability) ? -1 : 0,
      executed: 0,
      hearsBus: undefined,
      knowsConfirmed: false,
      lag,
    };
  }

  isOpen(name: string): boolean {
    return this.peers.get(name)?.link === 'open';
  }

  send(rule: Rule, peer: string, message: PeerMessage<P>): ChannelEffect<P> {
    return { rule, type: 'sendPeer', peer, message };
  }

  /** XT: whoever hears that the outcome is performed tells the others, to whom its end would look like a death. */
  finish(outcome: Outcome): ChannelEffect<P>[] {
    this.phase = 'finished';
    const open = [...this.peers].filter(([, { link }]) => link === 'open');
    return [
      ...open.map(([name]) => this.send('XT', name, { type: 'finished', outcome })),
      { rule: 'XT', type: 'finish', outcome },
    ];
  }

  halt(rule: Rule, code: string, message: string): ChannelEffect<P>[] {
    this.phase = 'halted';
    return [{ rule, type: 'halt', code, message }];
  }
}
