// What the kernel asks of the machine below it, what it is told, and what it is started with.
//
// The kernel is driven by two things only: the program's calls, and interrupts delivered at boundaries. It never looks
// at the world itself, so that it is in the same state at the same instruction on every replica.

import type { SOURCE_MONOTONIC, SOURCE_REAL_TIME } from '../protocol/clock.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';

/** The machine, as the kernel sees it. */
export interface KernelMachine {
  /**
   * An environment instruction: SOURCE_REAL_TIME (ns since 1970), SOURCE_MONOTONIC (ns since the machine's birth) or
   * SOURCE_RANDOM (64 random bits, as an unsigned or signed number) of protocol/clock.ts. Logged.
   */
  environment(source: number): bigint;
  /** A clock, as `environment`, written as 8 bytes (little-endian) at `at` of `into`. */
  clock(source: typeof SOURCE_REAL_TIME | typeof SOURCE_MONOTONIC, into: DataView, at: number): void;
  /** Bytes of an output stream (console: 1, 2). The machine may keep them: the kernel gives them away. */
  write(stream: number, bytes: Uint8Array): void;
  /** The program has read the input of `stream` below `offset`; of a listener: has accepted so many. */
  consumed(stream: number, offset: number): void;
  /** Starts an operation at a device, or repeats one with its id. Ids are the kernel's own sequence, from 1. */
  start(operation: Operation): void;
  /** The machine's one timer, on the monotonic clock: raises a timer interrupt at `deadlineNs`; 0 disarms. */
  timer(deadlineNs: number): void;
  /**
   * The call blocks. It returns at once, with any result; the generated wrapper around the import then takes the
   * boundary, waits there for an interrupt, and makes the call again with the same arguments.
   */
  again(): void;
  /** The program ends, and does not come back from this call. */
  exit(status: number): never;
  /** Nothing more is written to a connection after the bytes written so far. */
  finish(stream: number): void;
  /** The program is done with a connection: what still comes in is thrown away. */
  close(stream: number): void;
}

/** What the machine calls (kernel.ts has it). */
export interface Kernel {
  /** The functions of module wasi_snapshot_preview1. */
  imports(): Record<string, (...values: never[]) => number>;
  /** At a boundary: takes note, and asks the machine for nothing. */
  deliver(interrupt: Interrupt): void;
  /**
   * At the end of each boundary at which something was delivered, and once before the program starts: repeats what
   * ended uncertain, starts what waited for room. Here the machine may be asked for anything but the environment.
   */
  settle(): void;
  /** No code of the program is left to run; once. */
  end(): void;
  /** Whether the devices have answered everything: a program that has ended may have left something to be done. */
  readonly idle: boolean;
  /** Bytes of file contents, which `save` hands to `copy`. */
  readonly contentBytes: number;
  /**
   * Plain data that differs where the state does, for digests: all that is small, and some of the files.
   *
   * @param turn another number, other files
   */
  sample(turn: number): unknown;
  /**
   * All state, as plain data: numbers, bigints, strings, booleans, byte arrays, arrays, objects.
   *
   * @param copy makes what becomes of the bytes of each file: they are many, and are to be copied once only
   */
  save(copy?: (bytes: Uint8Array) => Uint8Array): unknown;
}

/** A folder given to the program (`--dir HOST::GUEST`). */
export interface DirectoryConfiguration {
  /** The name the program knows it by. */
  readonly guestPath: string;
  /** FIRST_DIRECTORY + its number. */
  readonly device: number;
  readonly readOnly: boolean;
}

/** Contents of files that a kernel holds, bytes, where nobody says otherwise: beside the program's memory, which is as large. */
export const FILES_BYTES_MAX = 1 << 30;

/** Everything that shapes the program's world; the same on every replica. */
export interface KernelConfiguration {
  /** Argument 0 is the program's name. */
  readonly arguments: readonly string[];
  /** `NAME=value`, in the order given. LISTEN_FDS is added where there are listening streams. */
  readonly environment: readonly string[];
  /** Which of stdin, stdout and stderr are terminals. */
  readonly terminals: readonly [boolean, boolean, boolean];
  /** Numbers of pre-opened listening streams: file descriptors 3 and up. */
  readonly listeners: readonly number[];
  /** Names of addresses that the program can connect to; the k-th is connector k. */
  readonly connectors: readonly string[];
  /** File descriptors after those. */
  readonly directories: readonly DirectoryConfiguration[];
  /** Bytes of file contents that the kernel holds at most; past it writes get ENOSPC. */
  readonly filesBytesMax: number;
  /** A write of what nobody reads any more fails with EPIPE; left out: the machine ends there. */
  readonly tellsOfReaders?: true;
}
