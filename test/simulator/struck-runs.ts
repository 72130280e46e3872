// Runs that are struck where a certain mistake matters.

import { chooseHealing, choosePair, type RunOptions } from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';

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

/** A joining replica gets its state late. */
export function slowJoin(seed: number): RunOptions {
  return {
    ...chooseHealing(seed),
    repair: true,
    replicas: 2,
    guestSteps: 120,
    instructionNs: 20_000,
    restartNs: [1e6, 2e6],
    transferNs: [2e7, 4e7],
    faults: [{ kind: 'kill', replica: 1, atStep: 100 + (seed % 100) }],
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

/** The same with no state digest: what its guest does, and when, is all that tells. */
export function flippedUnseen(seed: number): RunOptions {
  return { ...flippedBackup(seed), digestProbability: 0 };
}

/**
 * Much input, and a primary that dies while what it says to the bus is held up: its last releases are lost. If its backup has
 * not kept them nobody sends them again, the bus keeps the input, its window stays full, and the survivor waits for ever.
 */
export function lostReleases(seed: number): RunOptions {
  const run = choosePair(seed);
  const { streamPieceBytes, inputWindowBytes } = run.bounds;
  const chunk = { afterNs: 1e4, bytes: new Uint8Array(streamPieceBytes).fill(seed), end: false };
  const chunks = (6 * inputWindowBytes) / streamPieceBytes;
  const atStep = seed % 500;
  return {
    ...run,
    replicas: 2,
    guestSteps: 60,
    networkNs: [1e5, 1e6],
    arbiterNs: [1e5, 1e6],
    instructionNs: 10_000,
    input: [...new Array(chunks).fill(chunk), { ...chunk, bytes: new Uint8Array(0), end: true }],
    faults: [
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 3e7, atStep },
      { kind: 'kill', replica: 0, atStep: atStep + 10 + ((seed * 7) % 200) },
    ],
  };
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
  const atStep = (stepOf(run, / owns view \d+ with \w+, \w+$/) ?? 0) - ((seed * 7) % 40);
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

/** The first step of a run, with what is planted now, of which its trace says `what`. */
function stepOf(run: RunOptions, what: RegExp): number | undefined {
  let step: number | undefined;
  simulate(run, undefined, line => {
    if (step === undefined && what.test(line)) step = Number(line.split(' ', 1)[0]);
  });
  return step;
}

/** The host of both replicas is suspended for a while: nobody is gone, and nobody else says a word meanwhile. */
export function suspendedHost(seed: number): RunOptions {
  const pause = { kind: 'pause', what: 'process', durationNs: 1e8, atStep: 100 + ((seed * 7) % 300) } as const;
  return {
    ...choosePair(seed),
    replicas: 2,
    guestSteps: 40,
    networkNs: [1e4, 1e5],
    faults: [
      { ...pause, replica: 0 },
      { ...pause, replica: 1 },
    ],
  };
}

/** The bus hears nothing from just before a snapshot is taken; the primary dies as soon as who joined from it is named. */
export function cutAtSnapshot(seed: number): RunOptions {
  const joining: RunOptions = {
    ...chooseHealing(seed),
    repair: true,
    replicas: 2,
    guestSteps: 60,
    operationIds: true,
    epochLength: 7,
    instructionNs: 10_000,
    networkNs: [1e4, 1e5],
    deviceNs: [1e4, 1e6],
    arbiterNs: [1e5, 3e5],
    arbiterLossProbability: 0,
    restartNs: [1e6, 2e6],
    transferNs: [1e4, 1e5],
    faults: [{ kind: 'kill', replica: 1, atStep: 60 }],
  };
  const taken = stepOf(joining, / -> C: .*"welcome"/);
  if (taken === undefined) return joining;
  const cut = { kind: 'cut', path: 'bus 0', way: 0, durationNs: 4e8, atStep: taken - (seed % 12) } as const;
  const run = { ...joining, faults: [...joining.faults, cut] };
  const named = stepOf(run, / owns view \d+ with C$/);
  if (named === undefined) return run;
  return { ...run, faults: [...run.faults, { kind: 'kill', replica: 'primary', atStep: named + 1 }] };
}

/** What the primary says to the bus is held up as it dies; who takes over is slow, and dies before it has come as far. */
export function lostTwice(seed: number): RunOptions {
  const atStep = 100 + ((seed * 31) % 500);
  const run: RunOptions = {
    ...lostReleases(seed),
    operationIds: true,
    replicas: 3,
    faults: [
      { kind: 'slow', replica: 1, times: 300, durationNs: 1e9, atStep: atStep - 60 },
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 3e7, atStep },
      { kind: 'kill', replica: 0, atStep: atStep + 20 + ((seed * 7) % 50) },
    ],
  };
  const takenOver = stepOf(run, / B owns view /);
  if (takenOver === undefined) return run;
  return {
    ...run,
    faults: [...run.faults, { kind: 'kill', replica: 1, atStep: takenOver + 60 + ((seed * 13) % 200) }],
  };
}

/** A guest that has many operations under way, and a bus that tells few results at once. */
export function manyOperations(seed: number): RunOptions {
  const run = choosePair(seed);
  return {
    ...run,
    variant: 'revised',
    replicas: 1,
    operationIds: true,
    guestSteps: 60,
    instructionNs: 100,
    networkNs: [1e4, 1e5],
    deviceNs: [1e6, 1e7],
    bounds: { ...run.bounds, sentBytes: 256, completionBytes: 4, operations: 64, operationBytes: 4096 },
    faults: [],
  };
}

/** Of three replicas the primary dies as its guest ends; one of the others lacks the last of the log, and gets it late. */
export function deathAtTheEnd(seed: number): RunOptions {
  const run: RunOptions = {
    ...chooseHealing(seed),
    repair: false,
    guestSteps: 8 + (seed % 8),
    replicas: 3,
    instructionNs: 1_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    faults: [],
  };
  const ends = stepOf(run, / A -> bus: .*"outcome"/);
  if (ends === undefined) return run;
  const cut = { kind: 'cut', path: 'peers 2', way: 0 } as const;
  const died: RunOptions = {
    ...run,
    faults: [
      { ...cut, durationNs: 1e6, atStep: Math.max(0, ends - 5 - ((seed * 7) % 40)) },
      { kind: 'kill', replica: 0, atStep: ends - 6 + (seed % 12) },
    ],
  };
  const follows = stepOf(died, / C -> B: .*"follow"/);
  if (follows === undefined) return died;
  return { ...died, faults: [...died.faults, { ...cut, durationNs: 3e7, atStep: follows }] };
}

/** What the first of three sends is held up until the others claim, and arrives while their claims are out. */
export function refusedLog(seed: number): RunOptions {
  const run = chooseHealing(seed);
  const cut = { kind: 'cut', path: 'peers 0', way: 0, atStep: 100 + ((seed * 31) % 500) } as const;
  return {
    ...run,
    repair: false,
    replicas: 3,
    guestSteps: 60,
    instructionNs: 1_000,
    epochLength: 7,
    digestProbability: 1,
    networkNs: [1e4, 1e5],
    arbiterNs: [2e7, 5e7],
    arbiterLossProbability: 0,
    bounds: { ...run.bounds, lagBytes: 512 },
    faults: [{ ...cut, durationNs: 5e7 + ((seed * 7) % 30) * 1e6 }],
  };
}

/** Of three replicas the primary dies near its end, with much input on its way; who takes over ends before its P8. */
export function deathNearTheEnd(seed: number): RunOptions {
  const run: RunOptions = {
    ...chooseHealing(seed),
    repair: false,
    replicas: 3,
    instructionNs: 1_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    faults: [],
  };
  const atStep = simulate(run).steps - 20 - ((seed * 7) % 80);
  return {
    ...run,
    faults: [
      { kind: 'cut', path: 'bus 0', way: 0, durationNs: 1e8, atStep: atStep - 40 },
      { kind: 'kill', replica: 'primary', atStep: atStep + 10 + (seed % 11) },
    ],
  };
}

/** The epoch length changes at every other boundary; one of three dies, the primary dies, and others join. */
export function resizedAndJoined(seed: number): RunOptions {
  const atStep = 60 + ((seed * 31) % 300);
  return {
    ...chooseHealing(seed),
    repair: true,
    replicas: 3,
    guestSteps: 60,
    lengthProbability: 0.5,
    instructionNs: 1_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 3e5],
    arbiterLossProbability: 0,
    restartNs: [1e6, 2e6],
    transferNs: [1e4, 1e5],
    faults: [
      { kind: 'kill', replica: 2, atStep },
      { kind: 'kill', replica: 'primary', atStep: atStep + 200 + ((seed * 7) % 200) },
    ],
  };
}

/** The primary stands still and is replaced; the bus is started again, out of its successor's reach, and then it wakes up. */
export function forgottenView(seed: number): RunOptions {
  const atStep = 60 + ((seed * 37) % 300);
  return {
    ...choosePair(seed),
    replicas: 2,
    guestSteps: 60,
    operationIds: true,
    memorySyncNs: 1e4,
    instructionNs: 10_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    faults: [
      { kind: 'pause', replica: 0, what: 'process', durationNs: 1.5e8, atStep },
      { kind: 'cut', path: 'bus 1', way: 'both', durationNs: 2e8, atStep: atStep + 200 + (seed % 200) },
      { kind: 'restartBus', durationNs: 1e6, power: false, atStep: atStep + 200 + (seed % 200) },
    ],
  };
}

/** What the first primary has said stands at the bus when another takes over, and is lost there with the bus. */
export function strandedAtBus(seed: number): RunOptions {
  const atStep = (seed * 37) % 400;
  return {
    ...choosePair(seed),
    replicas: 2,
    guestSteps: 40,
    memorySyncNs: 1e4,
    instructionNs: 10_000,
    networkNs: [1e4, 1e5],
    arbiterNs: [1e5, 1e6],
    arbiterLossProbability: 0,
    faults: [
      { kind: 'stallTerminal', durationNs: 3e8, atStep },
      { kind: 'kill', replica: 0, atStep: atStep + 20 + (seed % 100) },
      { kind: 'restartBus', durationNs: 1e6, power: false, atStep: atStep + 150 + ((seed * 7) % 400) },
    ],
  };
}
