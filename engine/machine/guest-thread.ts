// The guest thread of a replica: a worker that runs the guest and blocks where a rule says 'await'.

import { randomFillSync } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { EpochvisorError } from '../errors/errors.js';
import type { Outcome } from '../protocol/machine.js';
import type { GuestThreadData } from './configuration.js';
import { Guest, GuestExit, ReplicaHalt } from './guest.js';
import { HARDWARE_MODULE, Hardware } from './hardware.js';
import { type GuestInstance, instantiateRewritten } from './instance.js';
import { Meter } from './meter.js';
import { rewriteGuest } from './program.js';
import { RECORD_ENDED, RECORD_FAILED, RECORD_STARTED } from './records.js';
import { SharedBlock, WORD_BEGUN } from './shared.js';
import { ThreadLink } from './thread-link.js';
import { describeTrap } from './trap.js';
import { WASI_MODULE } from './wasi-imports.js';

/** Random values are drawn in blocks: one system call for 512 of them. */
function randomSource(): () => bigint {
  const block = new BigUint64Array(512);
  let next = block.length;
  return () => {
    if (next === block.length) {
      randomFillSync(block);
      next = 0;
    }
    const value = block[next] ?? 0n;
    next += 1;
    return value;
  };
}

async function run(data: GuestThreadData, shared: SharedBlock): Promise<void> {
  const { module, report } = await rewriteGuest(data.module, data.options, data.moduleCache);
  const meter = new Meter();
  const guest = new Guest(data, shared, meter, randomSource());
  guest.handlesInterrupts = report.interruptHandler;
  const memory = () => instance.memory();
  // Loaded for those who need it: a start costs what it loads.
  const wasi = data.options.wasi === undefined ? undefined : await import('./wasi-machine.js');
  const kernel = wasi?.startKernel(guest, data.options, memory);
  const imports =
    kernel === undefined
      ? { [HARDWARE_MODULE]: new Hardware(guest, data.options, memory).imports() }
      : { [WASI_MODULE]: kernel.imports() };
  const instance: GuestInstance = instantiateRewritten(new WebAssembly.Module(module), report, imports, meter, {
    boundary: count => guest.boundary(count),
    interrupt: () => {
      const next = guest.nextInterrupt();
      return next === undefined ? [0, 0, 0n, 0] : [1, next.kind, next.id, next.status];
    },
  });
  Atomics.wait(shared.words, WORD_BEGUN, 0);
  guest.link.tell(RECORD_STARTED, '');
  kernel?.settle();
  const outcome = outcomeOf(instance, data, meter);
  // proc_exit waits for what was written; a program that returns or traps has written as much.
  while (kernel?.idle === false) guest.waitAtEnd();
  guest.end(outcome);
  guest.link.tell(RECORD_ENDED, '');
  guest.serveAfterEnd();
}

function outcomeOf(instance: GuestInstance, data: GuestThreadData, meter: Meter): Outcome {
  try {
    instance.start();
    instance.exports._start();
    return { kind: 'exit', status: 0 };
  } catch (error) {
    if (error instanceof GuestExit) return { kind: 'exit', status: error.status };
    const trap = describeTrap(error, data.options.counting);
    if (trap === undefined) throw error;
    return { kind: 'trap', message: trap.message, count: meter.instructionCount(), exact: trap.exact };
  }
}

const data = workerData as GuestThreadData;
const shared = new SharedBlock(data.memory);
try {
  await run(data, shared);
} catch (error) {
  // Whatever is wrong here is the host's: this replica ends, and says why; the other goes on.
  if (!(error instanceof ReplicaHalt)) {
    const text =
      error instanceof EpochvisorError
        ? error.line
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    new ThreadLink(shared).tell(RECORD_FAILED, text);
  }
}
