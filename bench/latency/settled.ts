// What `--epoch-length auto` settles at, of guests that differ in speed and in what they wait for, again and again.

import type { Variant } from '../../engine/protocol/vocabulary.js';
import { quantile } from '../host.js';
import { withMachine } from '../machine.js';

/** Each machine runs so long; what is settled at is what its last second had. */
const RUN_MS = 4_000;
const LAST_MS = 1_000;
const FOREVER = '1000000000';

const GUESTS = [
  ['cpu', FOREVER],
  ['dhrystone', FOREVER],
  ['compute', FOREVER, '40'],
  ['latency', FOREVER, '5', 'busy'],
] as const;

async function settledOnce(guest: (typeof GUESTS)[number], variant: Variant): Promise<number[]> {
  return await withMachine({ variant, latencyMaxMs: 1 }, guest, {}, async machine => {
    const lengths: number[] = [];
    const startMs = performance.now();
    machine.on('status', ({ epochLength }) => {
      if (performance.now() - startMs > RUN_MS - LAST_MS) lengths.push(epochLength);
    });
    await new Promise(resolve => setTimeout(resolve, RUN_MS));
    return lengths;
  });
}

/** A row for each guest: what it settled at, by run, and the most that the last second of any run went up or down by. */
export async function settledRows(times: number, variants: readonly Variant[]): Promise<string[][]> {
  const rows: string[][] = [];
  if (times === 0) return rows;
  for (const guest of GUESTS) {
    for (const variant of variants) {
      const runs: number[][] = [];
      for (let run = 0; run < times; run++) runs.push(await settledOnce(guest, variant));
      const last = runs.map(lengths => lengths.at(-1)!);
      const spread = Math.max(...runs.map(lengths => Math.max(...lengths) / Math.min(...lengths)));
      const shown = [Math.min(...last), quantile(last, 0.5), Math.max(...last)].map(each =>
        each.toLocaleString('en-US'),
      );
      rows.push([guest[0], variant, ...shown, spread.toFixed(1)]);
    }
  }
  return rows;
}
