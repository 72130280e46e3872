// How long does output wait for its commit: from the guest's write to the device? And how long for what an interrupt waits? By
// epoch length and variant, of a guest that computes and prints as it goes.
//
//   --rounds N     (default 3), alternating
//   --seconds S    of each cell (default 2)
//   --lengths L    epoch lengths, instructions, with commas between
//   --variants V   with commas between (default all)

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { runCell } from '../../engine/cli/tuning/cell.js';
import { DeviceFiles } from '../../engine/cli/tuning/device-files.js';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { guestPath, numbers, publish, quantile } from '../host.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    lengths: { type: 'string', default: '1000,10000,100000,1000000,10000000' },
    variants: { type: 'string', default: VARIANTS.join() },
  },
});
const lengths = numbers(values.lengths);
const variants = VARIANTS.filter(variant => values.variants.split(',').includes(variant));
const GUEST = 'compute';
/** Work between two lines: some 2 ms. */
const ARGUMENTS = ['1000000000', '40'];

const path = guestPath(GUEST);
const files = new DeviceFiles([]);
const guest = {
  module: readFileSync(path),
  moduleCache: true,
  options: { counting: 'block', operationIds: true, maxMemory: 1 << 30, arguments: [GUEST, ...ARGUMENTS] },
  files,
  listen: [],
} as const;

interface Waits {
  readonly output: number[];
  readonly interrupt: number[];
}
const waits = new Map<string, Waits>();
const never = new Promise<undefined>(() => undefined);
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    console.error(`commit: round ${round + 1} of ${values.rounds}`);
    for (const epochLength of lengths) {
      for (const variant of variants) {
        const run = await runCell(guest, { epochLength, variant, replicas: 2 }, 1000 * Number(values.seconds), never);
        const cell = waits.get(`${variant} ${epochLength}`) ?? { output: [], interrupt: [] };
        cell.output.push(...run.heldMs);
        cell.interrupt.push(...run.waitsMs);
        waits.set(`${variant} ${epochLength}`, cell);
      }
    }
  }
} finally {
  files.remove();
}

const short = (ms: number) => (Number.isNaN(ms) ? '' : ms.toFixed(3));
const rows = variants.flatMap(variant =>
  lengths.map(length => {
    const { output, interrupt } = waits.get(`${variant} ${length}`)!;
    return [
      variant,
      length.toLocaleString('en-US'),
      ...[output, interrupt].flatMap(ms => [0.5, 0.99].map(part => short(quantile(ms, part)))),
    ];
  }),
);
const heads = ['variant', 'epoch, instructions', 'output, ms', '99 %', 'interrupt, ms', '99 %'];
publish(
  'commit',
  'How long output and interrupts wait',
  `The compute guest, a line every few milliseconds; ${values.rounds} alternating rounds of ${values.seconds} s for each row. Output: from the guest's
write to the device, over the acknowledgement of the backup (what came before it is logged). Interrupt: from a random moment to
the next at which the guest would be delivered one. The rest of this host is idle; both replicas and the bus share its processors.

${markdownTable([heads, ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r'] })}`,
);
