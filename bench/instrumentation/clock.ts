// The clock of the samples: CPU time of this thread where Linux tells it, else the wall clock.
//
// On a machine that does other things too, wall time measures them as well; the threads in which V8 compiles in the
// background are other things here: a program's user waits for the thread that runs it.

import { openSync, readSync } from 'node:fs';

const SCHEDSTAT = '/proc/thread-self/schedstat';
const buffer = Buffer.alloc(96);
const never = new Int32Array(new SharedArrayBuffer(4));

function openSchedstat(): number | undefined {
  try {
    return openSync(SCHEDSTAT, 'r');
  } catch {
    return undefined;
  }
}

const file = openSchedstat();

export const clockName = file === undefined ? 'wall clock' : 'CPU time of the thread';

/** Milliseconds from an arbitrary start. */
export function now_ms(): number {
  if (file === undefined) return performance.now();
  // The kernel brings the figure up to date at ticks and when the thread leaves the CPU: so leave it for a moment.
  Atomics.wait(never, 0, 0, 0.05);
  const length = readSync(file, buffer, 0, buffer.length, 0);
  return Number(buffer.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6;
}
