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
 * lose    what it says to other replicas from there on is lost, and it dies after its next output, or a moment later: with its
 *         host, say. Of a process that is killed alone the log arrives that it has sent
 */
export type Fault = 'kill' | 'pause' | 'cut' | 'lose';

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
  const { point, fault, death, timeline, recording, operations, owner = 'primary' } = options;
  // What a dead one does, as long as it is in the middle of something, is done in vain.
  const isDead = () => death !== undefined && Atomics.load(new Int32Array(death), 0) === 1;
  const tellsGuest = death === undefined && point !== undefined && isGuestPoint(point);
  let isOver = false;
  let loses = false;
  const atLinks = (replica: TestedReplica) => {
    loses = fault === 'lose';
    actAtLinks(options, replica);
  };
  return {
    begin: replica => {
      options.begun?.(replica);
      const isAtLinks = fault === 'cut' || fault === 'lose';
      if (isAtLinks && point !== undefined && isGuestPoint(point))
        actWhenProved(options.proofFile, () => atLinks(replica));
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
      if (loses && place.kind === 'output' && place.when === 'after') {
        replica.settle();
        die(options, false);
      }
      if (isOver || point?.at !== 'place' || !isSame(place, point)) return;
      isOver = true;
      replica.settle();
      const inFlight = replica.inFlight();
      const { epoch, count, outstanding } = inFlight;
      const known = { epoch, count, outstanding, inFlight };
      strike(options, replica.incarnation, known, `${place.when} ${place.what}`, () => atLinks(replica));
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

/** @param atLinks cuts them, or what else is to be done there; undefined: this is the guest's thread, and has none */
function strike(options: KillOptions, incarnation: string, known: Known, what?: string, atLinks?: () => void): void {
  const { proofFile, fault = 'kill', owner = 'primary' } = options;
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
  else if (fault === 'cut' || fault === 'lose') {
    atLinks?.();
    // Its I/O side does, and nothing is executed before.
    while (atLinks === undefined && !existsSync(actedFile(proofFile))) sleep(1);
  } else die(options, atLinks === undefined);
}

function die({ death, die }: KillOptions, isGuests: boolean): void {
  if (death === undefined) {
    process.kill(process.pid, 'SIGKILL');
    // The signal is asynchronous only in theory: nothing of this process runs on after it.
    for (;;) sleep();
  }
  // Whatever would leave it looks at the word first (thread-replica.ts); of its guest's thread nothing more is executed.
  Atomics.store(new Int32Array(death), 0, 1);
  if (isGuests) throw new ReplicaHalt();
  die?.();
}

const LOOK_MS = 1;
/** So long it waits for an output that does not come. */
const LOST_MS = 20;
const actedFile = (proofFile: string) => `${proofFile}.acted`;

function actAtLinks(options: KillOptions, replica: TestedReplica): void {
  if (options.fault === 'cut') replica.cut();
  else {
    replica.mute();
    setTimeout(() => die(options, false), LOST_MS);
  }
}

/** On the I/O thread, for a place that the guest thread reaches. */
function actWhenProved(proofFile: string, act: () => void): void {
  const looking = setInterval(() => {
    if (!existsSync(proofFile)) return;
    clearInterval(looking);
    act();
    writeFileSync(actedFile(proofFile), '');
  }, LOOK_MS);
  looking.unref();
}

function sleep(ms?: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
