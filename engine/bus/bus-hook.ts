// A hook at what a bus says, hears, does and keeps: what somebody does there who is no part of the machine, such as a failover test.
// The bus' counterpart of replica/io-hook.ts: it lies around the ports of the server (bus-points.ts), and is loaded only where one
// is named.
//
// Places are named by their kind and their number since this process began, each before and after it happens:
//
//   message    of replicas, sent or taken, as they come; heartbeats apart, for these come with time
//   output     before: bytes are handed to what writes them, after: it says that they are written; each has numbers of its own
//   operation  likewise: handed to a device, and performed, of which the bus has not heard yet
//   memory     a write to the journal
//   start      the steps of a start, and so of a restart: 1 memory (it is opened), 2 devices, 3 listening, 4 announced (replicas
//              can find it), 5 attached (the first of them), 6 fenced (the primary's fence is answered)

import { assert } from '../errors/errors.js';
import type { HookModule } from '../guest/boundary-hook.js';

export const BUS_KINDS = ['message', 'output', 'operation', 'memory', 'start'] as const;
export type BusKind = (typeof BUS_KINDS)[number];

/** In the order of their numbers, from 1. */
export const START_STEPS = ['memory', 'devices', 'listening', 'announced', 'attached', 'fenced'] as const;
export type StartStep = (typeof START_STEPS)[number];

export interface BusPlace {
  readonly kind: BusKind;
  /** From 1. */
  readonly number: number;
  readonly when: 'before' | 'after';
  /** For people: `send confirmed`, `keep written`, or the name of the step. */
  readonly what: string;
}

/** What is under way at a bus. */
export interface BusInFlight {
  /** How many buses this memory has had; 0 until it is open. */
  readonly generation: number;
  /** Replicas that are connected. */
  readonly replicas: number;
  /** Messages of replicas; heartbeats apart. */
  readonly sent: number;
  readonly taken: number;
  /** Writes to its memory. */
  readonly kept: number;
  /** Operations that a device performs. */
  readonly operations: number;
  /** The outcome of the machine is kept. */
  readonly isOver: boolean;
}

/** What a hook may do with the bus. */
export interface TestedBus {
  inFlight(): BusInFlight;
  /** What this bus said before has left it when this returns: else it leaves at the end of the turn. */
  settle(): void;
}

export interface BusHook {
  /** At every place; what follows follows when it has returned. */
  at(place: BusPlace, bus: TestedBus): void;
}

/** @param hook names a module that exports `newBusHook(options): BusHook` */
export async function loadBusHook({ module, options }: HookModule): Promise<BusHook> {
  const { newBusHook } = (await import(module)) as { newBusHook?: (options: unknown) => BusHook };
  assert(newBusHook !== undefined, `the module of a hook of a bus exports newBusHook: ${module}`);
  return newBusHook(options);
}
