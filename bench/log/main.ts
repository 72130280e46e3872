// How much does the logging channel carry? Bytes of log a second of pairs whose guests do different things, by epoch length.
//
//   --rounds N     (default 3), alternating
//   --seconds S    of each cell (default 2)
//   --lengths L    epoch lengths, instructions, with commas between

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { DeviceSource } from '../../devices/device-kind.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { type CellRun, runCell } from '../../engine/cli/tuning/cell.js';
import { DeviceFiles } from '../../engine/cli/tuning/device-files.js';
import { guestPath, numbers, publish, quantile } from '../host.js';
import { ownedFolder, removeFolder } from '../processes.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    lengths: { type: 'string', default: '1000,100000,1000000,10000000' },
  },
});
const lengths = numbers(values.lengths);
const [DISK_BYTES, FOREVER] = [16 << 20, '1000000000'];

interface Work {
  readonly name: string;
  readonly guest: string;
  readonly arguments: readonly string[];
  readonly disk?: true;
}
const WORKS: readonly Work[] = [
  { name: 'computes', guest: 'cpu', arguments: ['1000000000'] },
  { name: 'sleeps, a timer each ms', guest: 'latency', arguments: [FOREVER, '1', 'idle'] },
  { name: 'computes, a line each 2 ms', guest: 'compute', arguments: [FOREVER, '40'] },
  { name: 'reads the clock all the time', guest: 'instructions', arguments: ['clock', FOREVER] },
  { name: 'reads 8 KiB of a disk at a time', guest: 'disk-paper', arguments: ['read', FOREVER], disk: true },
  { name: 'writes 8 KiB of a disk at a time', guest: 'disk-paper', arguments: ['write', FOREVER], disk: true },
];

const folder = ownedFolder();
const disk = join(folder, 'disk');
writeFileSync(disk, Buffer.alloc(DISK_BYTES));
const never = new Promise<undefined>(() => undefined);

async function run(work: Work, epochLength: number): Promise<CellRun> {
  const sources: DeviceSource[] = work.disk === true ? [{ kind: DISK_KIND.name, path: disk }] : [];
  const files = new DeviceFiles(sources);
  const options = { counting: 'block', operationIds: true, maxMemory: 1 << 30 } as const;
  try {
    const module = readFileSync(guestPath(work.guest));
    const guest = {
      ...{ module, moduleCache: true, files, listen: [] },
      options: { ...options, arguments: [work.guest, ...work.arguments] },
    };
    const cell = { epochLength, variant: 'deferred', replicas: 2 } as const;
    return await runCell(guest, cell, 1000 * Number(values.seconds), never);
  } finally {
    files.remove();
  }
}

const rates = new Map<string, number[]>();
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    console.error(`log: round ${round + 1} of ${values.rounds}`);
    for (const work of WORKS) {
      for (const length of lengths) {
        const { logBytes, ms } = await run(work, length);
        const place = `${work.name} ${length}`;
        rates.set(place, [...(rates.get(place) ?? []), logBytes / ms]);
      }
    }
  }
} finally {
  removeFolder(folder);
}

const rows = WORKS.map(({ name }) => [
  name,
  ...lengths.map(length =>
    quantile(rates.get(`${name} ${length}`)!, 0.5).toLocaleString('en-US', { maximumFractionDigits: 1 }),
  ),
]);
const heads = ['guest', ...lengths.map(length => `epochs of ${length.toLocaleString('en-US')}`)];
publish(
  'log',
  'How much the logging channel carries',
  `Kilobytes of log a second from the primary to the backup, \`deferred\`, medians of ${values.rounds} alternating rounds of ${values.seconds} s. Heartbeats and
acknowledgements are not in it. Empty epochs join into runs, one entry a millisecond at most, so that their length matters little;
what weighs is what comes from outside. The paper's Ethernet carried 1,250 kilobytes a second.

${markdownTable([heads, ...rows], { align: heads.map((_, at) => (at === 0 ? 'l' : 'r')) })}`,
);
