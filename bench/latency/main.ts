// How late do timer interrupts come? The latency guest computes, arms its timer, and prints by how much the clock had
// passed the deadline when it noticed. On a pair, by epoch length and variant; on one machine; on the plain machine.
//
//   --samples N   timers for each row (default 200)
//   --lengths L   epoch lengths, instructions, with commas between
//   --settles N   runs of each guest to see what auto settles at (default 5)

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { guestPath, numbers, publish, quantile, ROOT } from '../host.js';
import { settledRows } from './settled.js';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '200' },
    lengths: { type: 'string', default: '1000,10000,100000,1000000,10000000' },
    settles: { type: 'string', default: '5' },
  },
});
const PERIOD_MS = 5;

const run = join(ROOT, 'dist', 'bundle', 'cli-main.js');
const plain = join(ROOT, 'dist', 'bundle', 'plain-main.js');

/** Median, 99 % and most, ms. */
function latencies(name: string, command: readonly string[]): string[] {
  const args = [...command, guestPath('latency'), values.samples, String(PERIOD_MS), 'busy'];
  const { status, stdout } = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`${name} failed with status ${status}`);
  const ms = [...stdout.toString().matchAll(/^\d+ (\d+)$/gm)].map(line => Number(line[1]) / 1e6);
  return [name, ...[quantile(ms, 0.5), quantile(ms, 0.99), Math.max(...ms)].map(each => each.toFixed(3))];
}

const rows = [latencies('plain', [plain]), latencies('simplex, 1,000,000', [run, 'run', '--replicas', '1'])];
for (const variant of VARIANTS) {
  for (const length of numbers(values.lengths)) {
    const flags = ['run', '--epoch-length', String(length), '--variant', variant];
    rows.push(latencies(`${variant}, ${length.toLocaleString('en-US')}`, [run, ...flags]));
  }
  rows.push(latencies(`${variant}, auto`, [run, 'run', '--epoch-length', 'auto', '--variant', variant]));
}
const settled = await settledRows(Number(values.settles), ['deferred', 'original']);
publish(
  'latency',
  'How late interrupts come',
  `From a timer's deadline to the guest's reading of the clock after its interrupt, while the guest computes;
${values.samples} timers of ${PERIOD_MS} ms for each row.

${markdownTable([['machine, epoch length', 'median, ms', '99 %, ms', 'most, ms'], ...rows], { align: ['l', 'r', 'r', 'r'] })}

## What auto settles at

\`--epoch-length auto\` after some seconds, ${values.settles} runs of each guest, instructions; and by how much the length of the last second went up
and down, at most (most / least). Boundaries are to take less than 1 %, an epoch at most 1 ms.

${markdownTable([['guest', 'variant', 'least', 'median', 'most', 'last second'], ...settled], { align: ['l', 'l', 'r', 'r', 'r', 'r'] })}`,
);
