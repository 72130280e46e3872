// Runs that are struck where a certain mistake matters.

import { chooseHealing, choosePair, type RunOptions } from '../../engine/simulator/run.js';
import { simulate } from '../../engine/simulator/simulate.js';

/** What the first primary has said reaches the bus when the other has taken over. */
export function strandedOutputs(seed: number): RunOptions {
  const atStep = (seed * 37) % 500;
  const cut = { kind: 'cut', path: 'bus 0', way: 0, durationNs: 2e7, atStep } as const;
  return { ...choosePair(seed), replicas: 2, faults: [cut, { kind: 'kill', replica: 0, atStep: atStep + 40 }] };
}

/** What the primary has said does not reach the bus while a replica joins it; then it dies. */
export function strandedWhileJoining(seed: number): RunOptions {
  const atStep = 100 + ((seed * 13) % 400);
  return {
    ...chooseHealing(seed),
    repair: true,
    replicas: 2,
    instructionNs: 20_000,
    networkNs: [1e4, 2e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    restartNs: [1e6, 2e6],
    transferNs: [1e4, 1e5],
    faults: [
      { kind: 'kill', replica: 1, atStep },
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 4e8, atStep: atStep + 5 + (seed % 60) },
      { kind: 'kill', replica: 'primary', atStep: atStep + 150 + ((seed * 29) % 500) },
    ],
  };
}

/** Of three replicas the primary dies, and soon after it who takes over. */
export function threeStruckTwice(seed: number): RunOptions {
  const atStep = 100 + ((seed * 31) % 900);
  return {
    ...chooseHealing(seed),
    repair: false,
    replicas: 3,
    arbiterLossProbability: 0,
    faults: [
      { kind: 'kill', replica: 'primary', atStep },
      { kind: 'kill', replica: 'primary', atStep: atStep + 150 + (seed % 7) * 40 },
    ],
  };
}

/** A bit of the backup's memory changes, and every boundary has a state digest. */
export function flippedBackup(seed: number): RunOptions {
  return {
    ...chooseHealing(seed),
    replicas: 2,
    repair: true,
    digestProbability: 1,
    faults: [{ kind: 'flip', replica: 1, atStep: 150 + (seed % 100) }],
  };
}

/** Much input, and a primary that dies while what it says to the bus is held up: its last releases are lost. */
export function lostReleases(seed: number): RunOptions {
  const run = choosePair(seed);
  const bytes = new Uint8Array(Math.floor(0.35 * run.bounds.inputWindowBytes)).fill(seed);
  const chunk = { afterNs: 1e4, bytes, end: false };
  const atStep = seed % 500;
  return {
    ...run,
    replicas: 2,
    guestSteps: 60,
    networkNs: [1e5, 1e6],
    arbiterNs: [1e5, 1e6],
    instructionNs: 10_000,
    input: [...new Array(14).fill(chunk), { ...chunk, bytes: new Uint8Array(0), end: true }],
    faults: [
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 3e7, atStep },
      { kind: 'kill', replica: 0, atStep: atStep + 10 + ((seed * 7) % 200) },
    ],
  };
}

/** As `lostReleases`, of a bus that has many results to tell and tells few at once. */
export function lostResults(seed: number): RunOptions {
  const run = lostReleases(seed);
  return { ...run, operationIds: true, bounds: { ...run.bounds, operations: 4, completionBytes: 8 } };
}

/** The primary's path to the bus is cut for good; its backup has one. */
export function primaryWithoutBus(seed: number): RunOptions {
  const cut = { kind: 'cut', path: 'bus 0', way: 'both', durationNs: Infinity, atStep: (seed * 37) % 300 } as const;
  return { ...choosePair(seed), replicas: 2, guestSteps: 40, arbiterLossProbability: 0, faults: [cut] };
}

/** Of three replicas the primary dies; the path to one of the others, which has less of the log, is cut as they follow. */
export function slowFollower(seed: number): RunOptions {
  const atStep = 60 + ((seed * 31) % 400);
  const cut = { kind: 'cut', path: 'peers 2', way: 0 } as const;
  return {
    ...chooseHealing(seed),
    repair: false,
    replicas: 3,
    instructionNs: 1_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    faults: [
      { ...cut, durationNs: 1e6, atStep },
      { kind: 'kill', replica: 'primary', atStep: atStep + 10 + (seed % 11) },
      { ...cut, durationNs: 3e7, atStep: atStep + 20 + ((seed * 7) % 60) },
    ],
  };
}

/** The step of a run at which somebody's view with so many backups stands, as its trace says; undefined: at none. */
function stepOfView(run: RunOptions, backups: number): number | undefined {
  let step: number | undefined;
  simulate(run, undefined, line => {
    const [, at, names = ''] = /^(\d+) .* owns view \d+ with (.*)$/.exec(line) ?? [];
    if (at !== undefined && names.split(', ').length === backups) step ??= Number(at);
  });
  return step;
}

/** The primary dies just as a view stands that names who has joined; the other backup stands still meanwhile. */
export function deathAtNaming(seed: number): RunOptions {
  const run: RunOptions = {
    ...chooseHealing(seed),
    repair: true,
    replicas: 3,
    guestSteps: 60,
    epochLength: 7,
    instructionNs: 1_000,
    networkNs: [5e5, 5e6],
    arbiterNs: [1e5, 3e5],
    arbiterLossProbability: 0,
    restartNs: [1e6, 2e6],
    transferNs: [1e4, 1e5],
    faults: [{ kind: 'kill', replica: 2, atStep: 60 }],
  };
  const atStep = (stepOfView(run, 2) ?? 0) - ((seed * 7) % 40);
  if (atStep <= 60) return run;
  return {
    ...run,
    faults: [
      ...run.faults,
      { kind: 'pause', replica: 'backup', what: 'process', durationNs: 1.5e8, atStep },
      { kind: 'kill', replica: 'primary', atStep },
    ],
  };
}

/** A primary stands still for less than it takes to be suspected; nobody else does anything wrong. */
export function briefAbsence(seed: number): RunOptions {
  const pause = {
    kind: 'pause',
    replica: 0,
    what: 'process',
    durationNs: 4.2e7,
    atStep: 100 + ((seed * 7) % 300),
  } as const;
  return {
    ...choosePair(seed),
    replicas: 2,
    guestSteps: 40,
    networkNs: [1e4, 1e5],
    faults: [pause],
  };
}

/** The primary dies, who takes over lags far behind, and dies in its turn; somebody has joined it meanwhile. */
export function lostTwice(seed: number): RunOptions {
  const run = lostReleases(seed);
  const atStep = seed % 500;
  return {
    ...run,
    replicas: 3,
    repair: false,
    faults: [
      { kind: 'slow', replica: 1, times: 30, durationNs: 1e8, atStep },
      { kind: 'kill', replica: 'primary', atStep: atStep + 60 },
      { kind: 'kill', replica: 'primary', atStep: atStep + 120 + ((seed * 7) % 300) },
    ],
  };
}

/** The connection of the primary to the bus is reset while what it says is held up. */
export function connectionLost(seed: number): RunOptions {
  const run = lostReleases(seed);
  const atStep = seed % 500;
  return {
    ...run,
    faults: [
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 1e7, atStep },
      { kind: 'reset', path: 'bus 0', atStep: atStep + 10 + ((seed * 7) % 100) },
    ],
  };
}
