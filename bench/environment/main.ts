// What does an environment instruction cost, and how much of the log does it take? The instructions guest does many of one kind
// between two lines; what is timed is the way from the one line to the other, as they come to the device.
//
//   --rounds N   (default 5), alternating
//   --count N    instructions of each kind, in each cell (default 1,000,000)
//   --kinds K    of instructions, with commas between (default all)

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { ProcessDevices } from '../../engine/plain/plain-devices.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { FIRST_ROUND, guestPath, publish, quantile } from '../host.js';
import { type Setting, withMachine } from '../machine.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '1000000' },
    kinds: { type: 'string', default: 'clock,random,line' },
  },
});
const GUEST = 'instructions';
const KINDS = values.kinds.split(',');

interface Cost {
  /** Of one instruction. */
  readonly ns: number;
  readonly logBytes: number;
}

/** From the first line to the last. */
class Stopwatch {
  #firstMs: number | undefined;
  #lastMs = 0;

  readonly look = (): void => {
    this.#lastMs = performance.now();
    this.#firstMs ??= this.#lastMs;
  };

  get ns(): number {
    return ((this.#lastMs - this.#firstMs!) * 1e6) / Number(values.count);
  }
}

class TimedDevices extends ProcessDevices {
  readonly watch = new Stopwatch();

  override write(): void {
    this.watch.look();
  }
}

async function plain(kind: string): Promise<Cost> {
  const devices = new TimedDevices([GUEST, kind, values.count]);
  new PlainMachine(devices).run(new WebAssembly.Module(readFileSync(guestPath(GUEST))));
  await devices.close();
  return { ns: devices.watch.ns, logBytes: Number.NaN };
}

function onMachine(setting: Setting, kind: string): Promise<Cost> {
  const watch = new Stopwatch();
  return withMachine(setting, [GUEST, kind, values.count], { printed: watch.look }, async machine => {
    let logBytes = 0;
    machine.on('status', status => {
      logBytes = status.logBytes;
    });
    await machine.outcome;
    return { ns: watch.ns, logBytes: logBytes / Number(values.count) };
  });
}

type Row = { readonly name: string; readonly measure: (kind: string) => Promise<Cost> };
const ROWS: readonly Row[] = [
  { name: 'plain', measure: plain },
  { name: 'simplex', measure: kind => onMachine({ replicas: 1 }, kind) },
  ...VARIANTS.map(variant => ({
    name: `pair, ${variant}`,
    measure: (kind: string) => onMachine({ variant }, kind),
  })),
];

const costs = new Map<string, Cost[]>();
for (let round = FIRST_ROUND; round < Number(values.rounds); round += 1) {
  console.error(`environment: round ${round + 1} of ${values.rounds}`);
  for (const kind of KINDS) {
    for (const { name, measure } of ROWS) {
      const cost = await measure(kind);
      if (round >= 0) costs.set(`${name} ${kind}`, [...(costs.get(`${name} ${kind}`) ?? []), cost]);
    }
  }
}

const median = (row: string, kind: string, figure: keyof Cost) =>
  quantile(
    costs.get(`${row} ${kind}`)!.map(cost => cost[figure]),
    0.5,
  );
const rows = ROWS.map(({ name }) => [
  name,
  ...KINDS.map(kind => median(name, kind, 'ns').toFixed(0)),
  ...KINDS.map(kind => (name.startsWith('pair') ? median(name, kind, 'logBytes').toFixed(1) : '')),
]);
const heads = ['machine', ...KINDS.map(kind => `${kind}, ns`), ...KINDS.map(kind => `${kind}, bytes of log`)];
publish(
  'environment',
  'What an environment instruction costs',
  `guest/programs/instructions.ts, ${Number(values.count).toLocaleString('en-US')} of a kind one after another, medians of ${values.rounds} alternating rounds: from the first line to the
last, as they come to a device that keeps nothing. A line is 15 bytes, an output of its own. Epochs of the default length. The guest does
nothing else: a program that reads the clock a thousand times a second does not notice.

${markdownTable([heads, ...rows], { align: heads.map((_, at) => (at === 0 ? 'l' : 'r')) })}`,
);
