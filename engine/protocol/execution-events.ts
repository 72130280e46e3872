// What goes into the execution's state machine, and what it asks for.

import type { Bounds } from './bounds.js';
import type { InputDelivered } from './interrupt-buffer.js';
import type { StreamOffset } from './messages.js';
import type { Rule } from './rules.js';
import type { Interrupt, LogEntry, Operation, Outcome, Output, StateDigest, Variant } from './vocabulary.js';

/** `survivor`: in the rest of E, after the log ran out; `failover`: in the failover epoch E+1. */
export type ExecutionRole = 'primary' | 'backup' | 'survivor' | 'failover';

export type ExecutionEvent =
  /** The guest is at an environment instruction that reads `source`. */
  | { readonly type: 'environment'; readonly source: number }
  /** The answer to `read`. */
  | { readonly type: 'environmentValue'; readonly source: number; readonly value: bigint }
  /** The guest wrote to an output stream; one that was opened is open. */
  | { readonly type: 'write'; readonly stream: number; readonly bytes: Uint8Array }
  /** The guest puts out nothing more to an opened stream. */
  | { readonly type: 'endStream'; readonly stream: number }
  /** The guest is done with an opened stream: it is not open any more. */
  | { readonly type: 'closeStream'; readonly stream: number }
  /** The guest started an operation. */
  | { readonly type: 'start'; readonly operation: Operation }
  /** The guest has consumed the input of a stream below `offset`. */
  | { readonly type: 'consumed'; readonly stream: number; readonly offset: number }
  /** The guest set the interval timer; 0 disarms. */
  | { readonly type: 'timer'; readonly deadlineNs: number }
  /**
   * The epoch is over: its count is due, or the guest waits. `waiting`: the guest waits and no interrupt is pending.
   * `nowNs` is the machine's monotonic clock (only a primary looks at it).
   */
  | { readonly type: 'epochEnd'; readonly count: number; readonly waiting: boolean; readonly nowNs: number }
  /** SD: a state digest is due (primary); stepped just before the `epochEnd` of the boundary it was computed at. */
  | { readonly type: 'digest'; readonly digest: StateDigest }
  /** EL: the epochs after the present one are to be of another length (primary); stepped as `digest` is. */
  | { readonly type: 'length'; readonly epochLength: number }
  /** The answer to `verify`: what differs, in words. */
  | { readonly type: 'verified'; readonly difference: string | undefined }
  /**
   * JN: a snapshot is about to be taken at this boundary (primary). Legal while the guest runs, and instead of `resume`
   * while it waits at an epoch's end: its wait ends here, with nothing delivered.
   */
  | { readonly type: 'snapshot'; readonly nowNs: number }
  /** The guest ended after `count` instructions. */
  | { readonly type: 'outcome'; readonly count: number; readonly outcome: Outcome }
  /** An `await` may be over: look again. */
  | { readonly type: 'resume'; readonly nowNs: number }
  /** From the channel: an interrupt of a device (primary). */
  | { readonly type: 'interrupt'; readonly interrupt: Interrupt }
  /** From the channel: entries of the log, in order (backup). */
  | { readonly type: 'log'; readonly entries: readonly LogEntry[] }
  /** From the channel: the log is closed, the next view is won; comes after the last `log`. */
  | { readonly type: 'promote' };

export type DigestEntry = LogEntry & { readonly type: 'digest' };

export type ExecutionEffect =
  | { readonly rule: Rule; readonly type: 'log'; readonly entry: LogEntry }
  | { readonly rule: Rule; readonly type: 'output'; readonly output: Output }
  /** Ship what is logged now. */
  | { readonly rule: Rule; readonly type: 'flush' }
  /** Read the own device and step `environmentValue`. */
  | { readonly rule: Rule; readonly type: 'read'; readonly source: number }
  /** The environment instruction's result: the guest runs on. */
  | { readonly rule: Rule; readonly type: 'result'; readonly value: bigint }
  /** Interrupts become pending in the guest, in this order. */
  | { readonly rule: Rule; readonly type: 'deliver'; readonly interrupts: readonly Interrupt[] }
  /**
   * The guest stands still until the channel brings something, all logged is acknowledged, or (`interrupt`) the
   * machine's clock reaches `untilNs` (Infinity: no timer armed); then step `resume`.
   */
  | { readonly rule: Rule; readonly type: 'await'; readonly what: 'log' }
  | { readonly rule: Rule; readonly type: 'await'; readonly what: 'acknowledgement' }
  | { readonly rule: Rule; readonly type: 'await'; readonly what: 'interrupt'; readonly untilNs: number }
  /** SD: compute the own digest of the same pages, compare, and step `verified`. */
  | { readonly rule: Rule; readonly type: 'verify'; readonly entry: DigestEntry }
  /** The clock has seen this time (Tme of an end entry). */
  | { readonly rule: Rule; readonly type: 'observe'; readonly timeNs: number }
  /** From here on own results: the machine's clock goes on at the host's pace. */
  | { readonly rule: Rule; readonly type: 'adoptClock' }
  /** The boundary (or I/O instruction, or end of the guest) is done: the guest runs on. */
  | { readonly rule: Rule; readonly type: 'proceed' }
  /** P8 is done: from here on this replica is a primary like any other. */
  | { readonly rule: Rule; readonly type: 'live'; readonly epoch: number; readonly uncertain: number }
  /** Rule DG: this replica differs from its primary and must end. */
  | { readonly rule: Rule; readonly type: 'diverged'; readonly message: string };

export interface ExecutionOptions {
  readonly role: 'primary' | 'backup';
  readonly variant: Variant;
  /** Instructions an epoch, at the machine's start. */
  readonly epochLength: number;
  /** Whether the bus performs an operation id once (rule ON); off is the paper's world. */
  readonly operationIds: boolean;
  /** What may pile up; those of production by default. */
  readonly bounds?: Bounds;
}

/** What an execution remembers at a boundary, as plain data: with the log from there on, all it needs to go on. */
export interface ExecutionState {
  readonly epoch: number;
  /** Of the present epoch and those after it, instructions. */
  readonly epochLength: number;
  readonly submitted: number;
  readonly consumed: number;
  readonly timerDeadlineNs: number;
  /** Places of each output stream that are taken. */
  readonly written: readonly StreamOffset[];
  /** Opened streams that were delivered and not closed. */
  readonly opened: readonly number[];
  /** In program order. */
  readonly outstanding: readonly Operation[];
  readonly input: readonly InputDelivered[];
}

/** Where an execution goes on: a state, and the position in the log at which it was saved. */
export interface ExecutionStart {
  readonly state: ExecutionState;
  readonly position: number;
}
