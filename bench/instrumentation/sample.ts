// The child process of the bench: times the two sides of each kernel in turn and prints one JSON line a kernel.
//
// argv[2] is a SampleRequest. V8's flags belong to the process, which is why there is a child for each mode.
//
// cold: every sample is a fresh module, compiled by V8 as it sees fit and run once: what a program meets that is
//       started and does its work, its hot loops partly in baseline code.
// warm: one instance a side, run once before the first sample; with the optimising compiler alone, nothing else
//       would make sense.

import { readFileSync } from 'node:fs';
import { now_ms } from './clock.js';
import { prepare, sideNamed } from './sides.js';

export interface SampleRequest {
  readonly kernels: readonly { name: string; path: string; size: number }[];
  readonly sides: readonly [string, string];
  readonly start: 'cold' | 'warm';
  readonly rounds: number;
}

/** Milliseconds of each round, in order, for both sides. */
export interface Samples {
  readonly kernel: string;
  readonly times_ms: readonly [readonly number[], readonly number[]];
}

function sampleKernel(request: SampleRequest, kernel: SampleRequest['kernels'][number]): Samples {
  const bytes = readFileSync(kernel.path);
  const sides = request.sides.map(sideNamed);
  const times: [number[], number[]] = [[], []];
  let serial = process.pid;
  let checksum: unknown;
  const warm = request.start === 'warm' ? sides.map(side => prepare(side, bytes, serial)) : undefined;
  for (const run of warm ?? []) run(kernel.size);
  for (let round = 0; round < request.rounds; round++) {
    // The side that goes first changes from round to round: what the first one warms up helps neither.
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      serial += 1;
      const run = warm?.[index] ?? prepare(sides[index]!, bytes, serial);
      const start = now_ms();
      const result = run(kernel.size);
      times[index]!.push(now_ms() - start);
      checksum ??= result;
      if (result !== checksum) throw new Error(`${kernel.name}: ${sides[index]!.name} gave ${result}, not ${checksum}`);
    }
  }
  return { kernel: kernel.name, times_ms: times };
}

const request = JSON.parse(process.argv[2] ?? '') as SampleRequest;
for (const kernel of request.kernels) console.log(JSON.stringify(sampleKernel(request, kernel)));
