// Time, by the event loop of Node.

import { performance } from 'node:perf_hooks';
import type { Timers } from '../threads/timers.js';

export const TIMERS: Timers = {
  nowMs: () => performance.now(),
  after: (delayMs, act) => void setTimeout(act, delayMs),
  soon: act => void setImmediate(act),
};
