// The thread of the bench: runs a kernel that is suspended once, and sends how fast it went on.
//
// The ways: 'never' suspended; continued in 'baseline' clones, as V8 compiles them by itself; in optimised clones 'now', as a
// replica that joins or resumes does; in baseline clones that are replaced 'later', as a primary does.

import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { rewriteCached } from '../../engine/cache/rewritten-modules.js';
import { compileRewritten, followHints } from '../../engine/instance/compile.js';
import { instantiateRewritten } from '../../engine/instance/instance.js';
import { Meter } from '../../engine/instance/meter.js';
import { ContinuationModules } from '../../engine/suspend/continuation-modules.js';
import { SuspendedStack } from '../../engine/suspend/suspended-stack.js';
import { now_ms } from '../instrumentation/clock.js';

export type Way = 'never' | 'baseline' | 'now' | 'later';

export interface ResumingRequest {
  readonly path: string;
  /** Argument of `run`: work for about a second. */
  readonly size: number;
  readonly way: Way;
  /** Instruction counts: where it is suspended, and between which its time is taken. */
  readonly suspendAt: number;
  readonly window: readonly [from: number, to: number];
}

export interface Resumed {
  readonly instructions: number;
  readonly result: unknown;
  /** CPU time of the thread in the window. */
  readonly window_ms: number;
  /** Wall time from the suspension until all clones on the stack were optimised. */
  readonly settled_ms: number;
}

const EPOCH_LENGTH = 1_000_000;

async function run({ path, size, way, suspendAt, window }: ResumingRequest): Promise<Resumed> {
  const bytes = new Uint8Array(readFileSync(path));
  followHints();
  const { module, report, cloneThread } = await rewriteCached(bytes, { suspendable: true }, { cache: false });
  const meter = new Meter();
  const stack = new SuspendedStack(meter);
  let [suspended, settled, due] = [0, 0, EPOCH_LENGTH];
  const times: number[] = [];
  stack.onSuspended = () => {
    if (suspended === 0) {
      suspended = performance.now();
      if (way === 'now' || way === 'later') stack.optimise(way);
    }
    settled = performance.now();
    return stack.continueFrom(stack.take());
  };
  const hooks = {
    boundary: (count: number) => {
      due += EPOCH_LENGTH;
      meter.arm(due, count);
      if (times.length < 2 && count >= window[times.length]!) times.push(now_ms());
      if (way === 'never') return 0;
      // In time to be ready where the guest is to be suspended.
      if (suspended === 0) stack.prepare();
      const first = suspended === 0 && count >= suspendAt && stack.ready;
      if (first || stack.improvable) meter.suspend();
      return 0;
    },
  };
  const suspension = { stack, modules: new ContinuationModules(cloneThread()) };
  const guest = instantiateRewritten(compileRewritten(module), report, {}, meter, hooks, suspension);
  meter.arm(due);
  const result = guest.exports.run(size);
  const [from = 0, to = 0] = times;
  return { instructions: meter.instructionCount(), result, window_ms: to - from, settled_ms: settled - suspended };
}

parentPort?.postMessage(await run(workerData as ResumingRequest));
