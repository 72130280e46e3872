// `npm run simulate`: runs of the simulator over a range of seeds; on a failure, the seed, its last events, the verdict.
//
//   npm run simulate -- --seeds 1000 --from 1
//   npm run simulate -- --seed 17 --trace
//   npm run simulate -- --restarts        in every run the bus dies, and is started again

import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { PRODUCTION } from '../simulator/parts.js';
import { chooseRestarting, chooseRun, type RunOptions } from '../simulator/run-plan.js';
import { simulate } from '../simulator/simulated-run.js';

/** How often the progress bar is drawn anew, runs. */
const DRAW_EVERY = 20;
/** Lines of the trace that are shown of a run that failed. */
const TRACE_LINES = 60;

type Choice = (seed: number) => RunOptions;

const USAGE = 'usage: simulate [--seeds N] [--from SEED] [--seed SEED [--trace]] [--restarts]';

function main(): number {
  let values: ReturnType<typeof parse>;
  try {
    values = parse();
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : error}\n${USAGE}\n`);
    return 2;
  }
  const from = number(values.seed ?? values.from ?? String(Date.now() % 1e9));
  const count = values.seed === undefined ? number(values.seeds ?? '1000') : 1;
  if (from === undefined || count === undefined) {
    process.stderr.write(`simulate: a seed and a number of seeds are whole numbers\n${USAGE}\n`);
    return 2;
  }
  process.stdout.write(`seeds ${from} to ${from + count - 1}\n`);
  return range(from, count, values.restarts === true ? chooseRestarting : chooseRun, values.trace === true);
}

function parse() {
  return parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean' },
      restarts: { type: 'boolean' },
    },
  }).values;
}

function number(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function range(from: number, count: number, choose: Choice, trace: boolean): number {
  const sums = new Map<string, number>();
  const add = (what: string, times: number): void => void sums.set(what, (sums.get(what) ?? 0) + times);
  const begunMs = performance.now();
  const perSecond = (done: number) => Math.round((1000 * done) / Math.max(1, performance.now() - begunMs));
  const bar = process.stderr.isTTY && !trace ? progressBar() : undefined;
  bar?.start(count, 0, { rate: '' });
  for (let seed = from; seed < from + count; seed++) {
    const { failure, end, coverage } = simulate(choose(seed), PRODUCTION, trace ? show : undefined);
    if (failure !== undefined) {
      bar?.stop();
      return report(seed, choose, trace);
    }
    add(end, 1);
    for (const [what, times] of Object.entries(coverage)) add(what, times);
    const done = seed - from + 1;
    if (done % DRAW_EVERY === 0) bar?.update(done, { rate: perSecond(done) });
  }
  bar?.stop();
  process.stdout.write(
    `${count} runs (${perSecond(count)} a second), nothing wrong: ${[...sums].map(([what, times]) => `${what} ${times}`).join(', ')}\n`,
  );
  return 0;
}

function progressBar(): SingleBar {
  return new SingleBar({
    format: '{bar} {value} of {total} runs, {rate} a second, {eta_formatted} left',
    stream: process.stderr,
    clearOnComplete: true,
    barsize: 30,
  });
}

function show(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The same seed is the same run: it is done again, this time with its trace. */
function report(seed: number, choose: Choice, shown: boolean): number {
  const run = choose(seed);
  const lines: string[] = [];
  const { failure } = simulate(run, PRODUCTION, line => {
    lines.push(line);
    if (lines.length > TRACE_LINES) lines.shift();
  });
  if (!shown) for (const line of lines) show(line);
  const { input, faults, ...options } = run;
  show(JSON.stringify({ ...options, inputChunks: input.length, faults }));
  show(`seed ${seed} failed: ${failure}`);
  return 1;
}

process.exitCode = main();
