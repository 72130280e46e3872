// A guest thread of a pool (guest-pool.ts): runs what it is given, and says when it has left it.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { type LoadedOnce, runGuest } from '../guest/guest-run.js';
import { type GuestThreadData, nameGuestThread } from '../guest/thread-data.js';
import { followHints } from '../instance/compile.js';

/** Of what shapes the rewriting: a test has one module. */
const loaded = new Map<string, LoadedOnce>();

function loadedFor({ counting, maxMemory, wasi }: GuestThreadData['options']): LoadedOnce {
  const key = JSON.stringify([counting, maxMemory, wasi !== undefined]);
  const known = loaded.get(key) ?? {};
  loaded.set(key, known);
  return known;
}

/** Memories of guests are no part of the heap that V8 watches: a thread would keep those of all its runs. */
const GARBAGE_MAX_BYTES = 64 << 20;

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
}

nameGuestThread();
followHints();
parentPort!.on('message', (data: GuestThreadData) => {
  const once = loadedFor(data.options);
  void runGuest(data, once).then(() => {
    data.port.close();
    if ((once.memoryBytes ?? 0) > GARBAGE_MAX_BYTES) {
      once.memoryBytes = 0;
      // When nothing of the run is on the stack, or waits for its turn.
      setImmediate(collectGarbage);
    }
    parentPort!.postMessage(undefined);
  });
});
