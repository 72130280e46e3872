// A growing run of bytes, added at its end and taken from its front: input not yet parsed, answers not yet written.
import { allocate, release, resize } from './memory';

const LEAST_BYTES: i32 = 1024;

@unmanaged
export class Buffer {
  block: usize;
  capacity: i32;
  /** What it holds lies from `from` to `to` in the block. */
  from: i32;
  to: i32;

  @inline
  get length(): i32 {
    return this.to - this.from;
  }

  @inline
  get start(): usize {
    return this.block + <usize>this.from;
  }

  /** Makes room for `bytes` behind what is held, and answers where that is. What is held may move. */
  reserve(bytes: i32): usize {
    if (this.capacity - this.to < bytes) this.makeRoom(bytes);
    return this.block + <usize>this.to;
  }

  private makeRoom(bytes: i32): void {
    const held = this.length;
    if (this.from > 0) {
      memory.copy(this.block, this.start, held);
      this.from = 0;
      this.to = held;
    }
    if (this.capacity - held >= bytes) return;
    // Twice as much each time: a byte is copied about once however slowly they come.
    this.capacity = max(held + bytes, this.capacity << 1);
    this.block = resize(this.block, this.capacity);
  }

  append(address: usize, length: i32): void {
    memory.copy(this.reserve(length), address, length);
    this.to += length;
  }

  /** Takes bytes from the front. */
  consume(bytes: i32): void {
    this.from += bytes;
    if (this.from == this.to) this.clear();
  }

  @inline
  clear(): void {
    this.from = 0;
    this.to = 0;
  }
}

export function newBuffer(): Buffer {
  const buffer = changetype<Buffer>(allocate(offsetof<Buffer>()));
  buffer.block = allocate(LEAST_BYTES);
  buffer.capacity = LEAST_BYTES;
  buffer.clear();
  return buffer;
}

export function releaseBuffer(buffer: Buffer): void {
  release(buffer.block);
  release(changetype<usize>(buffer));
}
