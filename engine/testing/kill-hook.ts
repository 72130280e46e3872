// What a failover test does to a replica, or the bus, from inside, at a place that is known exactly: kills it, stops it, or cuts its
// links.
//
// On the guest thread a place is an instruction; on the I/O thread, and at the bus, it is something that is said or heard (io-hook.ts,
// bus-hook.ts). Whoever
// reaches it first writes its proof, and acts: where two replicas are given the same hook it happens to one.

import { existsSync, writeFileSync } from 'node:fs';
import type { BusHook, BusInFlight, BusKind } from '../bus/bus-hook.js';
import { ReplicaHalt } from '../driver/execution-driver.js';
import type { BoundaryHook, HookedReplica, HookModule, Instruction, Place } from '../guest/boundary-hook.js';
import type { Output } from '../protocol/vocabulary.js';
import type { InFlight, IoHook, IoKind, TestedReplica, When } from '../replica/io-hook.js';
import { THE_BUS } from '../replica/network-cuts.js';
import { readInFlight, writeInFlight } from './in-flight-words.js';
import { recordLive, recordOperations } from './operation-record.js';
import { type PutOutTarget, recordOutput } from './output-rule.js';
import { noteEvent, type TimelineOwner, type TimelineTarget } from './timeline.js';

/** Where it happens; of an instruction at the first safe point at or after it. */
export type KillPoint =
  | { readonly at: 'epoch'; readonly epoch: number; readonly instruction: number }
  | { readonly at: 'count'; readonly count: number }
  /** The guest's environment and I/O instructions, from 1. */
  | { readonly at: 'io'; readonly number: number; readonly when: When }
  | { readonly at: 'place'; readonly kind: IoKind | BusKind; readonly number: number; readonly when: When };

/**
 * kill    SIGKILL, or, of a replica that is a thread, its death
 * pause   SIGSTOP; somebody else sends SIGCONT
 * cut     its links to other replicas end, and stay so; it lives on
 */
export type Fault = 'kill' | 'pause' | 'cut';

/** To whom it happens. A bus that is killed is started again at once. */
export type Victim = 'primary' | 'backup' | 'bus';

export interface KillOptions {
  /** Undefined: nothing happens, and the timeline alone is kept. */
  readonly point: KillPoint | undefined;
  readonly proofFile: string;
  /** Default: kill. */
  readonly fault?: Fault;
  /** Of a replica that is a thread: a word that says that it is dead. */
  readonly death?: SharedArrayBuffer;
  /** Likewise, on its I/O side: it dies within the call. */
  readonly die?: () => void;
  /** Likewise: told once of what can be asked what is in flight. */
  readonly begun?: (replica: TestedReplica) => void;
  /** What it says and hears is noted there. */
  readonly timeline?: TimelineTarget;
  /** What its guest puts out is noted there. */
  readonly recording?: PutOutTarget;
  /** What its guest asks devices for, and is told of that, is noted there. */
  readonly operations?: string;
  readonly owner?: TimelineOwner;
}

/** The victim's own words, on disk before anything happens. A bus knows of no epochs and counts: they are as the primary told last. */
export interface KillProof {
  readonly replica?: StruckReplica;
  readonly epoch: number;
  /** Instructions of that epoch that were executed; undefined where the I/O thread proves it: the guest's runs on. */
  readonly instruction?: number;
  /** Instructions executed since the guest's start. */
  readonly count: number;
  /** Operations outstanding at the guest. */
  readonly outstanding: number;
  /** The host's monotonic clock, the same for all its processes. */
  readonly atNs: number;
  readonly pid: number;
  /** What was about to happen there, or had happened. */
  readonly what?: string;
  readonly inFlight?: InFlight;
  /** It is as of the last that was said or heard: a guest's thread that kills its process asks nobody. */
  readonly wasInFlight?: true;
  /** Of a bus. */
  readonly atBus?: BusInFlight;
}

export interface StruckReplica {
  readonly owner: TimelineOwner;
  readonly incarnation: string;
}

/** Whether the guest's end had been put out: nobody needs to take over from who dies after it. */
export function endMayHaveLeft(kill: KillProof | undefined): boolean {
  return kill?.inFlight?.endLeft === true || kill?.what === AFTER_END;
}

const AFTER_END = 'after outcome';

/** @param proofFile where the KillProof is written */
export function killHook(
  point: KillPoint | undefined,
  proofFile: string,
  more: Omit<KillOptions, 'point' | 'proofFile'> = {},
) {
  return { module: import.meta.url, options: { point, proofFile, ...more } satisfies KillOptions } satisfies HookModule;
}

/** Whether a guest thread reaches the point; else an I/O thread does. */
export function isGuestPoint(point: KillPoint): boolean {
  return point.at !== 'place';
}

/** On the guest thread. */
export function newHook(options: KillOptions, { incarnation, shared }: HookedReplica): BoundaryHook {
  const { point, death, operations } = options;
  const wantedCount = (epoch: number, epochStart: number): number => {
    if (point?.at === 'count') return point.count;
    if (point?.at !== 'epoch' || epoch < point.epoch) return Infinity;
    return epoch === point.epoch ? epochStart + point.instruction : 0;
  };
  let isOver = false;
  const act = (place: Place, what?: string) => {
    isOver = true;
    const { epoch, epochStart, count, outstanding } = place;
    // Of a thread its I/O side tells it, which does not die with it.
    const inFlight = death === undefined ? readInFlight(shared) : undefined;
    const known = { epoch, instruction: count - epochStart, count, outstanding };
    const told = inFlight === undefined ? {} : { inFlight, wasInFlight: true as const };
    strike(options, incarnation, { ...known, ...told }, what);
  };
  return {
    ...(operations === undefined ? {} : recordOperations(operations, incarnation)),
    wantedCount: (epoch, epochStart) => (isOver ? Infinity : wantedCount(epoch, epochStart)),
    boundary: place => {
      if (!isOver && place.count >= wantedCount(place.epoch, place.epochStart)) act(place);
    },
    instruction: ({ number, when, what }: Instruction, place) => {
      if (!isOver && point?.at === 'io' && number === point.number && when === point.when)
        act(place, `${when} ${what}`);
    },
  };
}

/** On the I/O thread. */
export function newIoHook(options: KillOptions, { shared }: HookedReplica): IoHook {
  const { point, proofFile, fault, death, timeline, recording, operations, owner = 'primary' } = options;
  // What a dead one does, as long as it is in the middle of something, is done in vain.
  const isDead = () => death !== undefined && Atomics.load(new Int32Array(death), 0) === 1;
  const tellsGuest = death === undefined && point !== undefined && isGuestPoint(point);
  let isOver = false;
  return {
    begin: replica => {
      options.begun?.(replica);
      if (fault === 'cut' && point !== undefined && isGuestPoint(point)) cutWhenProved(proofFile, replica);
    },
    ...(recording === undefined
      ? {}
      : {
          putOut: (output: Output, { incarnation }: TestedReplica) => {
            if (!isDead()) recordOutput(recording, incarnation, output);
          },
        }),
    ...(operations === undefined
      ? {}
      : {
          live: (epoch: number, { incarnation }: TestedReplica) => {
            if (!isDead()) recordLive(operations, incarnation, epoch);
          },
        }),
    at: (place, replica) => {
      if (isDead()) return;
      if (tellsGuest) writeInFlight(shared, replica.inFlight());
      noteEvent(timeline, owner, place, replica);
      if (isOver || point?.at !== 'place' || !isSame(place, point)) return;
      isOver = true;
      replica.settle();
      const inFlight = replica.inFlight();
      const { epoch, count, outstanding } = inFlight;
      const known = { epoch, count, outstanding, inFlight };
      strike(options, replica.incarnation, known, `${place.when} ${place.what}`, replica);
    },
  };
}

/** In the process of a bus. */
export function newBusHook(options: KillOptions): BusHook {
  const { point } = options;
  return {
    at: (place, bus) => {
      if (point?.at !== 'place' || !isSame(place, point)) return;
      bus.settle();
      const atBus = bus.inFlight();
      const known = { epoch: 0, count: 0, outstanding: atBus.operations, atBus };
      strike(options, THE_BUS, known, `${place.when} ${place.what}`);
    },
  };
}

function isSame(
  place: Pick<KillPoint & { readonly at: 'place' }, 'kind' | 'number' | 'when'>,
  point: KillPoint & { readonly at: 'place' },
): boolean {
  return place.kind === point.kind && place.number === point.number && place.when === point.when;
}

type Known = Pick<KillProof, 'epoch' | 'instruction' | 'count' | 'outstanding' | 'inFlight' | 'wasInFlight' | 'atBus'>;

function strike(options: KillOptions, incarnation: string, known: Known, what?: string, replica?: TestedReplica): void {
  const { proofFile, fault = 'kill', death, owner = 'primary' } = options;
  const atNs = Number(process.hrtime.bigint());
  const told = { atNs, pid: process.pid, ...(what === undefined ? {} : { what }) };
  const proof: KillProof = { replica: { owner, incarnation }, ...known, ...told };
  try {
    writeFileSync(proofFile, JSON.stringify(proof), { flag: 'wx' });
  } catch (error) {
    // It has happened to another.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  if (fault === 'pause') process.kill(process.pid, 'SIGSTOP');
  else if (fault === 'cut') cut(proofFile, replica);
  else if (death === undefined) {
    process.kill(process.pid, 'SIGKILL');
    // The signal is asynchronous only in theory: nothing of this process runs on after it.
    for (;;) sleep();
  } else {
    // Whatever would leave it looks at the word first (thread-replica.ts); of its guest's thread nothing more is executed.
    Atomics.store(new Int32Array(death), 0, 1);
    if (replica === undefined) throw new ReplicaHalt();
    options.die?.();
  }
}

/** On the guest thread: its I/O side cuts, and nothing is executed before. */
function cut(proofFile: string, replica: TestedReplica | undefined): void {
  if (replica !== undefined) replica.cut();
  else while (!existsSync(cutFile(proofFile))) sleep(1);
}

const CUT_LOOK_MS = 1;
const cutFile = (proofFile: string) => `${proofFile}.cut`;

/** On the I/O thread, for a place that the guest thread reaches. */
function cutWhenProved(proofFile: string, replica: TestedReplica): void {
  const looking = setInterval(() => {
    if (!existsSync(proofFile)) return;
    clearInterval(looking);
    replica.cut();
    writeFileSync(cutFile(proofFile), '');
  }, CUT_LOOK_MS);
  looking.unref();
}

function sleep(ms?: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
