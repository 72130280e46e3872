// Guest threads that are used again: what a thread loads, and its module's machine code, takes longer than a small guest runs.
//
// A thread runs one guest after another of one test. A guest whose replica is over leaves its thread at the next boundary, or
// where it stands still (guest-run.ts); one that does neither in time is ended with its thread.

import { AsyncResource } from 'node:async_hooks';
import { Worker } from 'node:worker_threads';
import type { GuestThreadData } from '../guest/thread-data.js';
import { GUEST_STACK_MEGABYTES, type GuestWorker, startGuestWorker } from '../replica/thread-host.js';

/** An epoch of the greatest length takes about this long, ms. */
const LEAVE_MAX_MS = 1_000;
/**
 * A thread that rests collects no garbage, and what it shared with its replicas is kept by it: rings of 16 MiB a run. It is
 * replaced after so many.
 */
const RUNS_MAX = 16;
/** Threads that rest; more are of no use to runs on a few cores. */
const RESTING_MAX = 16;

export class GuestPool {
  readonly #resting: Worker[] = [];
  readonly #runs = new WeakMap<Worker, number>();
  #closed = false;
  /** Threads that were ever started for guests that begin at their beginning. */
  started = 0;

  /** What a replica starts its guest with. @param left told when the guest has left by itself */
  start(data: GuestThreadData, left: () => void): GuestWorker {
    // A guest that goes on from a snapshot has a thread beside it, which ends with its own.
    if (data.restores) return startGuestWorker(data);
    const worker = this.#resting.pop() ?? this.#newWorker();
    this.#runs.set(worker, (this.#runs.get(worker) ?? 0) + 1);
    return new PooledGuest(worker, data, left, () => this.#takeBack(worker));
  }

  #newWorker(): Worker {
    this.started += 1;
    return new Worker(new URL('./guest-pool-thread.js', import.meta.url), {
      resourceLimits: { stackSizeMb: GUEST_STACK_MEGABYTES },
    });
  }

  #takeBack(worker: Worker): void {
    // By name: those of the worker itself keep its port open.
    for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
    const isWorn = (this.#runs.get(worker) ?? 0) >= RUNS_MAX;
    if (this.#closed || isWorn || this.#resting.length >= RESTING_MAX) void worker.terminate();
    else this.#resting.push(worker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#resting.splice(0).map(worker => worker.terminate()));
  }
}

class PooledGuest implements GuestWorker {
  readonly #worker: Worker;
  readonly #hasLeft: Promise<boolean>;
  readonly #giveBack: () => void;

  constructor(worker: Worker, data: GuestThreadData, left: () => void, giveBack: () => void) {
    this.#worker = worker;
    this.#giveBack = giveBack;
    this.#hasLeft = new Promise(resolve => {
      // What its listeners do is done for the replica of now, not for the one that the thread was started for.
      const itLeft = () => {
        left();
        resolve(true);
      };
      worker.once('message', AsyncResource.bind(itLeft));
      worker.once('exit', () => resolve(false));
    });
    worker.postMessage(data, [data.port]);
  }

  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  on(event: 'error' | 'exit', listener: (...args: never[]) => void): unknown {
    return this.#worker.on(event as 'error', AsyncResource.bind(listener as (error: Error) => void));
  }

  async terminate(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>(resolve => {
      timer = setTimeout(() => resolve(false), LEAVE_MAX_MS);
    });
    const left = await Promise.race([this.#hasLeft, late]);
    clearTimeout(timer);
    if (left) this.#giveBack();
    else await this.#worker.terminate();
  }
}
