// Reading and writing streams: the console's, and connections.

import { STDIN } from '../../../devices/console/console-streams.js';
import { isReleaseDue } from '../../protocol/bounds.js';
import type { Input } from '../../streams/input.js';
import { RIFLAGS_RECV_PEEK, RIFLAGS_RECV_WAITALL } from '../abi.js';
import type { Core } from '../core.js';
import { isNonblocking, type SocketDescriptor, type StreamDescriptor } from '../descriptors.js';
import { EAGAIN, EBADF, ECONNRESET, ENOTCONN, EPIPE, fail } from '../errno.js';
import type { Range } from '../memory.js';

export interface Buffers {
  readonly ranges: readonly Range[];
  readonly totalBytes: number;
}

type AnyStream = StreamDescriptor | SocketDescriptor;

/** What a descriptor reads from. */
function source(core: Core, descriptor: AnyStream): { stream: number; input: Input; ended: boolean; reset: boolean } {
  const { stream } = descriptor;
  switch (descriptor.kind) {
    case 'input':
      return { stream: STDIN, input: core.standardInput, ended: core.standardInput.ended, reset: false };
    case 'connection': {
      const { input, deaf, reset } = core.sockets.at(stream);
      return { stream, input, ended: input.ended || deaf, reset };
    }
    case 'listener':
      fail(ENOTCONN);
      break;
    default:
      fail(EBADF);
  }
}

/** Whether reading would not block, and what there is. */
export function readiness(core: Core, descriptor: AnyStream): { ready: boolean; bytes: number; hangup: boolean } {
  const { input, ended, reset } = source(core, descriptor);
  const over = ended || reset;
  return { ready: over || input.readableBytes > 0, bytes: input.readableBytes, hangup: over };
}

/**
 * Reads what there is, and blocks while there is nothing. `flags` are RIFLAGS_*: look without taking, wait for all.
 * Answers the bytes read, 0 at the end.
 */
export function readStream(core: Core, descriptor: AnyStream, buffers: Buffers, flags: number): number {
  const { stream, input, ended, reset } = source(core, descriptor);
  const { totalBytes } = buffers;
  const keep = (flags & RIFLAGS_RECV_PEEK) !== 0;
  const all = (flags & RIFLAGS_RECV_WAITALL) !== 0 && !keep && !isNonblocking(descriptor);
  const doneBytes = core.pending?.kind === 'receive' ? core.pending.doneBytes : 0;
  core.pending = undefined;
  const readBytes = doneBytes + scatter(core, input, skipped(buffers.ranges, doneBytes), keep);
  const taken = keep ? 0 : readBytes - doneBytes;
  if (isReleaseDue(input.consumed, taken, input.readableBytes)) core.machine.consumed(stream, input.consumed);
  if (readBytes === totalBytes || ended) return readBytes;
  if (reset) {
    if (readBytes === 0) fail(ECONNRESET);
    return readBytes;
  }
  if (readBytes > 0 && !all) return readBytes;
  if (isNonblocking(descriptor)) fail(EAGAIN);
  if (all) core.pending = { kind: 'receive', doneBytes: readBytes };
  core.block();
}

function scatter(core: Core, input: Input, ranges: readonly Range[], keep: boolean): number {
  const memory = core.memory.bytes;
  if (keep && ranges.length > 1) return peek(memory, input, ranges);
  let readBytes = 0;
  for (const { from, bytes } of ranges) {
    const got = input.read(memory.subarray(from, from + bytes), keep);
    readBytes += got;
    if (got < bytes) break;
  }
  return readBytes;
}

/** Looking into several buffers: what is not taken would come again for each. */
function peek(memory: Uint8Array, input: Input, ranges: readonly Range[]): number {
  const wantedBytes = ranges.reduce((sum, { bytes }) => sum + bytes, 0);
  const seen = new Uint8Array(Math.min(wantedBytes, input.readableBytes));
  input.read(seen, true);
  let at = 0;
  for (const { from, bytes } of ranges) {
    const part = seen.subarray(at, at + bytes);
    memory.set(part, from);
    at += part.length;
  }
  return at;
}

/** The buffers without their first bytes. */
function skipped(ranges: readonly Range[], skipBytes: number): readonly Range[] {
  if (skipBytes === 0) return ranges;
  let left = skipBytes;
  return ranges.flatMap(({ from, bytes }) => {
    const skip = Math.min(left, bytes);
    left -= skip;
    return skip === bytes ? [] : [{ from: from + skip, bytes: bytes - skip }];
  });
}

/** Whether writing would not block. */
export function hasRoom(core: Core, descriptor: AnyStream): boolean {
  if (descriptor.kind === 'output') return true;
  if (descriptor.kind !== 'connection') fail(descriptor.kind === 'listener' ? ENOTCONN : EBADF);
  const connection = core.sockets.at(descriptor.stream);
  return connection.finished || connection.reset || core.sockets.roomBytes(connection) > 0;
}

/** Writes everything; to a connection, once there is room for anything, as much as there is room for. */
export function writeStream(core: Core, descriptor: AnyStream, buffers: Buffers): number {
  let { totalBytes } = buffers;
  if (descriptor.kind === 'output' && core.unread.has(descriptor.stream)) fail(EPIPE);
  if (!hasRoom(core, descriptor)) {
    if (isNonblocking(descriptor)) fail(EAGAIN);
    core.block();
  }
  if (descriptor.kind === 'connection') {
    const connection = core.sockets.at(descriptor.stream);
    if (connection.finished || connection.reset) fail(EPIPE);
    totalBytes = Math.min(totalBytes, core.sockets.roomBytes(connection));
    core.sockets.wrote(connection, totalBytes);
  }
  if (totalBytes > 0) core.machine.write(descriptor.stream, core.memory.gather(buffers, totalBytes));
  return totalBytes;
}
