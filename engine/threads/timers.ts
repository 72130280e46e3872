// Time, as whatever does not block sees it: of the event loop in production, of the schedule in the simulator.

export interface Timers {
  /** Monotonic, ms; from any origin. */
  nowMs(): number;
  /** Once, so many ms from now, and never from within this call. */
  after(delayMs: number, act: () => void): void;
  /** After what is under way: others (sockets) get their turn before. */
  soon(act: () => void): void;
}
