// When a guest says that it has consumed input (RL).
//
// The bus keeps input until it is released. A program that reads a kilobyte at a time would release a kilobyte at a time,
// and each release takes the way of an output: through the ring, past output commit, to the bus. The bus needs to hear of
// much at once, or that the guest has come to the end of what it was given. Both are the same on every replica: they follow
// from what was delivered and read, and from nothing else.

/** Consumed at once, or across a multiple of it: an eighth of what the bus waits for when its window is full. */
export const RELEASE_BYTES = 16 * 1024;

/**
 * Whether a guest that has just read `readBytes` of a stream, to the offset `consumed`, says so now. It always does when
 * nothing is left to read (`readableBytes` is 0): a guest that waits for input has released all there was.
 */
export function isReleaseDue(consumed: number, readBytes: number, readableBytes: number): boolean {
  if (readBytes === 0) return false;
  return readableBytes === 0 || consumed % RELEASE_BYTES < readBytes;
}
