// Doing things at exact times: timers of Node come up to a millisecond late, which is more than what is to be delayed.

/** So long before, it begins to look at the clock all the time, ms. */
const SPIN_MS = 2;

/** Calls `then` at a time by `performance.now()`, within some microseconds while this thread has its processor. */
export function at(ms: number, then: () => void): void {
  const left = ms - performance.now();
  if (left <= 0) then();
  else if (left > SPIN_MS) setTimeout(at, left - SPIN_MS, ms, then);
  else setImmediate(at, ms, then);
}
