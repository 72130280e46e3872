// What the I/O thread's driver needs of its world: of sockets, storage and time in production, of simulated ones in the
// simulator. Nothing answers from within the call that asks.

import type { ClaimAnswer } from '../protocol/channel.js';
import type { FromBus, PeerMessage, ToBus } from '../protocol/messages.js';
import type { Outcome, View } from '../protocol/vocabulary.js';
import type { IoEnd } from '../threads/io-end.js';
import type { Timers } from '../threads/thread-ports.js';

/** A connection to another replica: in order, whole messages, until it ends. */
export interface PeerLink {
  /** Bytes sent that the operating system has not taken yet. */
  readonly bufferedBytes: number;
  /** Bytes that have come, also of messages that are not whole yet. */
  readonly arrivedBytes: number;
  /** Once, when it has taken some of them; where the connection ends before, perhaps never. */
  whenTaken(act: () => void): void;
  listen(handlers: PeerHandlers): void;
  send(message: PeerMessage<Uint8Array>): void;
  /** A piece of a snapshot; the channel knows nothing of it. */
  sendPiece(piece: Uint8Array): void;
  /** Ends it after what was sent. */
  close(): void;
  /** Ends it at once. */
  terminate(): void;
  /** What was sent leaves now, and not at the end of the turn; missing where it has left already. */
  flush?(): void;
}

export interface PeerHandlers {
  readonly message: (message: PeerMessage<Uint8Array>) => void;
  readonly piece: (piece: Uint8Array) => void;
  /** Once, whoever ended it. */
  readonly closed: (reason: string) => void;
}

export interface BusConnection {
  readonly bufferedBytes: number;
  readonly arrivedBytes: number;
  send(message: ToBus): void;
  terminate(): void;
  /** As of a PeerLink. */
  flush?(): void;
}

export interface BusHandlers {
  readonly opened: (connection: BusConnection) => void;
  readonly message: (message: FromBus) => void;
  /** Once for each that was opened. */
  readonly closed: () => void;
}

/** VW: answers late, or never. */
export interface ArbiterPort {
  claim(view: View, answer: (answer: ClaimAnswer) => void): void;
  /** Undefined: out of reach. */
  latest(machine: string, answer: (view: View | undefined) => void): void;
}

/** Puts a state together from its pieces. */
export interface StateReader<State> {
  push(piece: Uint8Array): void;
  readonly complete: boolean;
  finish(): State;
}

/** What a driver tells whoever started it. */
export type ReplicaNews =
  /** The guest's first instruction is next. */
  | { readonly type: 'running' }
  | { readonly type: 'view'; readonly view: View; readonly reason: string }
  /** It joined, and a view that another has won names it. */
  | { readonly type: 'named' }
  /** P8 is done. */
  | { readonly type: 'live'; readonly failoverEpoch: number; readonly uncertain: number }
  /** The outcome is performed: the machine is over. */
  | { readonly type: 'finished'; readonly outcome: Outcome }
  /** This replica ends, and is no part of the machine any more. */
  | { readonly type: 'halted'; readonly code: string; readonly message: string };

/** DU: what is written down of the log. */
export interface LogPort {
  /** What the disk lacks, where somebody waits for it. */
  readonly waitingBytes: number;
  /**
   * @param kept where more of it is on the disk: positions of the log, as of the event `kept`
   * @param left all that was put out before this position has left, as the channel says
   */
  listen(kept: (written: number, synced: number) => void, left: () => number): void;
}

export interface ReplicaPorts<State> {
  readonly timers: Timers;
  /** Threads that want to run on this host, per processor: 1 and less is calm. */
  readonly crowding: () => number;
  readonly guest: IoEnd<State>;
  readonly arbiter: ArbiterPort;
  /** Calls the bus until it is there; `opened` comes once a call. */
  readonly connectBus: (handlers: BusHandlers) => void;
  /** A snapshot, as pieces for another replica. */
  readonly pieces: (state: State, then: (pieces: Iterator<Uint8Array>) => void) => void;
  readonly reader: () => StateReader<State>;
  readonly tell: (news: ReplicaNews) => void;
  /** Nothing more is to be done here. @param halted this replica is no part of the machine any more */
  readonly end: (halted: boolean) => void;
  /** Unique to a claim. */
  readonly newClaim: () => string;
  /** Where the log is written down. */
  readonly log?: LogPort;
}
