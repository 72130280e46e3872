// What does comparing the replicas' state cost, and is the share of time kept that it may take? Guest `mill`, which computes in
// little memory or in much: what its primary says that it has spent, and what it executed, against the least share there is.
//
//   --rounds N      (default 5), of all settings in turn
//   --seconds S     of each (default 4), after a warm-up of half as long
//   --shares L      parts of the time, with commas between
//   --mebibytes L   memory that the guest works in, likewise

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { VERIFY_SHARE } from '../../engine/guest/machine-options.js';
import type { Status } from '../../engine/observe/status.js';
import { numbers, publish, quantile } from '../host.js';
import { launch } from '../joining/patient.js';
import { isProtected } from '../machine.js';
import { ownedFolder, removeFolder } from '../processes.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    shares: { type: 'string', default: '0.01,0.05,0.2' },
    mebibytes: { type: 'string', default: '1,64,400' },
  },
});
const ms = 1000 * Number(values.seconds);
const rounds = Number(values.rounds);
const shares = [VERIFY_SHARE.least, ...numbers(values.shares)];

interface Sample {
  readonly perMs: number;
  readonly verification: Status['verification'];
}

async function measure(mebibytes: number, verifyShare: number): Promise<Sample> {
  const folder = ownedFolder();
  const machine = await launch(folder, String(mebibytes), { verifyShare });
  const told = () =>
    new Promise<{ readonly atMs: number; readonly status: Status }>(resolve =>
      machine.once('status', status => resolve({ atMs: performance.now(), status })),
    );
  try {
    await machine.start();
    await isProtected(machine);
    await pause(ms / 2);
    const first = await told();
    await pause(ms);
    const last = await told();
    const perMs = (last.status.instructions - first.status.instructions) / (last.atMs - first.atMs);
    return { perMs, verification: last.status.verification };
  } finally {
    await machine.stop();
    removeFolder(folder);
  }
}

const percent = (part: number) => `${Number((100 * part).toPrecision(3))} %`;
const rows: string[][] = [];
for (const mebibytes of numbers(values.mebibytes)) {
  const samples = new Map<number, Sample[]>(shares.map(share => [share, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const share of shares) samples.get(share)!.push(await measure(mebibytes, share));
  }
  const least = samples.get(VERIFY_SHARE.least)!;
  for (const [share, own] of samples) {
    const median = (of: (sample: Sample, round: number) => number) => quantile(own.map(of), 0.5);
    const every = own.map(({ verification }) => verification.everyMs ?? Infinity);
    rows.push([
      String(mebibytes),
      percent(share),
      percent(median(({ verification }) => verification.spent)),
      percent(Math.max(...own.map(({ verification }) => verification.spent))),
      median(({ perMs }, round) => perMs / least[round]!.perMs).toFixed(3),
      median(({ verification }) => verification.comparisons).toFixed(0),
      Number.isFinite(quantile(every, 0.5)) ? quantile(every, 0.5).toFixed(0) : '-',
    ]);
  }
}
publish(
  'verify',
  'What comparing the state of the replicas costs',
  `Guest \`mill\`, default settings but for \`--verify\`; medians of ${rounds} machines each, in turn, ${values.seconds} s long. Spent:
the part of the primary's time from its first digest on; throughput: instructions a second against those with a share of
${percent(VERIFY_SHARE.least)}; again after: the time after which a page of memory is compared again (-: not within the run).

${markdownTable([['MiB', 'share', 'spent', 'most', 'throughput', 'comparisons', 'again after, ms'], ...rows], {
  align: ['r', 'r', 'r', 'r', 'r', 'r', 'r'],
})}`,
);
