// What is measured of a replica for `tune`: how long interrupts and outputs are held, and its memory.
//
// The problem. An interrupt is delivered at the end of an epoch, so what it waits for is the rest of the epoch in which it
// comes, and whatever the variant has the guest wait for there. Most guests ask for no interrupt that could be timed.
//
// The design. The guest thread publishes its epoch right after it has delivered what was due (guest.ts). A thread of its own
// (sampling-thread.ts) picks random moments, and waits until that number changes: what an interrupt that had reached this
// replica at the moment would have waited. What it takes to reach the replica, from a device by way of the bus, is not in it.
// Of outputs the guest thread notes when it asked for one, one at a time, in a slot of shared memory; the thread reads the
// slot and empties it. When it reached its device the launcher sees. A guest nobody measures pays one test an output.

import { Worker } from 'node:worker_threads';
import { SharedBlock, WORD_SAMPLED } from '../threads/shared.js';
import type { ReplicaSamples, ReplicaSilence, ThreadSamples } from './replica-configuration.js';

/** How often a backup, which has no thread for this, tells of its memory, ms. */
const MEMORY_EVERY_MS = 100;

export class Sampling {
  /**
   * @param memory shared by guest thread and I/O thread
   * @param silence of those whom this replica hears
   * @param tell hears of it some times a second
   */
  constructor(
    memory: SharedArrayBuffer,
    isPrimary: boolean,
    silence: () => ReplicaSilence,
    tell: (samples: ReplicaSamples) => void,
  ) {
    const told = (samples: ThreadSamples) =>
      tell({ ...samples, rssBytes: process.memoryUsage.rss(), silence: silence() });
    if (!isPrimary) {
      setInterval(() => told({ waitsMs: [], waiting: 0, asked: [], marks: [] }), MEMORY_EVERY_MS).unref();
      return;
    }
    Atomics.store(new SharedBlock(memory).words, WORD_SAMPLED, 1);
    const thread = new Worker(new URL('./sampling-thread.js', import.meta.url), { workerData: memory });
    thread.on('message', told);
    thread.unref();
  }
}
