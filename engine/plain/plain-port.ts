// What is outside the plain machine, as its guest's side sees it: everything comes and goes through `PlainDevices`.

import type { Operation } from '../protocol/vocabulary.js';
import type { SocketAction, SocketEvent } from './socket-messages.js';

/** Input delivered and not yet read by the guest, at most: a guest that never reads must not fill our memory. */
export const UNREAD_BYTES_MAX = 1 << 20;

/** An operation as the guest started it. */
export interface PlainOperation {
  /** The guest's own number for it. */
  number: bigint;
  device: number;
  command: number;
  /** As the device's commands say: the byte offset on a disk, an amount. */
  argument: bigint;
  /** A copy of the guest's bytes at the start of the operation; what a read returns goes over them at its completion. */
  data: Uint8Array;
}

/** Something that has happened outside and that the guest has not been told. */
export type PlainEvent =
  | { kind: 'input'; bytes: Uint8Array }
  | { kind: 'end' }
  | { kind: 'completion'; number: bigint; status: number; data?: Uint8Array }
  | { kind: 'uncertain'; number: bigint }
  | { kind: 'socket'; event: SocketEvent };

/** Listeners and connections. */
export interface SocketDevices {
  /** Streams of the listeners. */
  readonly listeners: readonly number[];
  /** Does what the guest has asked for, at the next `flush` at the latest. */
  perform(action: SocketAction): void;
  flush(): void;
}

/** Folders of a WASI program. */
export interface FolderDevices {
  /** Starts an operation: its completion will come from `poll`. */
  start(operation: Operation): void;
}

/** Everything outside the machine. */
export interface PlainDevices {
  /** The program's name and its arguments. */
  readonly arguments: readonly string[];
  readonly sockets?: SocketDevices | undefined;
  /** Left out where there are none, as for every bare guest. */
  readonly folders?: FolderDevices | undefined;
  /** Nanoseconds; 0 real time, 1 monotonic. */
  clock(kind: 0 | 1): bigint;
  random(): bigint;
  /** Takes bytes for stdout (1) or stderr (2). They are the guest's memory: valid during the call only. */
  write(stream: 1 | 2, bytes: Uint8Array): void;
  /** Bytes on a device, -1n where there is no such device. */
  deviceSize(device: number): bigint;
  /** Starts an operation: 0, and its completion will come from `poll`; or a negative status, and none will. */
  start(operation: PlainOperation): number;
  /** The guest asks for input: whoever reads stdin can begin. */
  listen(): void;
  /** The next event, or null. Input is to be kept back while `takeInput` is false. */
  poll(takeInput: boolean): PlainEvent | null;
  /** Returns when `poll(true)` may have an event, or the monotonic clock reads `deadlineNs` (0n: no deadline). */
  sleep(deadlineNs: bigint): void;
}
