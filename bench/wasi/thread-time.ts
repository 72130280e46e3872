// CPU time of the guest thread of another process, looked at from outside: /proc has it for each thread, in nanoseconds.

import { readdirSync, readFileSync } from 'node:fs';
import { GUEST_THREAD_NAME } from '../../engine/guest/thread-data.js';
import type { LaunchedMachine } from '../../engine/launch/launched-machine.js';

/** Often enough for a hundredth of a second; a look costs a few system calls. */
const LOOK_MS = 10;

/** CPU time of the guest thread of a replica, ms; undefined once it is gone. */
function guestThreadMs(pid: number): number | undefined {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const folder = `/proc/${pid}/task/${thread}`;
      if (readFileSync(`${folder}/comm`, 'latin1').trim() !== GUEST_THREAD_NAME) continue;
      const [ns] = readFileSync(`${folder}/schedstat`, 'latin1').split(' ');
      return Number(ns) / 1e6;
    }
  } catch {
    // It ends while we look.
  }
  return undefined;
}

/** Watches the guest thread of the primary of a machine, from its start to its end. */
export class GuestThreadTime {
  #loadedMs = 0;
  #lastMs = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(machine: LaunchedMachine) {
    machine.on('running', replica => {
      if (replica.incarnation !== machine.primary!.incarnation || this.#timer !== undefined) return;
      this.#startMs = performance.now();
      this.#loadedMs = guestThreadMs(replica.pid) ?? 0;
      this.#lastMs = this.#loadedMs;
      this.#timer = setInterval(() => {
        // A thread that has ended is not seen any more; its last time stands.
        this.#lastMs = guestThreadMs(replica.pid) ?? this.#lastMs;
      }, LOOK_MS);
      this.#timer.unref();
    });
  }

  /** From the first instruction until now, ms. */
  get wallMs(): number {
    return performance.now() - this.#startMs;
  }

  /** CPU time before the first instruction, ms: reading, compiling, instantiating. */
  get loadMs(): number {
    return this.#loadedMs;
  }

  /** CPU time since the first instruction, ms. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#lastMs - this.#loadedMs;
  }
}
