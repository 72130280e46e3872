// Copies of bytes between threads, as fast as memory allows.
//
// The problem. Where one side of a copy is memory that threads share, `set` and `slice` go by V8's careful way, for another
// thread might look: a word at a time, and, unless both sides begin at the same place of a word, a byte at a time: 3.5 GB/s
// instead of 40. What goes through a pair's rings is copied four times by each replica, and hardly ever begins at a word.
// Whoever copies here has the bytes alone: a ring hands a place to one thread at a time. `fill` with a value as long as what
// it fills is Node's own way to copy plainly; on a host without it `set` does.

interface Host {
  readonly Buffer?: {
    readonly prototype: { fill(this: Uint8Array, value: Uint8Array, from: number, to: number): void };
    allocUnsafeSlow(bytes: number): { readonly buffer: ArrayBuffer };
  };
}

const { Buffer } = globalThis as unknown as Host;

/** Below it, the call costs more than the copy. */
const LARGE_BYTES = 512;

/** As `target.set(source, at)`; the two do not overlap. */
export function putCopy(target: Uint8Array, at: number, source: Uint8Array): void {
  if (source.length < LARGE_BYTES || Buffer === undefined) target.set(source, at);
  else Buffer.prototype.fill.call(target, source, at, at + source.length);
}

/** A copy of its own, in memory that no other thread sees. */
export function copyOf(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = unwritten(source.length);
  putCopy(copy, 0, source);
  return copy;
}

/** Bytes that hold anything, and are all written next: to clear them first would cost as much as to write them. */
export function unwritten(bytes: number): Uint8Array<ArrayBuffer> {
  return bytes < LARGE_BYTES || Buffer === undefined
    ? new Uint8Array(bytes)
    : new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
