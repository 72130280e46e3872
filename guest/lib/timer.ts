// The interval timer: sleep until a time, and periods that do not drift. One deadline is set at a time.
import { interruptEnable, timerSet, wait } from './hardware';
import { monotonicNs } from './clock';
import * as interrupts from './interrupts';

/** Nanoseconds in a millisecond. */
export const MILLISECOND_NS: i64 = 1_000_000;

/** Sleeps until the monotonic clock reads `deadlineNs` or more; answers the time of the machine's clock on waking. */
export function sleepUntil(deadlineNs: i64): i64 {
  // No timer for what has passed: it would fire into somebody else's wait. This also keeps 0, which disarms, away.
  if (deadlineNs <= interrupts.timerTimeNs) return interrupts.timerTimeNs;
  const enabled = interruptEnable(false);
  timerSet(deadlineNs);
  // Other interrupts end a wait too: only the timer's own time says that the deadline has passed.
  while (interrupts.timerTimeNs < deadlineNs) wait();
  interruptEnable(enabled);
  return interrupts.timerTimeNs;
}

/** Sleeps for `durationNs` from now. */
export function sleep(durationNs: i64): i64 {
  return sleepUntil(monotonicNs() + durationNs);
}

/** A period: each `next` waits for the following tick, and a late one makes the ones after it no later. */
export class Period {
  private deadlineNs: i64;

  constructor(private periodNs: i64) {
    this.deadlineNs = monotonicNs();
  }

  /** Waits for the next tick; answers by how many nanoseconds the machine's clock had passed it. */
  next(): i64 {
    this.deadlineNs += this.periodNs;
    return sleepUntil(this.deadlineNs) - this.deadlineNs;
  }
}
