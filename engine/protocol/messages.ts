// What replicas say to each other and to the bus, as plain data; `engine/channel` draws the bytes.
//
// `P` is what a part of the log is made of: encoded entries in production, entries in the simulator. The channel never
// looks inside. Positions in the log are counted in entries since the machine's start, and are the same on every
// replica: entries before an output at the primary are consumed before it at a backup.

import type { Interrupt, Outcome, Output, View } from './vocabulary.js';

/** The first packet of every connection, once both sides are known to belong to the machine. A difference in anything but `incarnation` is refused. */
export interface Hello {
  readonly type: 'hello';
  readonly incarnation: string;
  /** SHA-256 of the guest's module, hex. */
  readonly moduleHash: string;
  /** Every option that shapes execution, as canonical JSON. */
  readonly options: string;
}

/** How often the bus says that it is there, ms: several times in the shortest suspicion time worth having. */
export const BUS_HEARTBEAT_MS = 50;

/** How far a stream has come: everything below `offset` is there; an end and a close take a place each. */
export interface StreamOffset {
  readonly stream: number;
  readonly offset: number;
}

/** How far a stream's output has come at the bus. */
export interface StreamPlaces {
  readonly stream: number;
  /** Everything below is performed or certain to be. */
  readonly received: number;
  /** Everything below is taken by the outside. */
  readonly written: number;
}

/** How far a backup has come (rule LG). */
export interface Progress {
  /** All entries below are executed; -1: a joining replica whose guest does not run yet. */
  readonly executed: number;
  /** Bytes of the log that stand in its memory, received and not executed. */
  readonly backlogBytes: number;
}

export type PeerMessage<P> =
  /** P0 to P2: a part of the log that begins at `position` and holds `length` entries. */
  | {
      readonly type: 'log';
      readonly view: number;
      readonly position: number;
      readonly length: number;
      /** KP: nobody needs to keep what is below this position. */
      readonly settled: number;
      readonly part: P;
    }
  /** P4: everything below `position` is in memory. */
  | {
      readonly type: 'acknowledgement';
      readonly view: number;
      readonly position: number;
      readonly progress: Progress;
    }
  | {
      readonly type: 'heartbeat';
      readonly view: number;
      /** Whether the sender is connected to the bus. */
      readonly bus: boolean;
      readonly progress: Progress;
      /** From a primary: all outputs before this position of the log have left, streams as `confirmed` says. */
      readonly left: number;
      /** Of streams: what is confirmed, where that has changed since it was told on this connection. */
      readonly confirmed: readonly StreamOffset[];
      /** From a primary, as in `log`. */
      readonly settled: number;
    }
  /** JN: the sender has no state yet and asks for it; only a primary answers. */
  | { readonly type: 'join' }
  /** JN: the snapshot was taken at `position`; the log from there on follows on this connection, and the snapshot. */
  | { readonly type: 'welcome'; readonly view: View; readonly position: number }
  /** JN: an output from before the snapshot, that has not left or is not known to have arrived: the receiver holds it, too. */
  | { readonly type: 'pending'; readonly view: number; readonly position: number; readonly output: Output }
  /** VT: the sender has won `view`; where its primary changed, the sender's log ends at `position`. */
  | { readonly type: 'view'; readonly view: View; readonly position: number }
  /** OS: a part of the old log that the winner of `view` lacks. */
  | {
      readonly type: 'offer';
      readonly view: number;
      readonly position: number;
      readonly length: number;
      readonly part: P;
    }
  /** OS: the sender follows the winner of `view`, and has the log up to `position`; its offers came before. */
  | { readonly type: 'follow'; readonly view: number; readonly position: number }
  /** XT: the sender has it from the bus: the outcome is performed, whatever the view. Without it its end would be suspected. */
  | { readonly type: 'finished'; readonly outcome: Outcome };

export type ToBus =
  /** FN: operations of views below `view` are refused from now on, for good. */
  | { readonly type: 'fence'; readonly view: number }
  | { readonly type: 'output'; readonly view: number; readonly output: Output };

export type FromBus =
  /** Answer to a fence. Of the opened streams below `next` those that are not told of are closed, and all their output is there. */
  | {
      readonly type: 'fenced';
      readonly view: number;
      readonly streams: readonly StreamPlaces[];
      /** The number that the next opened stream will have. */
      readonly next: number;
    }
  /** The view of an output or a fence is older than the bus's, or its sender is not the one who fenced. */
  | { readonly type: 'stale'; readonly view: number; readonly current: number }
  /** Output of `stream` below `offset` is performed: said of whatever was sent, also of what had been there before. */
  | { readonly type: 'confirmed'; readonly stream: number; readonly offset: number }
  /** RL: input of a stream, or the end of an operation; told again until it is released. */
  | { readonly type: 'interrupt'; readonly interrupt: Interrupt }
  /** The outcome is performed: the machine is over. */
  | { readonly type: 'finished'; readonly outcome: Outcome }
  /**
   * Every BUS_HEARTBEAT_MS, so that a replica notices a path that was cut without a word. `taken`: outputs that have come
   * on this connection: it is the only answer to a release.
   */
  | { readonly type: 'heartbeat'; readonly taken: number };

/** The incarnation of a caller that only looks begins so: it is no replica, and is told of none of the above. */
export const OBSERVER_PREFIX = 'observer-';

/** What an observer asks a part of a machine. */
export type FromObserver =
  /** What it knows of itself and of the machine. */
  | { readonly type: 'askReport' }
  /** The guest's module: a host's folder may lack it. */
  | { readonly type: 'askModule' }
  /** Die as a process does that is killed: a test of the machine (`failover --live`). A bus does not. */
  | { readonly type: 'crash' };

export type ToObserver =
  /** A JSON object. */
  | { readonly type: 'report'; readonly json: string }
  /** A part of the module, in order; `size` is that of the whole, bytes, 0 where the sender has none. */
  | { readonly type: 'module'; readonly size: number; readonly part: Uint8Array };
