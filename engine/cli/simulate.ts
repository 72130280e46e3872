// `epochvisor simulate`: the protocol and its drivers under seeded faults, on all cores; of a seed that fails the shortest story.

import { availableParallelism } from 'node:os';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { EpochvisorError } from '../errors/errors.js';
import { type Cut, cutText, parseCut, possibleCuts, without } from '../simulator/cuts.js';
import { choiceOf, DEFAULT_KIND, KINDS } from '../simulator/kinds.js';
import { PRODUCTION } from '../simulator/parts.js';
import type { RunOptions } from '../simulator/run-plan.js';
import { simulate } from '../simulator/simulated-run.js';
import { RARE_STATES } from '../simulator/sometimes.js';
import { Story } from '../simulator/story.js';
import { type SeedsSums, simulateSeeds } from '../testing/seeds.js';
import { abortOnSignals } from './interruption.js';
import { integer } from './machine-flags.js';
import { print } from './output.js';
import { shortestStory } from './shortest-story.js';

const FAILED_STATUS = 1;
const DEFAULT_SEEDS = 1000;
const SEED_MAX = 1e15;
const SEEDS_MAX = 1e9;

interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly kind: string;
  readonly without?: readonly string[];
  readonly trace?: boolean;
  readonly jobs: number;
}

export function simulateCommand(): Command {
  const kinds = Object.entries(KINDS).map(([name, { what }]) => `  ${name.padEnd(11)}${what}`);
  return new Command('simulate')
    .description('Run the protocol and its drivers under seeded faults, and judge every run.')
    .option('--seeds <N>', `how many runs (${DEFAULT_SEEDS}; 1 with --seed)`, integer(1, SEEDS_MAX))
    .option('--seed <S>', 'the first seed (default: from the clock)', integer(0, SEED_MAX))
    .option('--kind <NAME>', 'of the runs, see below', parseKind, DEFAULT_KIND)
    .option('--without <PARTS>', 'leave these parts of the plan out, as a shortened story says', parts)
    .option('--trace', 'print all that happens in one run')
    .option('--jobs <N>', 'threads (default: as many as there are cores)', integer(1, 256), availableParallelism())
    .addHelpText('after', `\nKinds of runs:\n${kinds.join('\n')}`)
    .action(run);
}

function parseKind(text: string): string {
  if (Object.hasOwn(KINDS, text)) return text;
  throw new InvalidArgumentError(`There is no such kind; there are ${Object.keys(KINDS).join(', ')}`);
}

const parts = (text: string): string[] => text.split(',').map(part => part.trim());

async function run(flags: SimulateFlags): Promise<void> {
  const { kind } = flags;
  const from = flags.seed ?? Date.now() % 1e9;
  const seeds = flags.seeds ?? (flags.seed === undefined ? DEFAULT_SEEDS : 1);
  if ((flags.trace === true || flags.without !== undefined) && (flags.seed === undefined || seeds !== 1)) {
    throw new EpochvisorError('BAD_USAGE', '--trace and --without are for one run', 'name it by --seed');
  }
  const planned = flags.without === undefined ? undefined : cutsOf(flags.without, choiceOf(kind)(from));
  print(`${seeds === 1 ? `seed ${from}` : `seeds ${from} to ${from + seeds - 1}`}, kind ${kind}\n`);
  if (planned !== undefined || flags.trace === true) {
    one(from, kind, planned ?? [], flags.trace === true);
    return;
  }
  const interruption = abortOnSignals();
  const begunMs = performance.now();
  const rate = (count: number) => (1000 * count) / Math.max(1, performance.now() - begunMs);
  const bar = progressBar();
  bar?.start(seeds, 0, { rate: 0, events: 0 });
  const progress = ({ runs, events }: SeedsSums) =>
    void bar?.update(runs, { rate: rate(runs).toFixed(0), events: short(rate(events)) });
  try {
    const { signal } = interruption;
    const sums = await simulateSeeds({ kind, from, seeds, threads: flags.jobs, failuresMax: 1, signal, progress });
    bar?.stop();
    const took = `in ${((performance.now() - begunMs) / 1000).toFixed(1)} s, ${rate(sums.runs).toFixed(0)} a second`;
    print(summary(sums, took, signal.aborted ? seeds : undefined));
    // From here on Ctrl-C ends the process.
    interruption.dispose();
    const [failed] = sums.failures;
    if (failed !== undefined) {
      print(`seed ${failed.seed} fails: ${failed.failure}\n`);
      print(`\n${shortestStory(failed.seed, kind, failed.failure).join('\n')}\n`);
    }
    process.exitCode = failed !== undefined ? FAILED_STATUS : signal.aborted ? interruption.status : 0;
  } finally {
    bar?.stop();
    interruption.dispose();
  }
}

function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  return new SingleBar({
    format: '{bar} {value} of {total} runs, {rate} a second, {events} events a second, {eta_formatted} left',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    barsize: 30,
  });
}

const short = (count: number): string => (count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : count.toFixed(0));

// ---- one run

function cutsOf(names: readonly string[], run: RunOptions): readonly Cut[] {
  return names.map(name => {
    const cut = parseCut(name, run);
    if (cut !== undefined) return cut;
    const all = possibleCuts(run).map(cutText);
    throw new EpochvisorError(
      'BAD_USAGE',
      `the plan of this run has no part '${name}'`,
      `it has ${[...all, 'steps and a number'].join(', ')}`,
    );
  });
}

/** A run that is named exactly: nothing more is left out of it. */
function one(seed: number, kind: string, cuts: readonly Cut[], traces: boolean): void {
  const story = new Story();
  const { failure, end, steps } = simulate(without(choiceOf(kind)(seed), cuts), PRODUCTION, {
    ...(traces ? { trace: line => print(`${line}\n`) } : {}),
    see: (atMs, seen) => story.see(atMs, seen),
  });
  if (failure === undefined) {
    print(`${steps} events, nothing wrong; the machine ${end === 'finished' ? 'came to its end' : 'was lost'}\n`);
    return;
  }
  print(`${story.tell(failure).join('\n')}\n`);
  process.exitCode = FAILED_STATUS;
}

// ---- all runs

/** @param asked how many there should have been, where there were fewer */
function summary({ runs, finished, events, visited, failures }: SeedsSums, took: string, asked?: number): string {
  const of = asked === undefined ? '' : ` of ${asked}, interrupted`;
  const wrong = failures.length === 0 ? 'nothing wrong' : `${failures.length} failed`;
  const lines = [
    `${runs} runs${of} ${took}, ${short(events)} events: ${wrong}`,
    `${finished} machines came to their end, of the others every replica was struck down`,
    'rare states, and how often there was one:',
    ...RARE_STATES.map(state => `${String(visited.get(state) ?? 0).padStart(8)}  ${state}`),
  ];
  return `${lines.join('\n')}\n`;
}
