// How much longer does `run hello.wasm` take than plain Node with the same module? Whole commands, alternating.
//
//   --rounds N   (default 15)

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { FIRST_ROUND, guestPath, publish, quantile, ROOT } from '../host.js';

const AIM_MS = 400;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });

const hello = guestPath('hello');
const epochvisor = join(ROOT, 'dist', 'bundle', 'cli-main.js');
const COMMANDS = {
  'plain Node': [join(ROOT, 'dist', 'bundle', 'plain-main.js'), hello],
  'run --replicas 1': [epochvisor, 'run', '--replicas', '1', hello],
  run: [epochvisor, 'run', hello],
  'run --no-cache': [epochvisor, 'run', '--no-cache', hello],
} as const;

const times = new Map<string, number[]>(Object.keys(COMMANDS).map(name => [name, []]));
for (let round = FIRST_ROUND; round < Number(values.rounds); round += 1) {
  for (const [name, args] of Object.entries(COMMANDS)) {
    const start = performance.now();
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    const ms = performance.now() - start;
    if (status !== 0 || !stdout.startsWith('Hello')) throw new Error(`${name} failed with status ${status}`);
    if (round >= 0) times.get(name)!.push(ms);
  }
}

const plain = times.get('plain Node')!;
const rows = [...times].map(([name, all]) => {
  const more = all.map((ms, round) => ms - plain[round]!);
  return [name, ...[quantile(all, 0.5), Math.min(...all), quantile(more, 0.5)].map(ms => ms.toFixed(0))];
});
const table = markdownTable([['command', 'median, ms', 'least, ms', 'more than plain, ms (median)'], ...rows], {
  align: ['l', 'r', 'r', 'r'],
});
publish(
  'start',
  'How much longer a start takes',
  `${values.rounds} alternating rounds of whole commands with \`hello.wasm\`. Aim: \`run\` at most ${AIM_MS} ms more than plain Node.

${table}`,
);
