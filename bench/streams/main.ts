// How long do 100 MB through a stream take, and memory that is filled? Whole commands: node:wasi alone, simplex, a pair.
//
//   --rounds N      (default 7)
//   --megabytes N   through each stream (default 100)
//   --filled A,B    megabytes of memory (default 700,1500)

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { FIRST_ROUND, numbers, publish, quantile, ROOT } from '../host.js';
import type { PlainRun } from '../wasi/plain-host.js';
import { type StreamCase, streamCases } from './cases.js';

/** Of a pair over plain, for the streams. */
const AIM = 2;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    megabytes: { type: 'string', default: '100' },
    filled: { type: 'string', default: '700,1500' },
  },
});
const CASES = streamCases(Number(values.megabytes), numbers(values.filled));

const KINDS = ['plain', 'simplex', 'pair'] as const;
type Kind = (typeof KINDS)[number];

function command(kind: Kind, { program, arguments: args }: StreamCase): string[] {
  if (kind === 'plain') {
    const run: PlainRun = { program, arguments: ['program', ...args], environment: {}, folders: {} };
    const host = join(ROOT, 'dist', 'bench', 'wasi', 'plain-host.js');
    return ['--no-warnings', '--no-turbo-fast-api-calls', host, JSON.stringify(run)];
  }
  const flags = kind === 'simplex' ? ['--replicas', '1'] : [];
  return [join(ROOT, 'dist', 'bundle', 'cli-main.js'), 'run', ...flags, '--max-memory', '2G', program, ...args];
}

/** The time of the whole, ms. */
function time(kind: Kind, measured: StreamCase): number {
  const words = [process.execPath, ...command(kind, measured)].map(word => `'${word}'`).join(' ');
  const start = performance.now();
  const { stdout, stderr } = spawnSync('sh', ['-c', measured.shell.replace('{}', words)], { encoding: 'utf8' });
  const ms = performance.now() - start;
  if (!measured.prints.test(stdout)) throw new Error(`${measured.name}, ${kind}, printed ${stdout}${stderr}`);
  return ms;
}

const times = new Map<string, number[]>();
const timesOf = (kind: Kind, { name }: StreamCase) => times.get(`${kind} ${name}`) ?? [];

for (let round = FIRST_ROUND; round < Number(values.rounds); round++) {
  for (const measured of CASES) {
    for (const kind of KINDS) {
      const ms = time(kind, measured);
      if (round >= 0) times.set(`${kind} ${measured.name}`, [...timesOf(kind, measured), ms]);
    }
  }
}

const median = (kind: Kind, measured: StreamCase) => quantile(timesOf(kind, measured), 0.5);
const [nothing, ...others] = CASES as readonly [StreamCase, ...StreamCase[]];
const rows = CASES.map(measured => {
  const [plain, simplex, pair] = KINDS.map(kind => median(kind, measured)) as [number, number, number];
  const beyond = (kind: Kind) => (median(kind, measured) - median(kind, nothing)).toFixed(0);
  return [
    measured.name,
    ...[plain, simplex, pair].map(ms => ms.toFixed(0)),
    ...[simplex / plain, pair / plain].map(ratio => ratio.toFixed(1)),
    others.includes(measured) ? KINDS.map(beyond).join(' / ') : '',
  ];
});
const head = ['what', 'plain, ms', 'simplex, ms', 'pair, ms', 'simplex/plain', 'pair/plain', 'without the start, ms'];
publish(
  'streams',
  'What streams and memory cost',
  `Medians of ${values.rounds} alternating rounds of whole commands, from the start of the first process to the end of the last;
plain is the same module on Node's own WASI. The last column has what is left without the first row: plain / simplex / pair.
Aim for the streams: a pair at ${AIM} times plain.

${markdownTable([head, ...rows], { align: ['l', ...head.slice(1).map(() => 'r')] })}`,
);
