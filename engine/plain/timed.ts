// A plain run for at most so long: a guest's speed with no instrumenter, no epochs and no backup, on a thread like the
// one that guests have in a replica.

import { Worker } from 'node:worker_threads';
import type { SocketAddress } from '../../devices/connection/socket-address.js';
import { EpochvisorError } from '../errors/errors.js';
import { type PlainEnd, type PlainThreadData, type PlainThreadMessage, PlainTimes } from './plain-times.js';

export interface PlainRun {
  /** Times in ms since the first instruction, and bytes printed by then. */
  readonly marks: readonly (readonly [ms: number, bytes: number])[];
  /** From the first instruction to the end, ms; undefined: it was stopped. */
  readonly endMs: number | undefined;
  /** How it ended; undefined: it was stopped. */
  readonly outcome: PlainEnd | undefined;
}

/**
 * Runs a guest until it ends, `until` says that it has run long enough (asked every 20 ms), or `signal` aborts.
 *
 * @throws EpochvisorError where a folder can't be opened, as its kind says
 * @param listens hears where it listens, once it does
 * @throws whatever the host throws at instantiation: WebAssembly.LinkError, WebAssembly.CompileError
 * @throws EpochvisorError LISTEN_FAILED
 */
export async function timedPlainRun(
  guest: Omit<PlainThreadData, 'memory'>,
  until: (run: { readonly ms: number; readonly printed: boolean }) => boolean,
  signal?: AbortSignal,
  listens?: (addresses: readonly SocketAddress[]) => void,
): Promise<PlainRun> {
  const memory = PlainTimes.allocate();
  const times = new PlainTimes(memory);
  const data: PlainThreadData = { ...guest, memory };
  const worker = new Worker(new URL('./timed-thread.js', import.meta.url), { workerData: data });
  const start = performance.now();
  let outcome: PlainEnd | undefined;
  let look: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    look = setInterval(() => {
      const printed = !times.marks().next().done;
      if (signal?.aborted || until({ ms: performance.now() - start, printed })) resolve();
    }, 20);
    worker.on('message', (message: PlainThreadMessage) => {
      if (message.type === 'listens') {
        listens?.(message.addresses);
      } else if (message.type === 'ended') {
        outcome = message.outcome;
        resolve();
      } else {
        reject(new EpochvisorError(message.code, message.message, message.hint));
      }
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  }).finally(() => {
    clearInterval(look);
    return worker.terminate();
  });
  return { marks: [...times.marks()], endMs: times.endMs, outcome };
}
