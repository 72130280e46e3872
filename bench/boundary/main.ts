// What does the end of an epoch cost, from its last instruction to the first of the next? Alone on its thread, and in
// machines of real processes, where both replicas, their I/O threads and the bus share this host's processors.
//
//   --rounds N    (default 5)
//   --seconds S   of all machines, a round (default 60)
//   --lengths L   epoch lengths of the machines, instructions, ascending, with commas between
//   --variants V  of the pairs (default all)

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { DeviceFiles } from '../../engine/cli/tuning/device-files.js';
import { fitsOf } from '../../engine/cli/tuning/fits.js';
import { sweep } from '../../engine/cli/tuning/sweep.js';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { guestPath, numbers, publish, quantile } from '../host.js';
import { type DirectCost, measureDirect } from './direct.js';

const AIM_US = 2;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
    variants: { type: 'string', default: VARIANTS.join() },
    lengths: { type: 'string', default: '1000,2000,4000,8000,1000000' },
  },
});
const rounds = Number(values.rounds);

const cost = (name: string, us: number, instructions: number) => [
  name,
  us.toFixed(2),
  instructions.toLocaleString('en-US', { maximumFractionDigits: 0 }),
];

const rows: string[][] = [];
for (const [name, backup] of [
  ['guest thread alone, simplex', false],
  ['guest thread alone, logging', true],
] as const) {
  const costs: DirectCost[] = [];
  for (let round = 0; round < rounds; round += 1) costs.push(await measureDirect(backup));
  rows.push(
    cost(
      name,
      quantile(
        costs.map(each => each.boundaryUs),
        0.5,
      ),
      quantile(
        costs.map(each => each.instructions),
        0.5,
      ),
    ),
  );
}

const path = guestPath('cpu');
const files = new DeviceFiles([]);
const options = { counting: 'block', operationIds: true, maxMemory: 1 << 30, arguments: ['cpu', '10000000'] } as const;
const plan = {
  guest: { module: readFileSync(path), moduleCache: true, options, files, listen: [] },
  epochLengths: numbers(values.lengths),
  variants: VARIANTS.filter(variant => values.variants.split(',').includes(variant)),
  timeMs: 1000 * Number(values.seconds) * rounds,
};
try {
  const { cells } = await sweep(plan, new AbortController().signal, (done, next) =>
    console.error(`boundary: ${(100 * done).toFixed(0)} % (${next})`),
  );
  for (const { variant, b, boundaryUs } of fitsOf(cells)) {
    rows.push(cost(variant === 'simplex' ? 'machine, simplex' : `pair, ${variant}`, boundaryUs, b));
  }
} finally {
  files.remove();
}
publish(
  'boundary',
  'What the end of an epoch costs',
  `The cpu guest, empty epochs. On the guest thread alone: CPU time at epochs of 1,000 instructions less that at
10,000,000. In machines: \`b\` of the paper's NP(EL) = 1 + a + b / EL, fitted to epochs of ${plan.epochLengths.map(length => length.toLocaleString('en-US')).join(', ')}
instructions. The paper's boundary cost 442.59 us, 21,000 instructions; aim: ${AIM_US} us with a live backup, \`deferred\`.

${markdownTable([['boundary', 'us', 'guest instructions'], ...rows], { align: ['l', 'r', 'r'] })}`,
);
