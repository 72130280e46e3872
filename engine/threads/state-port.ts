// What moves snapshots between the two threads of a replica: memory to put them into one way, states both ways. Each end
// sees what the other has posted, in order; a record in the ring, or a word, says that it is there.

export interface StatePort {
  post(message: unknown): void;
  /** The oldest that was posted at the other end and not taken; undefined where there is none. */
  take(): unknown;
}
