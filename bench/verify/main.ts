// What does comparing the replicas' state cost, and is the share of time kept that it may take? Guest `mill`, which computes in
// little memory or in much: what its primary says that it has spent, and what it executed, against the least share there is. And how
// long does it take until a bit that flips in the memory of the backup is found?
//
//   --rounds N      (default 5), of all settings in turn
//   --seconds S     of each (default 4), after a warm-up of half as long
//   --shares L      parts of the time, with commas between
//   --flips N       bits of each setting, a machine each (default 3)
//   --mebibytes L   memory that the guest works in, likewise

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { VERIFY_SHARE } from '../../engine/guest/machine-options.js';
import type { Status } from '../../engine/observe/status.js';
import { flipHook } from '../../engine/testing/flip-hook.js';
import { isTiny, numbers, publish, quantile } from '../host.js';
import { launch } from '../joining/patient.js';
import { isProtected } from '../machine.js';
import { ownedFolder, removeFolder } from '../processes.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    shares: { type: 'string', default: '0.01,0.05,0.2' },
    mebibytes: { type: 'string', default: '1,64,400' },
    flips: { type: 'string', default: '3' },
  },
});
const ms = 1000 * Number(values.seconds);
const rounds = Number(values.rounds);
const flips = Number(values.flips);
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

/** At the first boundary after so many instructions: under a second after the start, when both replicas compute. */
const FLIP_AT = isTiny ? 5_000_000 : 200_000_000;
/** A flip that is not found by then is not waited for. */
const FLIP_MAX_MS = 30_000;
const MEBIBYTE = 1 << 20;

/** From what the primary told last before the flip until the backup has halted, ms; Infinity: it was not found. */
async function foundAfterMs(mebibytes: number, verifyShare: number, part: number): Promise<number> {
  const folder = ownedFolder();
  const address = Math.floor(part * mebibytes * MEBIBYTE);
  const hooks = { backup: flipHook({ count: FLIP_AT, address, bit: 3 }) };
  const machine = await launch(folder, String(mebibytes), { verifyShare, hooks });
  const found = new Promise<number>(resolve => machine.once('lost', () => resolve(performance.now())));
  const flipped = new Promise<number>(resolve =>
    machine.on('status', ({ instructions }) => {
      if (instructions >= FLIP_AT) resolve(performance.now());
    }),
  );
  try {
    await machine.start();
    const flippedMs = await flipped;
    const foundMs = await Promise.race([found, pause(FLIP_MAX_MS, Infinity)]);
    return Math.max(0, foundMs - flippedMs);
  } finally {
    await machine.stop();
    removeFolder(folder);
  }
}

/** The median, and the longest; of the least share, which is there to compare with, none. */
async function findings(mebibytes: number, share: number): Promise<[string, string]> {
  if (share === VERIFY_SHARE.least) return ['-', '-'];
  const times: number[] = [];
  for (let flip = 0; flip < flips; flip += 1) times.push(await foundAfterMs(mebibytes, share, (flip + 0.5) / flips));
  const text = (ms: number) => (Number.isFinite(ms) ? ms.toFixed(0) : `> ${FLIP_MAX_MS}`);
  return [text(quantile(times, 0.5)), text(Math.max(...times))];
}

const percent = (part: number) => `${Number((100 * part).toPrecision(3))} %`;
const head = [
  ...['MiB', 'share', 'spent', 'most', 'throughput', 'comparisons', 'again after, ms'],
  ...['found after, ms: median', 'longest'],
];
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
      ...(await findings(mebibytes, share)),
    ]);
  }
}
publish(
  'verify',
  'What comparing the state of the replicas costs, and finds',
  `Guest \`mill\`, default settings but for \`--verify\`; medians of ${rounds} machines each, in turn, ${values.seconds} s long. Spent:
the part of the primary's time from its first digest on; throughput: instructions a second against those with a share of
${percent(VERIFY_SHARE.least)}; again after: the time after which a page of memory is compared again (-: not within the run).
Found after: one bit of the backup's memory is flipped from inside, ${flips} machines each; the time until it has halted.

${markdownTable([head, ...rows], { align: head.map(() => 'r') })}`,
);
