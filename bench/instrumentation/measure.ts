// Runs the sampling children, one for each host and mode, and reduces their samples to ratios.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from './build.js';
import type { Host } from './hosts.js';
import type { Kernel } from './kernels.js';
import type { SampleRequest, Samples } from './sample.js';
import { median, medianRatio } from './statistics.js';

export interface Mode {
  readonly name: string;
  readonly flags: readonly string[];
  readonly start: SampleRequest['start'];
}

/** As in a guest's process (engine/instance/tiering.ts); what is optimised before it runs is measured by `bench wasi`. */
const HINTED = '--experimental-wasm-branch-hinting';

/** See the head of sample.ts for what `start` means. `--no-liftoff` works only without lazy compilation. */
export const MODES: readonly Mode[] = [
  { name: 'default tiering', flags: [HINTED], start: 'cold' },
  { name: 'optimising compiler alone', flags: [HINTED, '--no-liftoff', '--no-wasm-lazy-compilation'], start: 'warm' },
];

export interface Cell {
  readonly host: string;
  readonly mode: string;
  readonly kernel: string;
  /** Median milliseconds of the first side. */
  readonly base_ms: number;
  /** The second side's time over the first's. */
  readonly ratio: number;
}

export interface Plan {
  readonly kernels: readonly Kernel[];
  readonly sides: readonly [string, string];
  readonly rounds: number;
}

/** One child's work: all kernels of the plan on one host in one mode. */
export function measure(host: Host, mode: Mode, plan: Plan): Cell[] {
  const request: SampleRequest = {
    kernels: plan.kernels.map(kernel => ({ name: kernel.name, path: build(kernel), size: kernel.size })),
    sides: plan.sides,
    start: mode.start,
    rounds: plan.rounds,
  };
  const sampler = fileURLToPath(new URL('./sample.js', import.meta.url));
  const run = spawnSync(host.path, [...mode.flags, sampler, JSON.stringify(request)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`the sampler failed on ${host.name}, ${mode.name}`);
  return run.stdout
    .trim()
    .split('\n')
    .map(line => {
      const { kernel, times_ms } = JSON.parse(line) as Samples;
      const ratio = medianRatio(times_ms);
      return { host: host.name, mode: mode.name, kernel, base_ms: median(times_ms[0]), ratio };
    });
}
