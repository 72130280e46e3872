// Guest threads that are used again: what a thread loads, and its module's machine code, takes longer than a small guest runs.
//
// A thread runs one guest after another of one test. A guest whose replica is over leaves its thread at the next boundary, or
// where it stands still (guest-run.ts); one that does neither in time is ended with its thread.
//
// So is the memory that a thread shares with its replica: 32 MiB, which are filled with zeros when they are allocated, and that
// takes longer than all else of a short run. Both ends have left it when it is used again (io-end.ts).

import { AsyncResource } from 'node:async_hooks';
import { Worker } from 'node:worker_threads';
import type { GuestThreadData } from '../guest/thread-data.js';
import { GUEST_STACK_MEGABYTES, type GuestWorker, startGuestWorker } from '../replica/thread-host.js';
import { SharedBlock } from '../threads/shared.js';

/** An epoch of the greatest length takes about this long, ms. */
const LEAVE_MAX_MS = 1_000;
/** A new thread costs 150 ms of a processor; what one keeps that it should not is gone after so many. */
const RUNS_MAX = 200;
/** Threads that rest; more are of no use to runs on a few cores. */
const RESTING_MAX = 16;

export class GuestPool {
  readonly #resting: Worker[] = [];
  readonly #runs = new WeakMap<Worker, number>();
  /** Memory of threads that rest, cleared. */
  readonly #memories: SharedArrayBuffer[] = [];
  readonly #shared = new WeakMap<Uint8Array, Uint8Array>();
  #closed = false;
  /** Threads that were ever started for guests that begin at their beginning. */
  started = 0;
  /** Memories that were ever allocated. */
  allocated = 0;

  /** The module in shared memory: none of its threads needs a copy. */
  share(module: Uint8Array): Uint8Array {
    const known = this.#shared.get(module);
    if (known !== undefined) return known;
    const shared = new Uint8Array(new SharedArrayBuffer(module.length));
    shared.set(module);
    this.#shared.set(module, shared);
    return shared;
  }

  /** What the next thread shares with its replica. */
  allocate(): SharedArrayBuffer {
    const rested = this.#memories.pop();
    if (rested !== undefined) return rested;
    this.allocated += 1;
    return SharedBlock.allocate();
  }

  /** What a replica starts its guest with. @param left told when the guest has left by itself */
  start(data: GuestThreadData, left: () => void): GuestWorker {
    // A guest that goes on from a snapshot has a thread beside it, which ends with its own.
    if (data.restores) return startGuestWorker(data);
    const worker = this.#resting.pop() ?? this.#newWorker();
    this.#runs.set(worker, (this.#runs.get(worker) ?? 0) + 1);
    return new PooledGuest(worker, data, left, () => this.#takeBack(worker, data.memory));
  }

  #newWorker(): Worker {
    this.started += 1;
    return new Worker(new URL('./guest-pool-thread.js', import.meta.url), {
      resourceLimits: { stackSizeMb: GUEST_STACK_MEGABYTES },
    });
  }

  #takeBack(worker: Worker, memory: SharedArrayBuffer): void {
    // By name: those of the worker itself keep its port open.
    for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
    const isWorn = (this.#runs.get(worker) ?? 0) >= RUNS_MAX;
    if (!this.#closed && this.#memories.length < RESTING_MAX) {
      SharedBlock.clear(memory);
      this.#memories.push(memory);
    }
    if (this.#closed || isWorn || this.#resting.length >= RESTING_MAX) void worker.terminate();
    else this.#resting.push(worker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#memories.length = 0;
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
