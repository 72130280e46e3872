// The contract of devices: what the bus asks of them, and what a repeat does.
//
//   class        example          a repeat, after a failover
//   stream       console          byte offsets both ways: the bus drops output it has and re-sends input not released
//   idempotent   disk             harmless: the same bytes at the same place
//   opaque       teller           harms: the bus must perform an operation id once, else the guest learns it was uncertain
//
// A device knows nothing of views, replicas or ids: the bus gives it each thing once (or, with operation ids off, as
// often as it is asked), in the order in which it was asked for. How many operations are outstanding at once is bounded
// by the bus (`operations` of engine/protocol/bounds.ts). A device fails by statuses and by `failed`, never by throwing.
//
// A bus may be killed, and started again (RB). What it had given a device and was not told the end of is then asked for once more.
// To an idempotent device that is a repeat like any other. An opaque one remembers by ids what it has done, where that and the
// memory of it are one act, and answers as it did; it is opened with a folder for what it must remember (`DeviceKind.open`). A
// stream that outlives the process finds again how far it has come (`recover`).

import type { EpochvisorError } from '../engine/errors/errors.js';
import type { Operation } from '../engine/protocol/vocabulary.js';

export { STATUS_IO_ERROR, STATUS_NO_SPACE, STATUS_REFUSED } from './device-commands.js';

/** How an operation ended. */
export interface Completion {
  readonly status: number;
  /** What a read gave; empty for everything else. */
  readonly data: Uint8Array;
}

/** Nothing was read. */
export const NO_DATA = new Uint8Array(0);

/** A device with operations: each is performed once when asked for, and answered once. */
export interface OperationDevice {
  readonly class: 'idempotent' | 'opaque';
  /** What the guest can learn of it: the bytes of a disk; 0 where there is nothing to measure. */
  readonly sizeBytes: number;
  /** Never rejects. A command it does not know, an argument out of range, and anything after `close`: refused. */
  perform(operation: Operation): Promise<Completion>;
  /** Resolves when what is outstanding is done and everything is given back. */
  close(): Promise<void>;
}

/** Where a stream device reports; each call comes later than the one that caused it. */
export interface StreamSink {
  /** Bytes in order; `end`: nothing follows, said once. */
  input(stream: number, bytes: Uint8Array, end: boolean): void;
  /**
   * Everything below `offset` was taken by the operating system; the end and the close of an opened stream take a place each.
   * @param mark what `recover` wants to know of it
   */
  written(stream: number, offset: number, mark?: number): void;
  /** Nothing more can be read or written here; said once a stream. The user has to know. */
  failed(stream: number, reason: EpochvisorError): void;
}

/** How far an output has come. `mark`: the device's own. */
export interface OutputPlace {
  readonly offset: number;
  readonly mark: number;
}

/** A device of byte streams. */
export interface StreamDevice {
  readonly class: 'stream';
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /**
   * Before the start, of a device whose outputs outlive the process: how far one of them has come, and its mark there.
   * @param known what was last said to be written, by this process or one before; undefined: nothing was
   */
  recover?(stream: number, known: OutputPlace | undefined): OutputPlace;
  /** Reads nothing before this. */
  start(sink: StreamSink): void;
  /** Bytes that follow those before without a gap, the first at `offset`; how much waits is bounded by the bus. */
  write(stream: number, offset: number, bytes: Uint8Array): void;
  /** No further input until `resume`, but for what was already read. */
  pause(stream: number): void;
  resume(stream: number): void;
  close(): Promise<void>;
}

/** Where a source reports, too. */
export interface SourceSink extends StreamSink {
  /** A source has opened a stream. @param data what the guest is told of it. @returns its number */
  opened(source: number, data: Uint8Array): number;
  /** The outside has broken an opened stream off; what was to be written to it is lost. Only its close is answered from here on. */
  reset(stream: number): void;
}

/** A device that opens streams while the machine runs; `pause` and `resume` of a source mean opening more. */
export interface SourceDevice extends StreamDevice {
  readonly sources: readonly number[];
  start(sink: SourceSink): void;
  /** The guest writes nothing more to an opened stream; answered by `written`. */
  endStream(stream: number, offset: number): void;
  /** The guest is done with an opened stream: what was written is still to be taken, nothing more is read. Likewise answered. */
  closeStream(stream: number, offset: number): void;
}

export type Device = StreamDevice | SourceDevice | OperationDevice;
