// What the protocol moves between replicas: interrupts, log entries, operations, outputs and outcomes, as plain data.

/** Version of everything that replicas and bus say to each other; a difference is refused at the first packet. */
export const PROTOCOL_VERSION = 6;

/** The three variants differ only in when the guest waits; all obey the Output Rule. */
export type Variant = 'original' | 'revised' | 'deferred';
export const VARIANTS: readonly Variant[] = ['original', 'revised', 'deferred'];

/**
 * Streams from this number on are opened while the machine runs, numbered by the bus one after another, never twice. Those below
 * are there from the start; a source among them (a listener) tells of the ones that it opens.
 */
export const FIRST_OPENED_STREAM = 1 << 16;

/** Number of an operation: the guest's own sequence number, the same on every replica. */
export type OperationId = bigint;

/** An interrupt, as buffered under P1 and delivered at an epoch's end. Data enters guest-visible state at delivery. */
export type Interrupt =
  /** The interval timer expired: `timeNs` is the Tme that was not before the deadline. */
  | { readonly kind: 'timer'; readonly timeNs: number }
  /** Bytes of an input stream from `offset` on; `end`: nothing follows them. */
  | {
      readonly kind: 'stream';
      readonly stream: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly end: boolean;
    }
  /** IO1: an operation was performed. `status` >= 0: bytes moved; negative: why not. `data`: what a read gave. */
  | { readonly kind: 'completion'; readonly operation: OperationId; readonly status: number; readonly data: Uint8Array }
  /** IO2: an operation may or may not have been performed. */
  | { readonly kind: 'uncertain'; readonly operation: OperationId }
  /** A source has opened a stream: the `offset`-th of its own. `data`: what the device says of it. */
  | {
      readonly kind: 'opened';
      readonly stream: number;
      readonly offset: number;
      readonly opened: number;
      readonly data: Uint8Array;
    }
  /** The outside has taken an opened stream's output below `offset`: there is room for as much again. */
  | { readonly kind: 'taken'; readonly stream: number; readonly offset: number }
  /** The outside has broken an opened stream off: no input follows, and output goes nowhere. */
  | { readonly kind: 'reset'; readonly stream: number };

/** Cheap digest (rule DG): what must be equal on both sides when an epoch ends. */
export interface Digest {
  /** Instructions executed since the machine's start. */
  readonly count: number;
  /** I/O instructions executed since the machine's start. */
  readonly submitted: number;
  /** Environment results consumed since the machine's start. */
  readonly consumed: number;
}

/** State digest (rule SD): hashes of what must be equal on both sides at a boundary; unsigned 32-bit numbers. */
export interface StateDigest {
  /** The pages of the guest's memory that `memory` is of: `pages` from `firstPage` on. */
  readonly firstPage: number;
  readonly pages: number;
  readonly memory: number;
  /** Of the state that the host keeps for the guest. */
  readonly kernel: number;
  readonly globals: number;
}

/** One entry of the log: what a backup needs to execute as its primary did. */
export type LogEntry =
  /** P0: the result of an environment instruction of the present epoch; `source` says which (a device register). */
  | { readonly type: 'value'; readonly source: number; readonly value: bigint }
  /** `epochs` epochs in a row that ended without anything to deliver; `digest` is that of the last one's end. */
  | { readonly type: 'empty'; readonly epochs: number; readonly digest: Digest }
  /** P1 and P2: the end of `epoch`, with the time and what is delivered at it, wholly or not at all. */
  | {
      readonly type: 'end';
      readonly epoch: number;
      readonly digest: Digest;
      /** Tme: the monotonic clock in ns at the primary. */
      readonly timeNs: number;
      readonly interrupts: readonly Interrupt[];
    }
  /** SD: the state digest as the guest left it when `epoch` was to end; the end of this epoch follows. */
  | ({ readonly type: 'digest'; readonly epoch: number } & StateDigest)
  /** EL: epochs after `epoch` are of this length; the end of this epoch follows. */
  | { readonly type: 'length'; readonly epoch: number; readonly epochLength: number }
  /** The guest ended in `epoch`: every replica must come to the same outcome. */
  | { readonly type: 'final'; readonly epoch: number; readonly outcome: Outcome };

/** How a guest ends. A trap is an outcome like exit: both replicas reach it, nothing fails over. */
export type Outcome =
  | { readonly kind: 'exit'; readonly status: number }
  /**
   * `message` names the trap and the function. `count`: instructions executed; where `exact` is false, at least that
   * many (block counting knows the count of an implicit trap only as of the last point where the host could look).
   */
  | { readonly kind: 'trap'; readonly message: string; readonly count: number; readonly exact: boolean };

/** An operation at a device, started by an I/O instruction. */
export interface Operation {
  readonly id: OperationId;
  readonly device: number;
  readonly command: number;
  readonly argument: bigint;
  /** Bytes that a read asks for; for other commands 0. */
  readonly length: number;
  /** Bytes to write; empty for other commands. */
  readonly data: Uint8Array;
}

/** What execution hands to the channel, in program order. The channel decides when, and whether, it leaves. */
export type Output =
  /** Bytes of an output stream from `offset` on. */
  | { readonly type: 'stream'; readonly stream: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: 'operation'; readonly operation: Operation }
  /** Nothing follows in an opened stream; takes one place of it, as a byte does. */
  | { readonly type: 'end'; readonly stream: number; readonly offset: number }
  /** The guest is done with an opened stream, its input too; takes the last place. */
  | { readonly type: 'close'; readonly stream: number; readonly offset: number }
  /** RL: the input of `stream` below `offset` was delivered and consumed by the guest; of a source: the opened streams. */
  | { readonly type: 'releaseInput'; readonly stream: number; readonly offset: number }
  /** RL: the completion of `operation` was delivered. */
  | { readonly type: 'releaseOperation'; readonly operation: OperationId }
  | { readonly type: 'outcome'; readonly outcome: Outcome };

/** A write-once view record (rule VW). Replicas are named by incarnation: restarted, it is a new replica. */
export interface View {
  readonly number: number;
  readonly machine: string;
  readonly primary: string;
  readonly backups: readonly string[];
  /** Unique to this claim: after a lost answer the claimant reads the record and compares. */
  readonly claim: string;
}
