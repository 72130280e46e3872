// The guest thread of a replica: a worker that runs the guest and blocks where a rule says 'await'.
//
// It is a thread of its own because the guest, which is never interrupted, must keep nobody waiting: heartbeats and acknowledgements
// leave by the I/O thread, whatever the guest computes. What the two share is in threads/shared.ts.
//
// It has no event loop while the guest runs: what comes to it, comes by the ring, and a bell that it sleeps on.
// It ends with its process; where a
// replica is no process (a failover test), a thread of a pool takes its place, and runs one guest after another
// (testing/guest-pool.ts).

import { workerData } from 'node:worker_threads';
import { followHints } from '../instance/compile.js';
import { runGuest } from './guest-run.js';
import { type GuestThreadData, nameGuestThread } from './thread-data.js';

nameGuestThread();
// Before anything is compiled.
followHints();

await runGuest(workerData as GuestThreadData);
