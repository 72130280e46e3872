// The thread that samples a primary: at random moments it looks at what guest and I/O thread share (sampling.ts).

import { parentPort, workerData } from 'node:worker_threads';
import { hostMs } from '../guest/host-clock.js';
import {
  SharedBlock,
  WORD_ASKED_END,
  WORD_ASKED_MS,
  WORD_ASKED_STREAM,
  WORD_BEGUN,
  WORD_COUNT,
  WORD_EPOCH,
  WORD_WAITS,
} from '../threads/shared.js';
import type { AskedOutput, ProgressMark, ThreadSamples } from './replica-configuration.js';

/** Moments are so far apart, ms: together with SPIN_MS that keeps a processor busy for a hundredth of the time. */
const APART_LEAST_MS = 4;
const APART_MOST_MS = 14;
/** Short epochs are waited for without sleeping, longer ones are looked at again and again: a sleep has a grain of its own. */
const SPIN_MS = 0.1;
const SLEEP_MS = 0.05;
/** A guest that is stopped, or stands still for a reason of its own, is not waited for longer. */
const WAIT_MOST_MS = 3_000;
const TELL_EVERY_MS = 40;

const { words, positions } = new SharedBlock(workerData as SharedArrayBuffer);
/** The epoch as two words: what may change at any moment must be read by atomic loads, which floats have not. */
const epochWords = new Int32Array(positions.buffer, positions.byteOffset + 8 * WORD_EPOCH, 2);
const never = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

function waits(): boolean {
  return Atomics.load(words, WORD_WAITS) === 1;
}

/** From now to the next delivery, ms; undefined: none came. A guest that begins to wait would be delivered to at once. */
function untilDelivery(): number | undefined {
  const [first, second] = [Atomics.load(epochWords, 0), Atomics.load(epochWords, 1)];
  const startMs = hostMs();
  for (;;) {
    const ms = hostMs() - startMs;
    const moved = Atomics.load(epochWords, 0) !== first || Atomics.load(epochWords, 1) !== second;
    if (moved || waits()) return ms;
    if (ms > WAIT_MOST_MS) return undefined;
    if (ms > SPIN_MS) sleep(SLEEP_MS);
  }
}

function askedOutput(): AskedOutput | undefined {
  const askedMs = positions[WORD_ASKED_MS] ?? 0;
  if (askedMs === 0) return undefined;
  const output = { stream: positions[WORD_ASKED_STREAM] ?? 0, end: positions[WORD_ASKED_END] ?? 0, askedMs };
  positions[WORD_ASKED_MS] = 0;
  return output;
}

while (Atomics.load(words, WORD_BEGUN) === 0) sleep(1);

for (;;) {
  const waitsMs: number[] = [];
  const asked: AskedOutput[] = [];
  const marks: ProgressMark[] = [];
  let waiting = 0;
  const tellMs = hostMs() + TELL_EVERY_MS;
  while (hostMs() < tellMs) {
    sleep(APART_LEAST_MS + Math.random() * (APART_MOST_MS - APART_LEAST_MS));
    const output = askedOutput();
    if (output !== undefined) asked.push(output);
    const ms = waits() ? undefined : untilDelivery();
    if (ms !== undefined) {
      waitsMs.push(ms);
      marks.splice(1, 1, { atMs: hostMs(), instructions: positions[WORD_COUNT] ?? 0 });
    } else if (waits()) waiting += 1;
  }
  parentPort?.postMessage({ waitsMs, waiting, asked, marks } satisfies ThreadSamples);
}
