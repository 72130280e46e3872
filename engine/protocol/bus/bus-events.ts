// What goes into the bus's state machine, and what it asks for.

import type { Bounds } from '../bounds.js';
import type { FromBus, ToBus } from '../messages.js';
import type { Rule } from '../rules.js';
import type { Operation, Outcome } from '../vocabulary.js';
import type { BusMemory, BusRecord, StreamOffsets } from './bus-memory.js';

/** A connection, named by the server; never used twice. */
export type Connection = number;
/** One performance of an operation; with operation ids off, an id may be performed several times. */
export type Token = number;

export type BusEvent =
  /** The server has checked the hello of a replica. */
  | { readonly type: 'attached'; readonly connection: Connection; readonly incarnation: string }
  | { readonly type: 'message'; readonly connection: Connection; readonly message: ToBus }
  | { readonly type: 'detached'; readonly connection: Connection }
  /** From a source: it has opened a stream, which is `nextStream` of the bus. `data`: what a guest is told of it. */
  | { readonly type: 'opened'; readonly source: number; readonly stream: number; readonly data: Uint8Array }
  /**
   * From a stream's device: everything below `offset` has been taken by the outside; an end and a close take a place each.
   * `mark`: what the device wants to be told when the bus is started again.
   */
  | { readonly type: 'written'; readonly stream: number; readonly offset: number; readonly mark?: number }
  /** From a stream's device; `end`: nothing follows. */
  | { readonly type: 'input'; readonly stream: number; readonly bytes: Uint8Array; readonly end: boolean }
  /** From an opened stream's device: the outside has broken it off. Nothing more comes of it but that it is closed. */
  | { readonly type: 'reset'; readonly stream: number }
  /** From an operation's device: `perform` with this token is done. */
  | { readonly type: 'completed'; readonly token: Token; readonly status: number; readonly data: Uint8Array }
  /** BUS_HEARTBEAT_MS have passed: the bus says that it is there. */
  | { readonly type: 'tick' };

export type BusEffect =
  /** To be kept before the effects that follow are carried out, of this event and of later ones. */
  | { readonly rule: Rule; readonly type: 'keep'; readonly record: BusRecord }
  | { readonly rule: Rule; readonly type: 'send'; readonly connection: Connection; readonly message: FromBus }
  /** Bytes for a stream's device, in order and without gaps; answered by `written`. */
  | {
      readonly rule: Rule;
      readonly type: 'write';
      readonly stream: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** For an opened stream's device: nothing follows the bytes below `offset`; answered by `written` at the place after it. */
  | { readonly rule: Rule; readonly type: 'endStream'; readonly stream: number; readonly offset: number }
  /** Likewise: the stream is given up, after what was written to it; it reports nothing but `written` from here on. */
  | { readonly rule: Rule; readonly type: 'closeStream'; readonly stream: number; readonly offset: number }
  /** An operation for its device; answered by `completed`. */
  | { readonly rule: Rule; readonly type: 'perform'; readonly token: Token; readonly operation: Operation }
  /** A window is full (or has room again): the device of the stream or source stops reading (goes on). */
  | { readonly rule: Rule; readonly type: 'pauseInput' | 'resumeInput'; readonly stream: number }
  /** The outcome is performed; the bus has nothing more to do than to tell late comers. */
  | { readonly rule: Rule; readonly type: 'end'; readonly outcome: Outcome }
  | { readonly rule: Rule; readonly type: 'close'; readonly connection: Connection; readonly reason: string };

export interface BusOptions {
  /** Rule ON; false is the paper's world. */
  readonly operationIds: boolean;
  /** Streams whose device takes output; output of another one is a defect of its sender. */
  readonly outputStreams: readonly number[];
  /** Streams whose device gives input. */
  readonly inputStreams: readonly number[];
  /** Streams whose device opens others. */
  readonly sourceStreams?: readonly number[];
  /** The view to start in and its primary's incarnation: what the arbiter says where a bus is started again. An older one is not. */
  readonly view?: { readonly number: number; readonly primary: string };
  /** Where the streams begin; at 0 without it. */
  readonly offsets?: StreamOffsets;
  /** What is to outlive the process is kept (RB); this is what was. In place of `offsets`. */
  readonly memory?: BusMemory;
  /** What may pile up; those of production by default. */
  readonly bounds?: Bounds;
}
