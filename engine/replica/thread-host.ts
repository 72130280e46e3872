// A guest thread, as the I/O thread of its replica starts it, hears it and ends it. What they share is threads/io-end.ts.

import { performance } from 'node:perf_hooks';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describeThrown } from '../errors/errors.js';
import type { GuestState } from '../guest/guest-state.js';
import { type GuestThreadData, statePort } from '../guest/thread-data.js';
import { type GuestListener, IoEnd } from '../threads/io-end.js';
import { SharedBlock, WORD_TO_IO_BELL } from '../threads/shared.js';
import type { Timers } from '../threads/thread-ports.js';
import { touchedMemory } from './touched-memory.js';

/** Time, by the event loop of Node. */
export const TIMERS: Timers = {
  nowMs: () => performance.now(),
  after: (delayMs, act) => void setTimeout(act, delayMs),
  // After what process.nextTick has, which sends what was said (link.ts).
  next: act => queueMicrotask(act),
  soon: act => void setImmediate(act),
};

/** Host stack of the guest thread: room for the deepest stack the guest's limit allows, in either tier. */
export const GUEST_STACK_MEGABYTES = 64;

/** What a guest thread is started with, but for what it shares with its host; `restores`: no, if not said. */
export type ThreadHostData = Omit<GuestThreadData, 'memory' | 'port' | 'restores'> & { readonly restores?: boolean };

/** A thread that runs a guest: a worker of its own, or one that others have used and will use. */
export interface GuestWorker {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

/** What a guest thread runs in, and the memory that it shares with its host. */
export interface GuestThreads {
  /** A SharedBlock's. */
  allocate(): SharedArrayBuffer;
  start(data: GuestThreadData): GuestWorker;
}

const OWN_THREADS: GuestThreads = { allocate: () => SharedBlock.allocate(), start: startGuestWorker };

export function startGuestWorker(data: GuestThreadData): GuestWorker {
  return new Worker(new URL('../guest/guest-thread.js', import.meta.url), {
    workerData: data,
    transferList: [data.port],
    resourceLimits: { stackSizeMb: GUEST_STACK_MEGABYTES },
  });
}

export class ThreadHost extends IoEnd<GuestState> {
  readonly #worker: GuestWorker;
  /** What guest and I/O thread share, for who only looks at it. */
  readonly sampled: SharedArrayBuffer;
  #terminated = false;
  #abandoned = false;

  /**
   * The thread starts at once, and loads the guest; the guest's first instruction waits for `begin`, or, where it goes on
   * from a snapshot, for `restore`.
   */
  constructor(data: ThreadHostData, threads = OWN_THREADS) {
    const { port1, port2 } = new MessageChannel();
    const memory = threads.allocate();
    const shared = new SharedBlock(memory);
    const restores = data.restores === true;
    const whenRung = (bell: number, act: () => void) => {
      if (this.#abandoned) return;
      const rung = Atomics.waitAsync(shared.words, WORD_TO_IO_BELL, bell);
      // A guest that rings all the time must not keep the sockets from their turn.
      if (rung.async)
        void rung.value.then(() => {
          if (!this.#abandoned) act();
        });
      else setImmediate(act);
    };
    // Who looks again and again, at a ring or at what has no room in it, would for ever.
    const unlessAbandoned = (act: () => void) => () => {
      if (!this.#abandoned) act();
    };
    const timers: Timers = {
      nowMs: TIMERS.nowMs,
      after: (delayMs, act) => TIMERS.after(delayMs, unlessAbandoned(act)),
      next: act => TIMERS.next(unlessAbandoned(act)),
      soon: act => TIMERS.soon(unlessAbandoned(act)),
    };
    super({ shared, port: statePort(port1), allocate: touchedMemory, timers, whenRung }, restores);
    this.sampled = memory;
    this.#worker = threads.start({ ...data, restores, port: port2, memory } satisfies GuestThreadData);
  }

  override listen(listener: GuestListener): void {
    super.listen(listener);
    this.#worker.on('error', error => listener.failed(describeThrown(error)));
    this.#worker.on('exit', () => {
      if (!this.#abandoned) this.drain();
      if (!this.#terminated) listener.failed('the guest thread has ended');
    });
  }

  /** This replica is over, and its process is not: nothing of what the guest still says is heard. */
  async abandon(): Promise<void> {
    this.#terminated = true;
    this.#abandoned = true;
    this.leave();
    await this.#worker.terminate();
  }

  /** Ends the thread wherever it stands; what it has said is handed over. */
  async terminate(): Promise<void> {
    this.#terminated = true;
    await this.#worker.terminate();
  }
}
