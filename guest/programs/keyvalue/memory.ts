// Memory by hand: blocks that are asked for and given back, and counted, so that a client cannot take all there is.
//
// The compiler's collected objects cost at every step of theirs; a server that makes some for each command would spend its
// time on them. What a command touches here lies in blocks of the allocator below the collector, and no command makes an
// object. A layout is a class marked `@unmanaged`: a pointer with named fields.

/** What requests and answers under way may take beside the data. Two of the largest requests, and some more. */
const TRAFFIC_BYTES: usize = 256 << 20;

/** Bytes in blocks now. */
export let usedBytes: usize = 0;
/** Commands that add data are refused from here on. */
export let limitBytes: usize = 512 << 20;

export function setLimit(bytes: usize): void {
  limitBytes = bytes;
}

/** Bytes that a block has room for: AssemblyScript keeps them, with two flags, in the word before it (BLOCK.mmInfo). */
// @ts-ignore: decorator
@inline
export function roomOf(block: usize): usize {
  return load<usize>(block - sizeof<usize>()) & ~(<usize>3);
}

/** A block; what is in it is undefined. */
export function allocate(bytes: usize): usize {
  const block = heap.alloc(bytes);
  usedBytes += roomOf(block);
  return block;
}

/** The block with room for `bytes`, perhaps elsewhere. */
export function resize(block: usize, bytes: usize): usize {
  usedBytes -= roomOf(block);
  const resized = heap.realloc(block, bytes);
  usedBytes += roomOf(resized);
  return resized;
}

export function release(block: usize): void {
  usedBytes -= roomOf(block);
  heap.free(block);
}

/** Whether there is no room for more data. */
export function isFull(): bool {
  return usedBytes >= limitBytes;
}

/** Whether a request or an answer may take so many bytes more. */
export function hasRoomFor(bytes: usize): bool {
  return usedBytes + bytes <= limitBytes + TRAFFIC_BYTES;
}
