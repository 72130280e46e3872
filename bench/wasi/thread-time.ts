// CPU time of the guest thread of another process, looked at from outside: /proc has it for each thread, in nanoseconds.

import { readdirSync, readFileSync } from 'node:fs';
import type { LaunchedMachine } from '../../engine/replica/launch.js';

/** Often enough for a hundredth of a second; a look costs a few system calls. */
const LOOK_MS = 10;

/** CPU time of each thread but the first (the I/O thread), ms; empty once the process is gone. */
function threadTimes(pid: number): Map<string, number> {
  const times = new Map<string, number>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      if (thread === String(pid)) continue;
      const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
      times.set(thread, Number(ns) / 1e6);
    }
  } catch {
    // It ends while we look.
  }
  return times;
}

/** Watches the primary of a machine from its guest's first instruction to its end. */
export class GuestThreadTime {
  #start = new Map<string, number>();
  readonly #last = new Map<string, number>();
  #startMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(machine: LaunchedMachine) {
    machine.once('running', () => {
      const pid = machine.primary!.pid;
      this.#start = threadTimes(pid);
      this.#startMs = performance.now();
      this.#timer = setInterval(() => {
        // A thread that has ended is not seen any more; its last time stands.
        for (const [thread, ms] of threadTimes(pid)) this.#last.set(thread, ms);
      }, LOOK_MS);
      this.#timer.unref();
    });
  }

  /** From the first instruction until now, ms. */
  get wallMs(): number {
    return performance.now() - this.#startMs;
  }

  /** CPU time of the busiest thread since the first instruction, ms: the others compile now and then. */
  stop(): number {
    clearInterval(this.#timer);
    return Math.max(...[...this.#last].map(([thread, ms]) => ms - (this.#start.get(thread) ?? 0)));
  }
}
