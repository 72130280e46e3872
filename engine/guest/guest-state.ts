// The state of a guest and of all that its thread holds for it, as plain data: what a snapshot is made of.
//
// Plain data: numbers, bigints, strings, booleans, null, undefined, byte arrays, arrays, objects. It survives a structured
// clone, and engine/snapshot turns it into bytes. It says nothing of the host: a thread elsewhere goes on from it exactly.

import type { ClockState } from '../protocol/clock.js';
import type { ExecutionState } from '../protocol/execution.js';
import type { Outcome } from '../protocol/vocabulary.js';
import type { MachineImage } from '../suspend/machine-image.js';
import type { EntryState } from '../wire/entry-history.js';
import type { InterruptsState } from './interrupt-controller.js';
import type { MachineOptions } from './machine-options.js';

/** How far the guest's own code has come. An ended guest may still wait for its operations. */
export type Stage =
  | { readonly at: 'start' }
  | { readonly at: 'main' }
  | { readonly at: 'end'; readonly outcome: Outcome };

/** A guest at a boundary. */
export interface GuestState {
  readonly stage: Stage;
  /** Entries of the log that precede it. */
  readonly position: number;
  /** Instructions executed. */
  readonly count: number;
  /** Counts at which the present epoch began and at which it is due to end. */
  readonly epochStart: number;
  readonly due: number;
  readonly execution: ExecutionState;
  readonly clock: ClockState;
  /** What the next entry of the log is encoded against. */
  readonly codec: EntryState;
  readonly interrupts: InterruptsState;
  /** What hardware (a bare guest) or kernel (a WASI program) hold. */
  readonly devices: unknown;
  readonly image: MachineImage;
}

/** All that a machine is to go on, here or elsewhere. */
export interface MachineSnapshot {
  /** Id of the machine that it was taken of. */
  readonly machine: string;
  /** SHA-256 of the guest's module, hexadecimal. */
  readonly moduleHash: string;
  readonly options: MachineOptions;
  /** Plain data of who took it: what a machine that goes on elsewhere has to find there. */
  readonly origin: unknown;
  readonly guest: GuestState;
}
