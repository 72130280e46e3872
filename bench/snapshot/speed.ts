// How fast kernels run after they were suspended: each way of continuing against the same part of a run without.

import { Worker } from 'node:worker_threads';
import { markdownTable } from 'markdown-table';
import { GUEST_STACK_MB } from '../../engine/instance/meter.js';
import { build } from '../instrumentation/build.js';
import { KERNELS } from '../instrumentation/kernels.js';
import { medianOf } from './median.js';
import type { Resumed, ResumingRequest, Way } from './resuming.js';

/** Kernels with a loop that they stay in, and what makes them run for about a second. */
const SIZES: Readonly<Record<string, number>> = {
  interpreter: 400_000,
  sha256: 1_200_000,
  sieve: 40_000_000,
  closure: 200,
  matmul: 250,
};
const WAYS: readonly Way[] = ['baseline', 'now', 'later'];
/** Parts of the run: where the guest is suspended, and between which its speed is looked at, some 100 ms later. */
const SUSPEND_AT = 0.2;
const WINDOW = [0.35, 0.95];

function sample(request: ResumingRequest): Promise<Resumed> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./resuming.js', import.meta.url), {
      workerData: request,
      resourceLimits: { stackSizeMb: GUEST_STACK_MB },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function row(name: string, size: number, turns: number): Promise<readonly string[]> {
  const path = build(KERNELS.find(kernel => kernel.name === name)!);
  const { instructions, result } = await sample({ path, size, way: 'never', suspendAt: 0, window: [0, 0] });
  const ratios = new Map(WAYS.map(way => [way, [] as number[]]));
  const settled: number[] = [];
  for (let round = 0; round < turns; round++) {
    const at = (part: number) => Math.floor(instructions * part);
    const request = { path, size, suspendAt: at(SUSPEND_AT), window: [at(WINDOW[0]!), at(WINDOW[1]!)] as const };
    const never = await sample({ ...request, way: 'never' });
    for (const way of WAYS) {
      const resumed = await sample({ ...request, way });
      if (resumed.result !== result) throw new Error(`${name}: ${way} gave ${resumed.result}, not ${result}`);
      ratios.get(way)!.push(resumed.window_ms / never.window_ms);
      if (way === 'later') settled.push(resumed.settled_ms);
    }
  }
  return [name, ...WAYS.map(way => medianOf(ratios.get(way)!).toFixed(2)), medianOf(settled).toFixed(0)];
}

/** The table, as markdown. */
export async function speedAfterResuming(turns: number, kernels = Object.keys(SIZES)): Promise<string> {
  const rows: (readonly string[])[] = [];
  for (const name of kernels) rows.push(await row(name, SIZES[name]!, turns));
  return markdownTable([['kernel', ...WAYS, 'settled, ms'], ...rows.map(cells => [...cells])], {
    align: ['l', 'r', 'r', 'r', 'r'],
  });
}
