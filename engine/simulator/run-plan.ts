// What a run is: everything that is chosen, from one seed.

import type { CheckpointPace } from '../log/checkpoints.js';
import { BOUNDS, type Bounds } from '../protocol/bounds.js';
import { DURABILITIES, type Durability } from '../protocol/durability.js';
import { VARIANTS, type Variant } from '../protocol/vocabulary.js';
import {
  type Fault,
  planBlackouts,
  planDisks,
  planFaults,
  planFullDisk,
  planHealing,
  planLate,
  planRestarts,
} from './faults.js';
import { Random } from './random.js';
import type { InputChunk, Visit } from './visitors.js';

export interface RunOptions {
  readonly seed: number;
  readonly variant: Variant;
  readonly operationIds: boolean;
  readonly replicas: 1 | 2 | 3;
  /** Processes that wait for a place from the start, beside the replicas. */
  readonly spares?: number;
  /** Whether a launcher starts a replacement when a process has ended. */
  readonly repair: boolean;
  /** Instructions; of the first epochs. */
  readonly epochLength: number;
  /** How likely a primary's boundary changes it. */
  readonly lengthProbability: number;
  /** Steps of the guest's program. */
  readonly guestSteps: number;
  readonly instructionNs: number;
  /** Least and greatest delay. */
  readonly networkNs: readonly [number, number];
  readonly heartbeatMs: number;
  readonly tickMs: number;
  /** Suspicion at the latest. Of several heartbeats at the most there is nothing to be learnt (silence.ts). */
  readonly suspicionMs: number;
  readonly deviceNs: readonly [number, number];
  readonly arbiterNs: readonly [number, number];
  readonly arbiterLossProbability: number;
  /** How late a record may be read. */
  readonly arbiterStaleNs: number;
  /** Greatest delay of a ring between two threads. */
  readonly ringNs: number;
  /** What may pile up: those of production, scaled down. */
  readonly bounds: Bounds;
  /** Whether messages cross the wires as bytes, by the production encoders. */
  readonly encodes: boolean;
  /** What a guest writes at once, now and then; 0: never. */
  readonly floodBytes: number;
  /** How long it takes to start a process. */
  readonly restartNs: readonly [number, number];
  /** Between two pieces of a snapshot. */
  readonly transferNs: readonly [number, number];
  /** How often the primary is asked for a snapshot to be kept; left out: never. */
  readonly keepsEveryNs?: number;
  /** How long the disk takes at most to keep what the bus remembers; left out: it remembers nothing, and is never started again. */
  readonly memorySyncNs?: number;
  /** What outputs wait for, where replicas log; left out: they do not. */
  readonly durability?: Durability;
  /** How long their disks take at most to sync. */
  readonly logSyncNs?: number;
  /** When they take checkpoints; left out: never. */
  readonly checkpointPace?: CheckpointPace;
  /** Whether they drop nothing. */
  readonly keepsLogs?: boolean;
  /** When all are dead, somebody goes on from the logs after so long; left out: nobody does. */
  readonly recoversNs?: readonly [number, number];
  /** How likely a boundary has a state digest. */
  readonly digestProbability: number;
  readonly input: readonly InputChunk[];
  /** Who comes from outside, and opens a stream. */
  readonly visits: readonly Visit[];
  readonly faults: readonly Fault[];
}

/** Instructions an epoch, among which a run chooses, and a primary that changes it. */
export const EPOCH_LENGTHS: readonly number[] = [1, 7, 20, 50, 200];

/** Steps of the schedule that a guest step takes, about: where faults are to strike. */
const STEPS_PER_GUEST_STEP = 32;

/** Pairs that are not repaired, and among them machines of three, and such as heal; now and then words come late. */
export function chooseRun(seed: number): RunOptions {
  if (new Random(seed ^ 0x1a7e).chance(0.1)) return chooseLate(seed);
  const run = choosePair(seed);
  const random = new Random(seed ^ 0x1e55e);
  if (run.replicas === 1 || random.chance(0.5)) return run;
  return heal(run, random);
}

/** Of seconds, in which replicas learn how late words come, and in which they come later. */
export function chooseLate(seed: number): RunOptions {
  const random = new Random(seed ^ 0x1a7e5);
  const pair = choosePair(seed);
  const run = random.chance(0.5) ? pair : heal(pair, random);
  const guestSteps = random.between(100, 300);
  return {
    ...run,
    replicas: random.pick([2, 2, 3]),
    guestSteps,
    instructionNs: random.pick([1e5, 5e5]),
    epochLength: random.pick([20, 50]),
    lengthProbability: 0,
    networkNs: [1e4, random.pick([1e5, 1e6])],
    heartbeatMs: 10,
    tickMs: random.pick([5, 10]),
    suspicionMs: random.pick([200, 400]),
    faults: planLate(random, guestSteps * STEPS_PER_GUEST_STEP),
  };
}

/** A machine that is repaired, or of three replicas, or both; most of its faults strike by role. */
export function chooseHealing(seed: number): RunOptions {
  return heal(choosePair(seed), new Random(seed ^ 0x1e55e));
}

/** A machine whose bus dies, and is started again; in half of the runs nothing else happens. */
export function chooseRestarting(seed: number): RunOptions {
  const run = chooseRun(seed);
  const random = new Random(seed ^ 0xb05);
  const others = random.chance(0.5) ? [] : run.faults;
  const restarts = planRestarts(random, run.guestSteps * STEPS_PER_GUEST_STEP);
  return {
    ...run,
    memorySyncNs: random.pick([0, 1e4, 1e6, 1e7]),
    faults: [...others, ...restarts].sort((a, b) => a.atStep - b.atStep),
  };
}

/** Replicas that log, on disks that are slow, stand still, and are full for a while. */
export function chooseDisks(seed: number): RunOptions {
  const random = new Random(seed ^ 0xd15c5);
  const run = random.chance(0.5) ? choosePair(seed) : heal(choosePair(seed), random);
  const disks = planDisks(random, run.guestSteps * STEPS_PER_GUEST_STEP);
  return {
    ...run,
    durability: random.pick(DURABILITIES),
    logSyncNs: random.pick([1e4, 1e6, 1e7, 3e7]),
    ...chooseCheckpoints(random),
    faults: [...run.faults, ...disks].sort((a, b) => a.atStep - b.atStep),
  };
}

/** And all of them die, once or several times; somebody goes on from their logs. */
export function chooseRecovering(seed: number): RunOptions {
  const random = new Random(seed ^ 0x4ec0);
  const run = chooseDisks(seed);
  const guestSteps = Math.min(40, Math.max(run.guestSteps, random.between(6, 30)));
  const steps = guestSteps * STEPS_PER_GUEST_STEP;
  const others = random.chance(0.5) ? [] : run.faults;
  return {
    ...run,
    guestSteps,
    memorySyncNs: random.pick([0, 1e4, 1e6]),
    recoversNs: [1e6, random.pick([2e6, 1e8])],
    repair: run.repair || random.chance(0.5),
    faults: [...others, ...planBlackouts(random, steps)].sort((a, b) => a.atStep - b.atStep),
  };
}

/** By time, by what was logged, or never. */
function chooseCheckpoints(random: Random): Pick<RunOptions, 'checkpointPace' | 'keepsLogs'> {
  const keepsLogs = random.chance(0.2);
  const pace = random.pick([undefined, { everyMs: 10 }, { everyMs: 40 }, { everyBytes: 100 }, { everyBytes: 500 }]);
  return { keepsLogs, ...(pace === undefined ? {} : { checkpointPace: pace }) };
}

/** The same, and the disk that the bus's memory is on is full now and then. */
export function chooseFullDisk(seed: number): RunOptions {
  const run = chooseRestarting(seed);
  const full = planFullDisk(new Random(seed ^ 0xf0), run.guestSteps * STEPS_PER_GUEST_STEP);
  return { ...run, faults: [...run.faults, ...full].sort((a, b) => a.atStep - b.atStep) };
}

/** A narrow ring, much input, a backup whose guest thread stands still: the log fills the ring, and then the primary dies. */
export function chooseFullRing(seed: number): RunOptions {
  const run = choosePair(seed);
  const random = new Random(seed ^ 0xf111);
  const ringBytes = random.pick([2048, 4096]);
  const piece = ringBytes / 32;
  const bounds = { ...run.bounds, ringBytes, streamPieceBytes: piece, partBytes: ringBytes / 16, deliveryBytes: piece };
  const input = Array.from({ length: 60 }, (_word, index) => ({
    afterNs: random.between(1, 2e5),
    bytes: new Uint8Array(random.between(1, piece)).map((_byte, at) => at + index * 37),
    end: false,
  }));
  const atStep = random.between(150, 400);
  const durationNs = random.pick([5e7, 1.5e8]);
  return {
    ...run,
    replicas: 2,
    bounds: { ...bounds, lagBytes: 16_384, lagMs: 250, inputWindowBytes: 64 * piece },
    input: [...input, { afterNs: 1, bytes: new Uint8Array(0), end: true }],
    guestSteps: random.between(20, 60),
    instructionNs: 1_000,
    epochLength: random.pick([1, 7, 20]),
    deviceNs: [1e3, 1e4],
    faults: [
      { kind: 'pause', atStep, replica: 1, what: 'guest', durationNs },
      { kind: 'kill', atStep: atStep + random.between(300, 2500), replica: 0 },
    ],
  };
}

/**
 * Of three replicas one dies, and another joins: its snapshot and its log come at once, and what the other backup is told comes late,
 * though never so late that it is suspected. Then the primary dies. (The variant `original` has nobody behind by more than an epoch.)
 */
export function chooseOvertaken(seed: number): RunOptions {
  const run = chooseHealing(seed);
  const random = new Random(seed ^ 0x0b3a);
  const atStep = random.between(40, 120);
  const late = { kind: 'delay', path: 'peers 1', byNs: random.pick([1e7, 2e7, 3e7]), durationNs: 2e8 } as const;
  return {
    ...run,
    variant: random.pick(['revised', 'deferred', 'deferred']),
    repair: true,
    replicas: 3,
    guestSteps: random.between(40, 80),
    epochLength: random.pick([7, 20]),
    instructionNs: 20_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, random.pick([3e5, 3e6])],
    restartNs: [1e6, 2e6],
    transferNs: [1e4, 1e5],
    faults: [
      { kind: 'kill' as const, replica: 2 as const, atStep },
      { ...late, atStep: atStep + random.below(80) },
      { kind: 'kill' as const, replica: 'primary' as const, atStep: atStep + random.between(60, 500) },
    ].sort((a, b) => a.atStep - b.atStep),
  };
}

/** A machine with a process in reserve: whoever dies is replaced by one that knows everybody. In half of the runs the dead come back. */
export function chooseSpared(seed: number): RunOptions {
  const random = new Random(seed ^ 0x5a7e);
  const run = heal(choosePair(seed), random);
  return { ...run, replicas: random.pick([2, 2, 3]), repair: random.chance(0.5), spares: random.pick([1, 1, 2]) };
}

function heal(run: RunOptions, random: Random): RunOptions {
  const repair = random.chance(0.75);
  const guestSteps = random.chance(0.1) ? random.between(40, 120) : random.between(8, 32);
  const transferNs = random.pick([1e5, 1e6, 5e6]);
  return {
    ...run,
    guestSteps,
    repair,
    replicas: repair ? random.pick([2, 2, 3]) : 3,
    instructionNs: random.pick([1_000, 10_000]),
    restartNs: [1e6, random.pick([2e6, 5e7])],
    transferNs: [transferNs / 10, transferNs],
    digestProbability: random.pick([0, 0.1, 0.5]),
    faults: planHealing(random, guestSteps * STEPS_PER_GUEST_STEP),
  };
}

/** A primary and a backup, at times a primary alone; nobody joins. */
export function choosePair(seed: number): RunOptions {
  const random = new Random(seed);
  // Most runs are short: what a step can meet, many short runs meet sooner.
  const guestSteps = random.chance(0.1) ? random.between(10, 40) : random.between(2, 10);
  const networkNs = random.pick([1e4, 1e5, 1e6, 5e6]);
  const deviceNs = random.pick([1e4, 1e6, 1e7]);
  const bounds = chooseBounds(random.fork());
  return {
    seed,
    variant: random.pick(VARIANTS),
    operationIds: random.chance(0.75),
    replicas: random.chance(0.05) ? 1 : 2,
    epochLength: random.pick(EPOCH_LENGTHS),
    lengthProbability: chooseLengthProbability(new Random(seed ^ 0x1e46)),
    guestSteps,
    instructionNs: random.pick([100, 1_000, 10_000]),
    networkNs: [networkNs / 10, networkNs],
    heartbeatMs: 16,
    tickMs: 8,
    suspicionMs: 50,
    deviceNs: [deviceNs / 10, deviceNs],
    arbiterNs: [1e5, random.pick([1e6, 1e7, 5e7])],
    arbiterLossProbability: random.pick([0, 0.1, 0.5]),
    arbiterStaleNs: random.pick([0, 0, 3e7]),
    ringNs: random.pick([2e3, 1e5, 1e6]),
    bounds,
    encodes: random.chance(0.2),
    floodBytes: random.chance(0.5) ? random.pick([1, 3, 10]) * bounds.sentBytes : 0,
    repair: false,
    restartNs: [1e6, 5e7],
    transferNs: [1e5, 1e6],
    digestProbability: seed % 3 === 0 ? 0.2 : 0,
    input: chooseInput(random.fork(), bounds),
    visits: chooseVisits(new Random(seed ^ 0x517e), bounds),
    faults: planFaults(random.fork(), guestSteps * STEPS_PER_GUEST_STEP),
  };
}

/** In most runs the length stays; else it changes now and then, or at every other boundary. */
function chooseLengthProbability(random: Random): number {
  return random.pick([0, 0, 0, 0.02, 0.5]);
}

/** Small enough that a run of some dozen steps reaches them, in the proportions of production. */
function chooseBounds(random: Random): Bounds {
  const ringBytes = random.pick([4096, 8192, 32_768]);
  const piece = ringBytes / 32;
  const sentBytes = random.pick([256, 1024]);
  return {
    ...BOUNDS,
    ringBytes,
    streamPieceBytes: piece,
    gatheredBytes: random.pick([64, 256]),
    partBytes: ringBytes / 16,
    deliveryBytes: piece,
    drainRecords: random.pick([4, 64]),
    sentBytes,
    joinedBytes: piece * random.pick([1, 2]),
    unwrittenBytes: sentBytes + 4 * piece,
    inputWindowBytes: piece * random.pick([1, 4]),
    openedOutputBytes: random.pick([16, 128, 1024]),
    openedOutputShareBytes: 8,
    openedOutputTotalBytes: random.pick([24, 1024]),
    openedInputBytes: random.pick([16, 128]),
    openedInputShareBytes: 8,
    openedInputTotalBytes: random.pick([32, 1024]),
    unreleasedStreams: random.pick([1, 2, 8]),
    operations: random.pick([2, 8, 64]),
    operationBytes: random.pick([64, 4096]),
    completionBytes: random.pick([8, 256]),
    heldBytes: random.pick([512, 4096]),
    unsentBytes: random.pick([512, 4096]),
    snapshotUnsentBytes: 128,
    lagBytes: random.pick([512, 16_384]),
    joiningBacklogBytes: random.pick([2048, 65_536]),
    lagMs: random.pick([25, 250]),
    lagResumeMs: 10,
  };
}

/** What a pipe gives at once fits the ring; all of it is at times ten times what the bus keeps unreleased. */
function chooseInput(random: Random, { streamPieceBytes, inputWindowBytes }: Bounds): InputChunk[] {
  const chunks: InputChunk[] = [];
  const much = random.chance(0.15);
  const bytesMax = much ? streamPieceBytes : 100;
  const count = much ? Math.ceil((20 * inputWindowBytes) / bytesMax) : random.below(12);
  for (let index = 0; index < count; index++) {
    const bytes = new Uint8Array(random.between(1, bytesMax)).map((_byte, at) => at + index * 37);
    chunks.push({ afterNs: random.between(1, 1e7), bytes, end: false });
  }
  // The end alone, or with the last bytes.
  const bytes = random.chance(0.5) ? new Uint8Array(0) : Uint8Array.of(1, 2, 3);
  chunks.push({ afterNs: random.between(1, 1e7), bytes, end: true });
  return chunks;
}

/** In half of the runs nobody comes; else a few, who say little or ten times what the bus keeps. */
function chooseVisits(random: Random, { openedInputBytes }: Bounds): Visit[] {
  if (random.chance(0.5)) return [];
  const afterNs = random.pick([1e4, 1e6, 1e7]);
  return Array.from({ length: random.between(1, 6) }, () => {
    const bytesMax = random.chance(0.2) ? 2 * openedInputBytes : 20;
    const count = random.chance(0.2) ? 10 : random.below(4);
    const says: InputChunk[] = Array.from({ length: count }, (_word, index) => ({
      afterNs: random.between(1, afterNs),
      bytes: new Uint8Array(random.between(1, bytesMax)).map((_byte, at) => at + index * 41),
      end: false,
    }));
    const breaksOffNs = random.chance(0.3) ? random.between(1, 2 * afterNs) : undefined;
    if (breaksOffNs === undefined)
      says.push({ afterNs: random.between(1, afterNs), bytes: new Uint8Array(0), end: true });
    return { afterNs: random.between(1, afterNs), says, breaksOffNs, slowness: random.pick([1, 1, 20]) };
  });
}
