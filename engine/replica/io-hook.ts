// A hook at what a replica says and hears: what somebody does there who is no part of the machine, such as a failover test. The
// I/O side's counterpart of guest/boundary-hook.ts.
//
// A replica is told of a module, and loads it only then; it lies around the driver's ports (io-points.ts), so that a replica
// that nobody tests has not so much as a branch for it.
//
// Places are named by their kind and their number at this replica, each before and after it happens:
//
//   message   of other replicas, sent or received, as they come; heartbeats apart, for these come with time
//   output    released to the bus
//   bus       what the bus says; its heartbeats apart
//   takeover  the first time of each step: 1 suspicion (the claim is about to be made), 2 claim (it is won), 3 fence,
//             4 reattachment (the bus has answered), 5 release (the first output of the new view)
//   join      likewise: of who joins 1 ask, 2 welcome, 3 snapshot (it is whole), 4 named; of the primary 5 asked,
//             6 take (the snapshot is about to leave), 7 claim, 8 told (the new backup hears of its view)

import { assert } from '../errors/errors.js';
import type { HookedReplica, HookModule } from '../guest/boundary-hook.js';
import type { Output } from '../protocol/vocabulary.js';

export const IO_KINDS = ['message', 'output', 'bus', 'takeover', 'join'] as const;
export type IoKind = (typeof IO_KINDS)[number];

/** In the order of their numbers, from 1. */
export const TAKEOVER_STEPS = ['suspicion', 'claim', 'fence', 'reattachment', 'release'] as const;
export const JOIN_STEPS = ['ask', 'welcome', 'snapshot', 'named', 'asked', 'take', 'claim', 'told'] as const;
/** Those of who joins. */
export const JOINER_STEPS = JOIN_STEPS.slice(0, 4);
export type TakeoverStep = (typeof TAKEOVER_STEPS)[number];
export type JoinStep = (typeof JOIN_STEPS)[number];

export type When = 'before' | 'after';

export interface IoPlace {
  readonly kind: IoKind;
  /** From 1. */
  readonly number: number;
  readonly when: When;
  /** For people: `send log`, `receive acknowledgement`, or the name of the step. */
  readonly what: string;
}

/** What is under way at a replica. */
export interface InFlight {
  readonly view: number;
  readonly role: 'primary' | 'backup';
  /** As the guest thread told last: it runs on. */
  readonly epoch: number;
  readonly count: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
  /** Messages of other replicas; heartbeats apart. */
  readonly sent: number;
  readonly received: number;
  /** The log's position up to which it was sent, and, at a primary, acknowledged by the backup that was heard last. */
  readonly sentPosition: number;
  readonly acknowledgedPosition: number;
  readonly outputsReleased: number;
  /** The guest's end was released to the bus. */
  readonly endLeft: boolean;
  /** Bytes of output that wait to leave. */
  readonly heldBytes: number;
}

/** What a hook may do with the replica. */
export interface TestedReplica {
  readonly incarnation: string;
  inFlight(): InFlight;
  /** What this replica said before has left it when this returns: else it leaves at the end of the turn. */
  settle(): void;
  /** Ends its links to other replicas, and every later one as soon as it stands: the network between them is gone. */
  cut(): void;
  /** What it says to other replicas from now on is lost, and nobody is told: the network swallows it. */
  mute(): void;
}

export interface IoHook {
  /** Once, before anything is said or heard. */
  begin?(replica: TestedReplica): void;
  /** Its guest has put something out, which may leave or be held. */
  putOut?(output: Output, replica: TestedReplica): void;
  /** Its guest is through its failover epoch (P8); nobody else has heard of it so far. */
  live?(failoverEpoch: number, replica: TestedReplica): void;
  /** At every place; what follows at this replica follows when it has returned. */
  at(place: IoPlace, replica: TestedReplica): void;
}

/** @param hook names a module that exports `newIoHook(options, replica): IoHook` */
export async function loadIoHook({ module, options }: HookModule, replica: HookedReplica): Promise<IoHook> {
  type Module = { readonly newIoHook?: (options: unknown, replica: HookedReplica) => IoHook };
  const { newIoHook } = (await import(module)) as Module;
  assert(newIoHook !== undefined, `the module of an I/O hook exports newIoHook: ${module}`);
  return newIoHook(options, replica);
}
