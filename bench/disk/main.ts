// What does a disk operation cost? Random blocks of 8 KiB, one at a time, of a file in the page cache: the plain machine, simplex,
// and pairs.
//
//   --rounds N       (default 5), alternating
//   --operations N   in each cell (default 2,048)

import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { DEFAULT_MACHINE, FIRST_ROUND, publish, quantile } from '../host.js';
import { type DiskWork, machineMs, plainMs } from '../paper/disk.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, operations: { type: 'string', default: '2048' } },
});
const KINDS = ['write', 'read'] as const;
const ROWS: readonly { readonly name: string; readonly measure: (work: DiskWork) => Promise<number> }[] = [
  { name: 'plain', measure: plainMs },
  { name: 'simplex', measure: work => machineMs({ replicas: 1 }, work) },
  ...VARIANTS.map(variant => ({
    name: `pair, ${variant}`,
    measure: (work: DiskWork) => machineMs({ variant }, work),
  })),
];

const costs = new Map<string, number[]>();
for (let round = FIRST_ROUND; round < Number(values.rounds); round += 1) {
  console.error(`disk: round ${round + 1} of ${values.rounds}`);
  for (const kind of KINDS) {
    for (const { name, measure } of ROWS) {
      const ms = await measure({ kind, operations: Number(values.operations), delayMs: 0 });
      if (round >= 0) costs.set(`${name} ${kind}`, [...(costs.get(`${name} ${kind}`) ?? []), ms]);
    }
  }
}

const rows = ROWS.map(({ name }) => [
  name,
  ...KINDS.flatMap(kind => {
    const ms = costs.get(`${name} ${kind}`)!;
    return [1_000 * quantile(ms, 0.5), 1_000 * Math.max(...ms)].map(us => us.toFixed(0));
  }),
]);
publish(
  'disk',
  'What a disk operation costs',
  `guest/programs/disk-paper.ts, ${values.operations} random operations of 8 KiB on a file, one at a time, from the first that reaches the disk to the end
of the last; medians and most of ${values.rounds} alternating rounds. Epochs of ${DEFAULT_MACHINE.epochLength.toLocaleString('en-US')}. An operation on a pair goes over the bus, once what precedes it
is acknowledged, and its completion over the log; a disk that takes milliseconds hides that (paper.md).

${markdownTable([['machine', 'write, us', 'most', 'read, us', 'most'], ...rows], { align: ['l', 'r', 'r', 'r', 'r'] })}`,
);
