// What do the experiments of the paper give, thirty years on? Its CPU and I/O workloads on pairs, over the plain machine,
// beside its own figures; on this host as it is, and with its disk and its Ethernet.
//
//   --rounds N            (default 3), alternating
//   --seconds S           of the CPU workload in each cell (default 1)
//   --operations N        of the disk that is as slow as the paper's, in each cell (default 64; the paper's are 2,048)
//   --fast-operations N   of the disk as it is (default 512)
//   --lengths L           epoch lengths, instructions, with commas between
//   --variants V          with commas between (default all)

import { parseArgs } from 'node:util';
import { VARIANTS } from '../../engine/protocol/vocabulary.js';
import { keep, numbers, publish } from '../host.js';
import { instructionsOfRun, pairRate, plainRate } from './cpu.js';
import { machineMs, plainMs } from './disk.js';
import { type Experiment, picture } from './picture.js';
import { DISK_MS, INSTRUCTIONS_PER_MS, PAPER_CHANNEL, PUBLISHED, type Workload } from './published.js';
import { table } from './table.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    operations: { type: 'string', default: '64' },
    'fast-operations': { type: 'string', default: '512' },
    lengths: { type: 'string' },
    variants: { type: 'string', default: VARIANTS.join() },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const variants = VARIANTS.filter(variant => values.variants.split(',').includes(variant));
const lengths = (workload: Workload) =>
  values.lengths === undefined ? Object.keys(PUBLISHED[workload]).map(Number) : numbers(values.lengths);

/** One table: what is measured in each cell, and on the plain machine, of which less is better. */
interface Part {
  readonly workload: Workload;
  readonly slowChannel: boolean;
  readonly title: string;
  /** Epochs here are so many times the paper's. */
  readonly scale: number;
  /** What the paper did: its figures stand beside. */
  readonly isAsPublished: boolean;
  readonly plain: () => Promise<number>;
  readonly pair: (setting: Parameters<typeof machineMs>[0]) => Promise<number>;
}

const instructions = instructionsOfRun();
/** Instructions of this host in the time of one of the paper's machine. */
const speed = (instructions * (await plainRate(seconds))) / INSTRUCTIONS_PER_MS;
const TITLES = { cpu: 'CPU', write: 'Disk, writing', read: 'Disk, reading' } as const;

function cpuPart(slowChannel: boolean, scale: number): Part {
  return {
    workload: 'cpu',
    slowChannel,
    title:
      scale === 1
        ? TITLES.cpu
        : `CPU, epochs as long as the paper's in time: ${scale.toFixed(0)} times the instructions`,
    scale,
    isAsPublished: true,
    plain: async () => 1 / (instructions * (await plainRate(seconds))),
    pair: async setting => 1 / (await pairRate(setting, seconds)),
  };
}

function diskPart(kind: 'write' | 'read', slowDisk: boolean, slowChannel: boolean): Part {
  const operations = Number(slowDisk ? values.operations : values['fast-operations']);
  const work = { kind, operations, delayMs: slowDisk ? DISK_MS[kind] : 0 };
  return {
    workload: kind,
    slowChannel,
    title: `${TITLES[kind]}, ${slowDisk ? `${DISK_MS[kind]} ms each` : 'as fast as a file'}`,
    scale: 1,
    isAsPublished: slowDisk,
    plain: () => plainMs(work),
    pair: setting => machineMs(setting, work),
  };
}

const DISK_KINDS = ['write', 'read'] as const;
const SECTIONS: readonly { readonly title: string; readonly parts: readonly Part[] }[] = [
  {
    title: 'The channel as it is',
    parts: [
      cpuPart(false, 1),
      cpuPart(false, speed),
      ...DISK_KINDS.map(kind => diskPart(kind, true, false)),
      ...DISK_KINDS.map(kind => diskPart(kind, false, false)),
    ],
  },
  {
    title: `The channel at 10 Mbit/s, with a round trip of ${1_000 * PAPER_CHANNEL.roundTripMs} us`,
    parts: [cpuPart(true, 1), cpuPart(true, speed), ...DISK_KINDS.map(kind => diskPart(kind, true, true))],
  },
];

async function measure(part: Part): Promise<Experiment> {
  const measured = new Map<string, Experiment['cells'][number] & { readonly ratios: number[] }>();
  for (let round = 0; round < rounds; round++) {
    console.error(
      `paper: ${part.title}, ${part.slowChannel ? 'slow' : 'fast'} channel, round ${round + 1} of ${rounds}`,
    );
    for (const length of lengths(part.workload)) {
      const epochLength = Math.round(part.scale * length);
      // Beside what it is compared with: a host that others use, too, changes its speed from one minute to the next.
      const plain = await part.plain();
      for (const variant of variants) {
        const cost = await part.pair({
          epochLength,
          variant,
          ...(part.slowChannel ? { slowChannel: PAPER_CHANNEL } : {}),
        });
        const key = `${length} ${variant}`;
        const cell = measured.get(key) ?? { length, variant, ratios: [] };
        cell.ratios.push(cost / plain);
        measured.set(key, cell);
      }
    }
  }
  const { workload, title, slowChannel, isAsPublished } = part;
  return { workload, title, slowChannel, isAsPublished, cells: [...measured.values()] };
}

const sections: string[] = [];
const experiments: Experiment[] = [];
for (const { title, parts } of SECTIONS) {
  const texts: string[] = [];
  for (const part of parts) {
    const experiment = await measure(part);
    experiments.push(experiment);
    texts.push(`### ${part.title}\n\n${table(experiment, lengths(part.workload), variants)}`);
  }
  sections.push(`## ${title}\n\n${texts.join('\n\n')}`);
}
keep('paper.json', `${JSON.stringify(experiments, null, 1)}\n`);
keep('paper.svg', await picture(experiments));
publish(
  'paper',
  "The paper's experiments",
  `Normalized performance: time on a pair over time on the plain machine, 1 = no cost; median of ${rounds} alternating rounds, and from the
least to the most. The paper is Bressoud and Schneider's (SOSP 1995): a machine of 50 MIPS, Ethernet of 10 Mbit/s; of 32,000 and 385,000
instructions its model says it. Its boundary cost 442.59 us, 21,000 instructions.

CPU: guest/programs/dhrystone.ts, ${instructions.toFixed(0)} WebAssembly instructions a run; ${seconds} s of a protected pair in each cell, without its start. Both
replicas, the device server and what else runs share this host's processors; the paper's had a machine each. This host does ${speed.toFixed(0)} times
of its instructions in the time of one of the paper's, so that an epoch of 1,000 is over in ${(1e6 / (speed * INSTRUCTIONS_PER_MS)).toFixed(2)} us and not in 20: a round trip that ends
it weighs as much more. The second table of each section has epochs that last as long as the paper's.
Disk: guest/programs/disk-paper.ts, ${values.operations} random synchronous operations of 8 KiB in each cell (${values['fast-operations']} where the disk is as fast as a file, in the
page cache), from the first that reaches the disk to the end of the last; the paper did 2,048. Here a guest that waits ends its epoch at
once, in the paper it idles on to the end of it: the length of epochs is to matter little.
The slow channel is a door before the port of each replica: one line for both directions, half the round trip each way.

![These tables as a picture: the paper's figures in black](paper.svg)

${sections.join('\n\n')}`,
);
