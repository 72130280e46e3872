// `node dist/bench/snapshot/main.js`: what does it cost to be suspendable, and to be suspended? Writes bench/results/snapshot.md.
//
//   --rounds N   pairs of samples for each kernel (default 7)
//   --only A,B   these kernels; then nothing is written
//   --turns N    times that each pause and each way of going on is measured (default 3)
//   --mebibytes A,B   memory of the guests that are paused (default 1,16,64,256)
//   --resumed A,B     kernels whose speed afterwards is looked at (default all that have a loop that they stay in)

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { markdownTable } from 'markdown-table';
import { instrument } from '../../engine/index.js';
import { GUEST_STACK_MB } from '../../engine/instance/meter.js';
import { keep, numbers } from '../host.js';
import { build } from '../instrumentation/build.js';
import { presentHost } from '../instrumentation/hosts.js';
import { KERNELS, type Kernel, MIXED } from '../instrumentation/kernels.js';
import { MODES, measure } from '../instrumentation/measure.js';
import { geometricMean } from '../instrumentation/statistics.js';
import type { DepthTimes } from './depth.js';
import { measurePauses } from './pause.js';
import { speedAfterResuming } from './speed.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string' },
    turns: { type: 'string', default: '3' },
    mebibytes: { type: 'string', default: '1,16,64,256' },
    resumed: { type: 'string' },
  },
});
const only = options.only?.split(',');
const turns = Number(options.turns);
const kernels = [...KERNELS, MIXED].filter(kernel => only === undefined || only.includes(kernel.name));

/** Bytes of the suspendable module over those of the one that only counts. */
function growth(kernel: Kernel): number {
  const bytes = readFileSync(build(kernel));
  return instrument(bytes, { suspendable: true }).module.length / instrument(bytes).module.length;
}

function normalPath(): string {
  const host = presentHost();
  const plan = { kernels, sides: ['rewritten', 'suspendable'], rounds: Number(options.rounds) } as const;
  const columns = MODES.map(mode => new Map(measure(host, mode, plan).map(cell => [cell.kernel, cell.ratio])));
  const sizes = new Map(kernels.map(kernel => [kernel.name, growth(kernel)]));
  const all = [...columns, sizes];
  const rows = kernels.map(({ name }) => [name, ...all.map(column => column.get(name)!.toFixed(3))]);
  const means = all.map(column => `**${geometricMean([...column.values()]).toFixed(3)}**`);
  return markdownTable(
    [[`kernel (${host.name})`, ...MODES.map(mode => mode.name), 'size'], ...rows, ['**geometric mean**', ...means]],
    { align: ['l', 'r', 'r', 'r'] },
  );
}

function depths(): Promise<readonly DepthTimes[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./depth.js', import.meta.url), {
      resourceLimits: { stackSizeMb: GUEST_STACK_MB },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const times = await depths();
const pauses = await measurePauses(numbers(options.mebibytes), turns);
const report = `# What it costs to be suspendable, and to be suspended

Time and size of a suspendable module over those of one that only counts (aim: time within 1.03, geometric mean).
Medians of ${options.rounds} alternating pairs; modes as in instrumentation.md. Written by \`node dist/bench/snapshot/main.js\`.

${normalPath()}

Unwinding a recursion of small functions and continuing it, in milliseconds, medians (aim: 2 for 1,000 frames). Cold: the
clones have to be written, compiled and instantiated first.

${markdownTable([
  ['frames', 'unwind', 'continue, cold', 'continue, warm', 'both, cold'],
  ...times.map(({ frames, unwind_ms, continueWarm_ms, continueCold_ms }) => [
    String(frames),
    ...[unwind_ms, continueCold_ms, continueWarm_ms, unwind_ms + continueCold_ms].map(value => value.toFixed(2)),
  ]),
])}

What the guest sees of a snapshot: the longest time between two readings of its clock, without and with one, for guests that
use all of their memory (aim: 3 ms + 0.15 ms a MiB), medians, in milliseconds. Then, on the I/O thread: making the bytes, and
the longest time that it does not look at its sockets meanwhile.

${markdownTable([
  ['memory', 'undisturbed', 'with a snapshot', 'aim', 'making the bytes', 'longest step'],
  ...pauses.map(({ mebibytes, undisturbed_ms, snapshot_ms, encoding_ms, step_ms }) => [
    `${mebibytes} MiB`,
    ...[undisturbed_ms, snapshot_ms, 3 + 0.15 * mebibytes, encoding_ms, step_ms].map(value => value.toFixed(1)),
  ]),
])}

Speed after being suspended once: CPU time of a kernel from some 100 ms after it over that of the same part of a run that
never was (aim: within 1.05). Continued in clones as V8 compiles them by itself (baseline), in optimised ones (now: replicas
that join or resume), in baseline ones that are replaced (later: primaries); settled: from the suspension until they are.

${await speedAfterResuming(turns, options.resumed?.split(','))}
`;
console.log(report);
if (only === undefined) keep('snapshot.md', report);
