// Runs of the simulator until one fails: `node seeds.js KIND:FROM-TO...`. Of a run that fails it prints `KIND:SEED failure`.

import {
  chooseHealing,
  chooseLate,
  chooseRestarting,
  chooseRun,
  type RunOptions,
} from '../../engine/simulator/run-plan.js';
import { simulate } from '../../engine/simulator/simulated-run.js';

const CHOICES: Readonly<Record<string, (seed: number) => RunOptions>> = {
  run: chooseRun,
  healing: chooseHealing,
  late: chooseLate,
  restarting: chooseRestarting,
  // Snapshots are asked for, and kept, again and again.
  kept: seed => ({ ...chooseHealing(seed), keepsEveryNs: 2e6 }),
};

function firstFailure(ranges: readonly string[]): string | undefined {
  for (const range of ranges) {
    const [, kind = '', from, to = from] = /^(\w+):(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    const choose = CHOICES[kind];
    if (choose === undefined) throw new Error(`no seeds: ${range}`);
    for (let seed = Number(from); seed <= Number(to); seed++) {
      const { failure } = simulate(choose(seed));
      if (failure !== undefined) return `${kind}:${seed} ${failure}`;
    }
  }
  return undefined;
}

console.log(firstFailure(process.argv.slice(2)) ?? '');
