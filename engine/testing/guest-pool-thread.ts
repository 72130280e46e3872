// A guest thread of a pool (guest-pool.ts): runs what it is given, and says when it has left it.

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

nameGuestThread();
followHints();
parentPort!.on('message', (data: GuestThreadData) => {
  void runGuest(data, loadedFor(data.options)).then(() => {
    data.port.close();
    parentPort!.postMessage(undefined);
  });
});
