// What a replica does before its guest's first instruction, step by step, in a process of its own: `node load-steps.js MODULE`.
//
// CPU time of the calling thread for each step goes to stdout as JSON, in ms; the module cache is to be warm.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { DEFAULT_MAX_MEMORY } from '../../engine/cli/machine-flags.js';
import { wasiOptions } from '../../engine/cli/wasi-flags.js';
import { followHints } from '../../engine/instance/compile.js';

export interface LoadSteps {
  readonly readMs: number;
  readonly cacheMs: number;
  readonly compileMs: number;
}

/** CPU time of the calling thread, ms. */
function cpuMs(): number {
  const buffer = Buffer.alloc(64);
  const file = openSync('/proc/thread-self/schedstat', 'r');
  const length = readSync(file, buffer);
  closeSync(file);
  return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6;
}

const { rewriteGuest } = await import('../../engine/guest/guest-program.js');
const wasi = { ...wasiOptions('wasi', { devices: [], env: [] })!, terminals: [false, false, false] as const };
followHints();
const start = cpuMs();
const bytes = readFileSync(process.argv[2]!);
const read = cpuMs();
const { code } = await rewriteGuest(bytes, { counting: 'block', maxMemory: DEFAULT_MAX_MEMORY, wasi }, true);
const rewritten = cpuMs();
code.compile();
const steps: LoadSteps = { readMs: read - start, cacheMs: rewritten - read, compileMs: cpuMs() - rewritten };
process.stdout.write(JSON.stringify(steps));
