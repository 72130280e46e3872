// A hook at the boundaries of a guest: what somebody does there who is no part of the machine, such as a failover test.
//
// The guest thread is told of a module, and loads it only then: nothing of it is part of a machine that nobody tests.

import { assert } from '../errors/errors.js';
import type { Interrupt, Operation } from '../protocol/vocabulary.js';

/** Where the guest is. */
export interface Place {
  readonly epoch: number;
  /** Count at which the epoch began. */
  readonly epochStart: number;
  readonly count: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
}

/** An environment or I/O instruction of the guest. */
export interface Instruction {
  /** From 1, since the guest's start. */
  readonly number: number;
  readonly when: 'before' | 'after';
  /** For people: `environment`, or the name of the step. */
  readonly what: string;
}

export interface BoundaryHook {
  /** Before and after each environment and I/O instruction (hooked-guest.ts). */
  instruction?(instruction: Instruction, place: Place): void;
  /** The guest starts an operation; nobody has heard of it so far. */
  started?(operation: Operation, place: Place): void;
  /** At a boundary, when the next epoch has begun: before the guest can see anything of it. */
  delivered?(interrupt: Interrupt, place: Place): void;
  /** The count at which a boundary is wanted, as far as it is known in this epoch; Infinity: wherever they come. */
  wantedCount(epoch: number, epochStart: number): number;
  /** At every boundary, before anything else there; `memory` is that of the guest, to be changed in place. */
  boundary(place: Place, memory: () => Uint8Array): void;
}

/** Names a hook for a guest thread that is yet to start. */
export interface HookModule {
  /** URL of a module that exports `newHook(options, replica): BoundaryHook`. */
  readonly module: string;
  /** Plain data, for it travels between processes. */
  readonly options: unknown;
}

/** The replica that a hook is at. */
export interface HookedReplica {
  readonly incarnation: string;
  /** Of its hooks, at its guest and at its I/O: what they put there is theirs. Zero at first. */
  readonly shared: SharedArrayBuffer;
}

/** @param hook names a module that exports `newHook(options, replica): BoundaryHook` */
export async function loadHook({ module, options }: HookModule, replica: HookedReplica): Promise<BoundaryHook> {
  type Module = { readonly newHook?: (options: unknown, replica: HookedReplica) => BoundaryHook };
  const { newHook } = (await import(module)) as Module;
  assert(newHook !== undefined, `the module of a hook exports newHook: ${module}`);
  return newHook(options, replica);
}
