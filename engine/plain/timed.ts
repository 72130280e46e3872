// A plain run for at most so long: a guest's speed with no instrumenter, no epochs and no backup, on a thread like the
// one that guests have in a replica.

import { Worker } from 'node:worker_threads';
import { type PlainThreadData, PlainTimes } from './plain-times.js';

export interface PlainRun {
  /** Times in ms since the first instruction, and bytes printed by then. */
  readonly marks: readonly (readonly [ms: number, bytes: number])[];
  /** From the first instruction to the end, ms; undefined: it was stopped. */
  readonly endMs: number | undefined;
}

/**
 * Runs a guest until it ends, `until` says that it has run long enough (asked every 20 ms), or `signal` aborts.
 *
 * @throws EpochvisorError where a folder can't be opened, as its kind says
 * @throws whatever the host throws at instantiation: WebAssembly.LinkError, WebAssembly.CompileError
 */
export async function timedPlainRun(
  guest: Omit<PlainThreadData, 'memory'>,
  until: (run: { readonly ms: number; readonly printed: boolean }) => boolean,
  signal?: AbortSignal,
): Promise<PlainRun> {
  const memory = PlainTimes.allocate();
  const times = new PlainTimes(memory);
  const data: PlainThreadData = { ...guest, memory };
  const worker = new Worker(new URL('./timed-thread.js', import.meta.url), { workerData: data });
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    const look = setInterval(() => {
      const printed = !times.marks().next().done;
      if (signal?.aborted || until({ ms: performance.now() - start, printed })) resolve();
    }, 20);
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => {
      clearInterval(look);
      resolve();
    });
  }).finally(() => worker.terminate());
  return { marks: [...times.marks()], endMs: times.endMs };
}
