// How crowded this host is: threads that want to run, per processor. Who waits for a turn is late through nobody's fault (silence.ts).

import { openSync, readSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { TIMERS } from './thread-host.js';

/** A crowd is one that lasts this long, ms: a second thread that runs for a moment is none. */
const SMOOTH_MS = 1_000;
/** Two thirds of a crowd are forgotten in so long, ms: whoever builds something starts its next program. */
const FORGET_MS = 20_000;

/** What was seen lately, from samples at any times. */
export class Crowding {
  #atMs: number | undefined;
  #mean = 0;
  #most = 0;

  /** @param threads that want to run now, per processor @returns the same, as it is and lately was */
  sample(threads: number, nowMs: number): number {
    const passedMs = nowMs - (this.#atMs ?? nowMs);
    this.#atMs = nowMs;
    this.#mean += (threads - this.#mean) * (1 - Math.exp(-passedMs / SMOOTH_MS));
    this.#most = Math.max(this.#mean, this.#most * Math.exp(-passedMs / FORGET_MS));
    return this.#most;
  }
}

/** Of this host; in processes that share one, each has its own. */
export function hostCrowding(): () => number {
  const crowding = new Crowding();
  const runnable = runnableThreads();
  const processors = availableParallelism();
  return () => crowding.sample(runnable() / processors, TIMERS.nowMs());
}

/** `/proc/loadavg`: `0.26 0.09 0.03 3/123 4567`: three want to run, of which one is the thread that reads. */
const RUNNABLE = / (\d+)\/\d+ /;
let loadFile: number | undefined;

function runnableThreads(): () => number {
  try {
    loadFile ??= openSync('/proc/loadavg', 'r');
  } catch {
    // Of hosts without it the mean over a minute is known.
    return () => loadavg()[0] ?? 0;
  }
  const file = loadFile;
  const bytes = Buffer.alloc(128);
  return () => {
    const length = readSync(file, bytes, 0, bytes.length, 0);
    const [, threads] = RUNNABLE.exec(bytes.toString('latin1', 0, length)) ?? [];
    return threads === undefined ? 0 : Math.max(0, Number(threads) - 1);
  };
}
