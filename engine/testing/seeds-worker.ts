// A thread that runs the simulator over the seeds it is given, some at a time (seeds.ts).

import { parentPort } from 'node:worker_threads';
import { assert } from '../errors/errors.js';
import { choiceOf } from '../simulator/kinds.js';
import { simulate } from '../simulator/simulated-run.js';
import { addVisited, type RareState } from '../simulator/sometimes.js';

/** Seeds to be run, one after another. */
export interface SeedsGiven {
  readonly kind: string;
  readonly from: number;
  readonly count: number;
}

export interface FailedSeed {
  readonly seed: number;
  readonly failure: string;
}

export interface SeedsDone {
  readonly runs: number;
  /** Runs whose machine came to its end; in the others every replica was struck down. */
  readonly finished: number;
  /** Simulated events. */
  readonly events: number;
  readonly virtualMs: number;
  readonly visited: ReadonlyMap<RareState, number>;
  readonly failures: readonly FailedSeed[];
}

export function runSeeds({ kind, from, count }: SeedsGiven): SeedsDone {
  const choose = choiceOf(kind);
  const visited = new Map<RareState, number>();
  const failures: FailedSeed[] = [];
  let [finished, events, virtualMs] = [0, 0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const result = simulate(choose(seed));
    if (result.failure !== undefined) failures.push({ seed, failure: result.failure });
    if (result.end === 'finished') finished += 1;
    events += result.steps;
    virtualMs += result.virtualMs;
    addVisited(visited, result.visited);
  }
  return { runs: count, finished, events, virtualMs, visited, failures };
}

if (parentPort !== null) {
  const port = parentPort;
  port.on('message', (given: SeedsGiven) => {
    const done = runSeeds(given);
    assert(done.runs === given.count, 'each seed that was given is run');
    port.postMessage(done);
  });
}
