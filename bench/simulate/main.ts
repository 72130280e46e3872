// `npm run bench simulate`: seeds of the simulator, until so many events have been simulated; and what the runs went through.
//
//   npm run bench simulate -- [--events 1e8] [--minutes M] [--kind all] [--threads N] [--batch SEEDS] [--anew]
//
// It goes on where it was ended, by Ctrl-C or after M minutes: what was done stands in bench/results/simulate.json. The commits that
// it was done at stand there, too; `--anew` forgets all.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { markdownTable } from 'markdown-table';
import { KINDS } from '../../engine/simulator/kinds.js';
import { RARE_STATES, type RareState } from '../../engine/simulator/sometimes.js';
import { type SeedsSums, simulateSeeds } from '../../engine/testing/seeds.js';
import { isTiny, keep, publish, ROOT } from '../host.js';

const STATE = 'simulate.json';
/** Of failures, so many are kept. */
const FAILURES_MAX = 20;

interface State {
  readonly kind: string;
  readonly commits: readonly string[];
  /** The first seed that was not run. */
  readonly next: number;
  readonly runs: number;
  readonly finished: number;
  readonly events: number;
  readonly virtualMs: number;
  /** Of this host: passed while it ran, and per core. */
  readonly seconds: number;
  readonly coreSeconds: number;
  readonly visited: Partial<Record<RareState, number>>;
  readonly failures: readonly { readonly seed: number; readonly failure: string }[];
}

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1e8' },
    minutes: { type: 'string', default: 'Infinity' },
    kind: { type: 'string', default: 'all' },
    threads: { type: 'string', default: String(availableParallelism()) },
    batch: { type: 'string', default: '2000' },
    anew: { type: 'boolean', default: isTiny },
  },
});
const [events, minutes, threads, batch] = [values.events, values.minutes, values.threads, values.batch].map(Number) as [
  number,
  number,
  number,
  number,
];
const isWrong = ![events, minutes, threads, batch].every(value => value > 0) || !Number.isInteger(threads);
if (isWrong || !Number.isInteger(batch) || !Object.hasOwn(KINDS, values.kind)) {
  console.error(`simulate: numbers are above 0, kinds are ${Object.keys(KINDS).join(', ')}`);
  process.exit(2);
}

const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());
let state = values.anew ? nothing() : (kept() ?? nothing());
if (state.kind !== values.kind) {
  console.error(`simulate: ${STATE} is of kind ${state.kind}: give that, or --anew`);
  process.exit(2);
}
const begunMs = performance.now();
console.error(`simulate: from seed ${state.next}, kind ${state.kind}`);
const bar = process.stderr.isTTY
  ? new SingleBar({
      format: '{bar} {value} of {total} events, {rate} a second, {failures} failures, {eta_formatted} left',
    })
  : undefined;
bar?.start(events, state.events, { rate: 0, failures: state.failures.length });
while (state.events < events && performance.now() - begunMs < minutes * 60_000 && !interruption.signal.aborted) {
  const fromMs = performance.now();
  const sums = await simulateSeeds({
    kind: state.kind,
    from: state.next,
    seeds: batch,
    threads,
    failuresMax: FAILURES_MAX,
    signal: interruption.signal,
  });
  // What was interrupted has gaps: it is done once more.
  if (sums.runs < batch) break;
  state = after(state, sums, (performance.now() - fromMs) / 1000);
  keep(STATE, `${JSON.stringify(state, null, 2)}\n`);
  bar?.update(state.events, { rate: Math.round(state.events / state.seconds), failures: state.failures.length });
}
bar?.stop();
summarise(state);
process.exitCode = state.failures.length > 0 ? 1 : 0;

function nothing(): State {
  const sums = { runs: 0, finished: 0, events: 0, virtualMs: 0, seconds: 0, coreSeconds: 0, visited: {}, failures: [] };
  return { kind: values.kind, commits: [], next: 1, ...sums };
}

function kept(): State | undefined {
  const path = join(ROOT, 'bench', 'results', STATE);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as State) : undefined;
}

function commit(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, encoding: 'utf8' }).trim();
}

function after(before: State, sums: SeedsSums, seconds: number): State {
  const visited = { ...before.visited };
  for (const [what, times] of sums.visited) visited[what] = (visited[what] ?? 0) + times;
  return {
    kind: before.kind,
    commits: [...new Set([...before.commits, commit()])],
    next: before.next + batch,
    runs: before.runs + sums.runs,
    finished: before.finished + sums.finished,
    events: before.events + sums.events,
    virtualMs: before.virtualMs + sums.virtualMs,
    seconds: before.seconds + seconds,
    coreSeconds: before.coreSeconds + seconds * threads,
    visited,
    failures: [...before.failures, ...sums.failures].slice(0, FAILURES_MAX),
  };
}

function summarise({
  kind,
  commits,
  next,
  runs,
  finished,
  events,
  virtualMs,
  seconds,
  coreSeconds,
  visited,
  failures,
}: State) {
  const figures = [
    ['seeds', `1 to ${next - 1}, kind ${kind}`],
    ['simulated events', events.toLocaleString('en')],
    ['machines that came to their end', `${finished.toLocaleString('en')} of ${runs.toLocaleString('en')}`],
    ['time of these machines, hours', (virtualMs / 3_600_000).toFixed(1)],
    ['time of this host, hours', (seconds / 3600).toFixed(2)],
    ['events a second and core', coreSeconds === 0 ? '-' : Math.round(events / coreSeconds).toLocaleString('en')],
    ['failures', String(failures.length)],
    ['at', commits.join(', ')],
  ];
  const states = RARE_STATES.map(name => [name, (visited[name] ?? 0).toLocaleString('en')]);
  const failed = failures.map(
    ({ seed, failure }) => `- \`epochvisor simulate --seed ${seed} --kind ${kind}\`: ${failure}`,
  );
  publish(
    'simulate',
    'The protocol under seeded faults',
    `The production state machines and drivers in simulated time (engine/simulator), each run judged. Where a machine did
not come to its end every replica was struck down.

${markdownTable([['', ''], ...figures])}

${failed.join('\n')}

How often there was each of the rare states that runs must visit:

${markdownTable([['state', 'times'], ...states], { align: ['l', 'r'] })}`,
  );
}
