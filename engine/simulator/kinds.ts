// The kinds of runs, by the names that the command line has for them; and the mixture of all.

import { Random } from './random.js';
import {
  chooseDisks,
  chooseFullDisk,
  chooseFullRing,
  chooseHealing,
  chooseLate,
  chooseOvertaken,
  choosePair,
  chooseRecovering,
  chooseRestarting,
  chooseRun,
  chooseSpared,
  type RunOptions,
} from './run-plan.js';

export interface Kind {
  readonly what: string;
  readonly choose: (seed: number) => RunOptions;
}

/** Snapshots are kept of either, all the time. */
function chooseKept(seed: number): RunOptions {
  const random = new Random(seed ^ 0x6e97);
  const run = random.chance(0.5) ? chooseHealing(seed) : choosePair(seed);
  return { ...run, keepsEveryNs: random.pick([5e5, 2e6, 1e7]) };
}

const PARTS = {
  pairs: { what: 'a primary and a backup; nobody joins', choose: choosePair },
  late: { what: 'words that come late, on a machine of some seconds', choose: chooseLate },
  healing: { what: 'machines that are repaired, or of three; most faults strike by role', choose: chooseHealing },
  overtaken: {
    what: 'who joins has what a backup lacks that hears late, and the primary dies',
    choose: chooseOvertaken,
  },
  spares: { what: 'machines with a process in reserve', choose: chooseSpared },
  restarts: { what: 'the bus dies, and is started again', choose: chooseRestarting },
  'full-disk': { what: 'and there is no room for its memory', choose: chooseFullDisk },
  'full-ring': { what: 'a primary dies when the ring to the guest of its backup is full', choose: chooseFullRing },
  snapshots: { what: 'snapshots are kept', choose: chooseKept },
  disks: { what: 'replicas that log, and outputs that wait for their disks', choose: chooseDisks },
  recovery: { what: 'all of them die, and somebody goes on from their logs', choose: chooseRecovering },
  faults: { what: 'pairs, healing and late', choose: chooseRun },
} as const satisfies Readonly<Record<string, Kind>>;

type PartName = keyof typeof PARTS;

/** How often each has its turn. */
const MIXTURE: readonly PartName[] = [
  ...Array<PartName>(6).fill('pairs'),
  ...Array<PartName>(5).fill('healing'),
  'overtaken',
  ...Array<PartName>(3).fill('spares'),
  ...Array<PartName>(3).fill('restarts'),
  ...(['late', 'full-disk', 'full-ring', 'snapshots'] as const),
];

export const KINDS: Readonly<Record<string, Kind>> = {
  all: { what: 'all of these', choose: seed => PARTS[new Random(seed ^ 0xa11).pick(MIXTURE)].choose(seed) },
  ...PARTS,
};

export const DEFAULT_KIND = 'all';

/** @param name one of `KINDS` */
export function choiceOf(name: string): (seed: number) => RunOptions {
  return KINDS[name]!.choose;
}
