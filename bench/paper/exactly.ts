// Doing things at exact times: timers of Node come up to a millisecond late, which is more than what is to be delayed here.
//
// A thread of its own sleeps until the next due time, which the kernel keeps to some ten microseconds, and then wakes this one.
// To look at the clock all the time instead would take the processor that the measured machine needs.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** [0] what it is to wake for has changed; Float64 behind it: when to wake, ms by `now`. */
const WORD_CHANGED = 0;
const DUE_AT_BYTE = 8;
const BYTES = 16;

/** The same clock in both threads, ms. */
const now = () => performance.timeOrigin + performance.now();

interface Alarm {
  readonly dueMs: number;
  readonly then: () => void;
}

/** Those to come, the earliest first. */
const alarms: Alarm[] = [];
let sleeper: { readonly words: Int32Array; readonly due: Float64Array; readonly thread: Worker } | undefined;

/** Calls `then` at a time by `performance.now()`, within some ten microseconds while this thread has its processor. */
export function at(ms: number, then: () => void): void {
  const dueMs = performance.timeOrigin + ms;
  if (dueMs <= now()) {
    then();
    return;
  }
  const place = alarms.findIndex(alarm => alarm.dueMs > dueMs);
  alarms.splice(place < 0 ? alarms.length : place, 0, { dueMs, then });
  if (alarms[0]!.dueMs === dueMs) wakeAtFirst();
}

function wakeAtFirst(): void {
  sleeper ??= startSleeper();
  sleeper.due[0] = alarms[0]?.dueMs ?? Infinity;
  Atomics.add(sleeper.words, WORD_CHANGED, 1);
  Atomics.notify(sleeper.words, WORD_CHANGED);
}

function startSleeper() {
  const memory = new SharedArrayBuffer(BYTES);
  const thread = new Worker(new URL(import.meta.url), { workerData: { sleepsIn: memory }, execArgv: [] });
  thread.on('message', ring);
  // Not before it is up: that would take hold of this process again.
  thread.once('online', () => thread.unref());
  return { words: new Int32Array(memory), due: new Float64Array(memory, DUE_AT_BYTE), thread };
}

function ring(): void {
  while (alarms[0] !== undefined && alarms[0].dueMs <= now()) alarms.shift()!.then();
  wakeAtFirst();
}

/** The sleeping thread. */
function sleep(memory: SharedArrayBuffer): never {
  const words = new Int32Array(memory);
  const due = new Float64Array(memory, DUE_AT_BYTE);
  for (;;) {
    const seen = Atomics.load(words, WORD_CHANGED);
    const leftMs = due[0]! - now();
    // Answered by a new due time.
    if (leftMs <= 0) {
      parentPort!.postMessage(undefined);
      Atomics.wait(words, WORD_CHANGED, seen);
    } else Atomics.wait(words, WORD_CHANGED, seen, leftMs);
  }
}

const { sleepsIn } = Object(workerData) as { sleepsIn?: SharedArrayBuffer };
if (!isMainThread && sleepsIn !== undefined) sleep(sleepsIn);
