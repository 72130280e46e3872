// What both ends of a replica's shared memory need of their world: time, and a way for what is too large for a ring. Of Node
// in production, of the schedule in the simulator.

/**
 * Moves snapshots between the two threads: memory to put them into one way, states both ways. Each end sees what the other has
 * posted, in order; a record in the ring, or a word, says that it is there.
 */
export interface StatePort {
  post(message: unknown): void;
  /** The oldest that was posted at the other end and not taken; undefined where there is none. */
  take(): unknown;
}

/** Time, as whatever does not block sees it. */
export interface Timers {
  /** Monotonic, ms; from any origin. */
  nowMs(): number;
  /** Once, so many ms from now, and never from within this call. */
  after(delayMs: number, act: () => void): void;
  /** When what is under way is over, and before others get their turn. */
  next(act: () => void): void;
  /** After what is under way: others (sockets) get their turn before. */
  soon(act: () => void): void;
}
