// Shared memory whose pages are there: a copy into it takes a sixth of the time of one into fresh memory.

const PAGE_BYTES = 4096;
/** Touched in one turn of the event loop: about a millisecond, which heartbeats can wait for. */
const SLICE_BYTES = 4 << 20;

/** Allocates, and touches page by page between turns of the event loop. @throws RangeError where there is no memory */
export async function touchedMemory(bytes: number): Promise<SharedArrayBuffer> {
  const memory = new SharedArrayBuffer(bytes);
  const view = new Uint8Array(memory);
  for (let from = 0; from < bytes; from += SLICE_BYTES) {
    const to = Math.min(bytes, from + SLICE_BYTES);
    for (let at = from; at < to; at += PAGE_BYTES) view[at] = 0;
    await new Promise(resolve => setImmediate(resolve));
  }
  return memory;
}
