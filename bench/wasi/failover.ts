// `npm run sweep:wasi [-- POINTS [PROGRAM...]]`: each program killed at points spread over its run, in each variant, against
// node:wasi. What was found is kept in bench/results/wasi-failover.json as soon as it is there; a program that is named is
// swept anew, and one that is not named is left where it was swept at as many points.
//
// A point is an instruction count; the primary kills itself there with SIGKILL (at the first safe point at or after).
// Equal means: stdout, stderr, every file of the folder and the exit status, byte for byte, as node:wasi alone gave them.

import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import type { Variant } from '../../engine/protocol/vocabulary.js';
import { pointsSpread } from '../../engine/testing/kill-points.js';
import { isTiny, keep, ROOT } from '../host.js';
import { PROGRAMS, type ProgramCase, RUBY_CASE } from './cases.js';
import { differenceFromPlain, runPair, VARIANTS } from './pair.js';
import { type PlainResult, runPlain } from './plain.js';

const POINTS = 50;
/** Runs at a time: a pair keeps two cores busy, and the disk and start-up leave gaps. */
const JOBS = 2;
const KEPT = join(ROOT, 'bench', 'results', 'wasi-failover.json');

interface Sweep {
  /** Name of the program. */
  readonly program: string;
  readonly variant: Variant;
  readonly points: number;
  readonly instructions: number;
  killed: number;
  /** Points after which nothing was left to run: the program had ended before. */
  notReached: number;
  readonly differences: string[];
  readonly outstanding: number[];
  readonly liveMs: number[];
}

async function sweep(program: ProgramCase, variant: Variant, points: number, plain: PlainResult): Promise<Sweep> {
  const undisturbed = await runPair(program, { variant });
  const result: Sweep = {
    program: program.name,
    variant,
    points,
    instructions: undisturbed.instructions,
    killed: 0,
    notReached: 0,
    differences: [],
    outstanding: [],
    liveMs: [],
  };
  const difference = differenceFromPlain(plain, undisturbed);
  if (difference !== undefined) {
    result.differences.push(`undisturbed: ${difference}`);
    return result;
  }
  const waiting = pointsSpread(points, undisturbed.instructions);
  const worker = async () => {
    for (let kill = waiting.shift(); kill !== undefined; kill = waiting.shift()) {
      const run = await runPair(program, { variant, kill });
      const differs = differenceFromPlain(plain, run);
      if (differs !== undefined) result.differences.push(`${JSON.stringify(kill)}: ${differs}`);
      if (run.kill === undefined) {
        result.notReached += 1;
        continue;
      }
      result.killed += 1;
      result.outstanding.push(run.kill.outstanding);
      if (run.failover !== undefined) result.liveMs.push(run.failover.liveMs);
      else result.differences.push(`${JSON.stringify(kill)}: nobody took over`);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  return result;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function table(sweeps: readonly Sweep[]): string {
  const head = [
    'program',
    'variant',
    'instructions',
    'killed',
    'equal',
    'with operations outstanding',
    'live after, ms',
  ];
  const rows = sweeps.map(({ program, variant, instructions, killed, differences, outstanding, liveMs }) => [
    program,
    variant,
    instructions.toLocaleString('en'),
    String(killed),
    differences.length === 0 ? 'all' : `${killed - differences.length}`,
    String(outstanding.filter(count => count > 0).length),
    median(liveMs).toFixed(0),
  ]);
  return markdownTable([head, ...rows], { align: ['l', 'l', 'r', 'r', 'r', 'r', 'r'] });
}

async function main(): Promise<void> {
  const points = Number(process.argv[2] ?? POINTS);
  const named = process.argv.slice(3);
  const sweeps: Sweep[] = existsSync(KEPT) && !isTiny ? JSON.parse(readFileSync(KEPT, 'utf8')) : [];
  for (const program of [...PROGRAMS, RUBY_CASE]) {
    if (named.length > 0 && !named.includes(program.name)) continue;
    const plain = runPlain(program);
    for (const variant of VARIANTS) {
      const kept = sweeps.findIndex(one => one.program === program.name && one.variant === variant);
      if (named.length === 0 && kept >= 0 && sweeps[kept]!.points >= points) continue;
      const result = await sweep(program, variant, points, plain);
      if (kept < 0) sweeps.push(result);
      else sweeps[kept] = result;
      // As it stands: a sweep takes an hour on a busy host, and what it has found so far is not to be lost.
      publishSweeps(sweeps);
      const verdict = result.differences.length === 0 ? 'all equal' : result.differences.join('\n  ');
      console.log(`${program.name}, ${variant}: ${result.killed} killed, ${result.notReached} not reached: ${verdict}`);
    }
  }
  process.exitCode = sweeps.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

function publishSweeps(sweeps: readonly Sweep[]): void {
  keep('wasi-failover.json', `${JSON.stringify(sweeps, null, 1)}\n`);
  const failures = sweeps.flatMap(({ program, variant, differences }) =>
    differences.map(difference => `- ${program}, ${variant}: ${difference}`),
  );
  const text = [
    '# WASI programs, their primary killed',
    '',
    `\`npm run sweep:wasi\`, Node ${process.version}, ${cpus().length} cores. Each program runs in each variant, once for`,
    'each point of its run, until its primary kills itself there with SIGKILL; what comes out is compared with the same program',
    "alone on Node's own WASI: stdout, stderr, all files, exit status.",
    '',
    table(sweeps),
    '',
    failures.length === 0 ? 'No run differed.' : `Differences:\n\n${failures.join('\n')}`,
    '',
  ];
  keep('wasi-failover.md', text.join('\n'));
  if (isTiny) console.log(text.join('\n'));
}

await main();
