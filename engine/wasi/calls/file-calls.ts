// Calls that read, write and measure what a descriptor stands for.

import { CHUNK_BYTES_MAX } from '../../../devices/directory/directory-commands.js';
import {
  ADVICE_MAX,
  FDFLAGS_APPEND,
  FDFLAGS_DSYNC,
  FDFLAGS_SYNC,
  RIGHT_FD_ADVISE,
  RIGHT_FD_ALLOCATE,
  RIGHT_FD_DATASYNC,
  RIGHT_FD_FILESTAT_SET_SIZE,
  RIGHT_FD_READ,
  RIGHT_FD_SEEK,
  RIGHT_FD_SYNC,
  RIGHT_FD_TELL,
  RIGHT_FD_WRITE,
  WHENCE_CUR,
  WHENCE_END,
  WHENCE_SET,
} from '../abi.js';
import type { Core } from '../core.js';
import type { Descriptor, FileDescriptor } from '../descriptors.js';
import { EACCES, EBADF, EFBIG, EINVAL, EISDIR, ENOSPC, ENOTCAPABLE, EROFS, ESPIPE, fail } from '../errno.js';
import type { FileInode } from '../tree.js';
import { type Call, guard, u32 } from './guard.js';
import { type Buffers, readStream, writeStream } from './stream-calls.js';

/** Offsets are exact up to here; files are smaller. */
const OFFSET_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** A descriptor that reads or writes: whoever may not gets EBADF, as POSIX says of one not opened for it. */
function readerOrWriter(core: Core, fd: number, right: number): Exclude<Descriptor, { kind: 'directory' | 'network' }> {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind === 'directory' || descriptor.kind === 'network') fail(right === RIGHT_FD_READ ? EISDIR : EBADF);
  if ((descriptor.rights & right) === 0) fail(EBADF);
  return descriptor;
}

/** A regular file; EBADF for a directory, `otherwise` for a stream; ENOTCAPABLE. */
function regularFile(core: Core, fd: number, right: number, otherwise: number): FileDescriptor {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind === 'directory' || descriptor.kind === 'network') fail(EBADF);
  if (descriptor.kind !== 'file') fail(otherwise);
  if ((descriptor.rights & right) === 0) fail(ENOTCAPABLE);
  return descriptor;
}

// ---- reading

function readFile(core: Core, descriptor: FileDescriptor, buffers: Buffers, offset: number): number {
  const memory = core.memory.bytes;
  const { content } = core.fileOf(descriptor);
  let done = 0;
  for (const { from, bytes } of buffers.ranges) {
    const piece = content.slice(offset + done, bytes);
    memory.set(piece, from);
    done += piece.length;
    if (piece.length < bytes) break;
  }
  return done;
}

function read(core: Core, fd: number, buffers: Buffers): number {
  const descriptor = readerOrWriter(core, fd, RIGHT_FD_READ);
  if (descriptor.kind !== 'file') return readStream(core, descriptor, buffers, 0);
  const done = readFile(core, descriptor, buffers, descriptor.offset);
  descriptor.offset += done;
  return done;
}

/** A file that is read or written at a place of its own; ESPIPE for streams, EINVAL for a negative offset. */
function atOffset(core: Core, fd: number, right: number, offset: bigint): FileDescriptor {
  const descriptor = readerOrWriter(core, fd, right);
  if (descriptor.kind !== 'file') fail(ESPIPE);
  if ((descriptor.rights & RIGHT_FD_SEEK) === 0) fail(ENOTCAPABLE);
  if (offset < 0n) fail(EINVAL);
  return descriptor;
}

// ---- writing

/** Makes room in memory; EFBIG, ENOSPC. */
function checkSize(core: Core, file: FileInode, sizeBytes: number): void {
  if (sizeBytes > core.space.maxBytes) fail(EFBIG);
  if (sizeBytes - file.content.sizeBytes > core.space.freeBytes) fail(ENOSPC);
}

/**
 * Writes at an offset, or where the descriptor is, and tells the device; with SYNC it waits until the bytes are safe.
 * Answers the bytes written: all of them.
 */
function writeFile(core: Core, descriptor: FileDescriptor, buffers: Buffers, at: number | undefined): number {
  const file = core.fileOf(descriptor);
  const volume = core.volumes[descriptor.volume]!;
  const dataOnly = (descriptor.flags & FDFLAGS_SYNC) === 0;
  // The bytes were written before the call blocked: only their safety is awaited.
  if (core.pending !== undefined) return core.synchronise(descriptor.volume, file.number, dataOnly, 0);
  const errno = volume.takeError(file.number);
  if (errno !== undefined) fail(errno);
  if (buffers.totalBytes === 0) return 0;
  if (core.operations.full) core.block();
  const append = (descriptor.flags & FDFLAGS_APPEND) !== 0;
  const offset = at ?? (append ? file.content.sizeBytes : descriptor.offset);
  checkSize(core, file, offset + buffers.totalBytes);
  const bytes = core.memory.gather(buffers);
  file.content.write(offset, bytes);
  file.modifiedNs = core.now();
  file.changedNs = file.modifiedNs;
  if (at === undefined) descriptor.offset = offset + bytes.length;
  if (!volume.reaches(file)) return bytes.length;
  tellWrite(core, descriptor, offset, bytes);
  if ((descriptor.flags & (FDFLAGS_SYNC | FDFLAGS_DSYNC)) === 0) return bytes.length;
  return core.synchronise(descriptor.volume, file.number, dataOnly, bytes.length);
}

function tellWrite(core: Core, descriptor: FileDescriptor, offset: number, bytes: Uint8Array): void {
  const { volume: index, inode } = descriptor;
  const volume = core.volumes[index]!;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
    const piece = bytes.subarray(at, at + CHUNK_BYTES_MAX);
    const own = core.operations.write({ volume: index, inode }, volume.configuration.device, offset + at, piece);
    if (own) volume.writing(inode);
  }
  core.operations.flush();
}

function write(core: Core, fd: number, buffers: Buffers): number {
  const descriptor = readerOrWriter(core, fd, RIGHT_FD_WRITE);
  if (descriptor.kind !== 'file') return writeStream(core, descriptor, buffers);
  return writeFile(core, descriptor, buffers, undefined);
}

// ---- sizes and offsets

/** Sets the size of a file, after the device; EROFS, EACCES, EFBIG, ENOSPC, or what the device says. */
export function resize(core: Core, volume: number, file: FileInode, sizeBytes: number): void {
  const disk = core.volumes[volume]!;
  if (disk.readOnly) fail(EROFS);
  if (file.readOnly) fail(EACCES);
  checkSize(core, file, sizeBytes);
  const now = disk.reaches(file)
    ? core.perform(volume, () => ({ kind: 'resize', inode: file.number, sizeBytes }))
    : core.now();
  file.content.resize(sizeBytes);
  file.modifiedNs = now;
  file.changedNs = now;
}

function allocate(core: Core, fd: number, offset: bigint, length: bigint): void {
  const descriptor = regularFile(core, fd, RIGHT_FD_ALLOCATE, ESPIPE);
  if (offset < 0n || length <= 0n) fail(EINVAL);
  const end = offset + length;
  if (end > OFFSET_MAX) fail(EFBIG);
  const file = core.fileOf(descriptor);
  if (Number(end) > file.content.sizeBytes) resize(core, descriptor.volume, file, Number(end));
  else if (core.volumes[descriptor.volume]!.readOnly) fail(EROFS);
}

function setSize(core: Core, fd: number, sizeBytes: bigint): void {
  const descriptor = regularFile(core, fd, RIGHT_FD_FILESTAT_SET_SIZE, EINVAL);
  if (sizeBytes < 0n) fail(EINVAL);
  if (sizeBytes > OFFSET_MAX) fail(EFBIG);
  resize(core, descriptor.volume, core.fileOf(descriptor), Number(sizeBytes));
}

function seek(core: Core, fd: number, delta: bigint, whence: number): bigint {
  // To ask where one is takes less than to go elsewhere.
  const right = whence === WHENCE_CUR && delta === 0n ? RIGHT_FD_SEEK | RIGHT_FD_TELL : RIGHT_FD_SEEK;
  const descriptor = regularFile(core, fd, right, ESPIPE);
  let base = 0n;
  if (whence === WHENCE_CUR) base = BigInt(descriptor.offset);
  else if (whence === WHENCE_END) base = BigInt(core.fileOf(descriptor).content.sizeBytes);
  else if (whence !== WHENCE_SET) fail(EINVAL);
  const offset = base + delta;
  if (offset < 0n || offset > OFFSET_MAX) fail(EINVAL);
  descriptor.offset = Number(offset);
  return offset;
}

function advise(core: Core, fd: number, offset: bigint, length: bigint, advice: number): void {
  regularFile(core, fd, RIGHT_FD_ADVISE, ESPIPE);
  if (offset < 0n || length < 0n || advice > ADVICE_MAX) fail(EINVAL);
}

function synchronise(core: Core, fd: number, right: number): void {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind !== 'file' && descriptor.kind !== 'directory') fail(EINVAL);
  if ((descriptor.rights & right) === 0) fail(ENOTCAPABLE);
  const volume = core.loaded(descriptor.volume);
  const inode = core.inodeOf(descriptor);
  if (volume.readOnly || !volume.reaches(inode)) return;
  core.synchronise(descriptor.volume, inode.number, right === RIGHT_FD_DATASYNC, 0);
}

export function fileCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  const buffersAt = (list: number, count: number): Buffers => memory.buffers(u32(list), u32(count));
  /** Where a call answers a 32-bit number: tested before the call does anything. */
  const answer = (pointer: number, value: () => number): void => {
    memory.view(u32(pointer), 4);
    const result = value();
    memory.view(u32(pointer), 4).setUint32(u32(pointer), result, true);
  };
  const answerLong = (pointer: number, value: () => bigint): void => {
    memory.view(u32(pointer), 8);
    const result = value();
    memory.view(u32(pointer), 8).setBigUint64(u32(pointer), result, true);
  };
  return {
    fd_read: guard((fd: number, list: number, count: number, result: number) => {
      core.descriptors.get(u32(fd));
      answer(result, () => read(core, u32(fd), buffersAt(list, count)));
    }),
    fd_write: guard((fd: number, list: number, count: number, result: number) => {
      core.descriptors.get(u32(fd));
      answer(result, () => write(core, u32(fd), buffersAt(list, count)));
    }),
    fd_pread: guard((fd: number, list: number, count: number, offset: bigint, result: number) => {
      const descriptor = atOffset(core, u32(fd), RIGHT_FD_READ, offset);
      const at = offset > OFFSET_MAX ? Number.MAX_SAFE_INTEGER : Number(offset);
      answer(result, () => readFile(core, descriptor, buffersAt(list, count), at));
    }),
    fd_pwrite: guard((fd: number, list: number, count: number, offset: bigint, result: number) => {
      const descriptor = atOffset(core, u32(fd), RIGHT_FD_WRITE, offset);
      if (offset > OFFSET_MAX) fail(EFBIG);
      answer(result, () => writeFile(core, descriptor, buffersAt(list, count), Number(offset)));
    }),
    fd_seek: guard((fd: number, delta: bigint, whence: number, result: number) =>
      answerLong(result, () => seek(core, u32(fd), delta, u32(whence))),
    ),
    fd_tell: guard((fd: number, result: number) =>
      answerLong(result, () => BigInt(regularFile(core, u32(fd), RIGHT_FD_TELL, ESPIPE).offset)),
    ),
    fd_advise: guard((fd: number, offset: bigint, length: bigint, advice: number) =>
      advise(core, u32(fd), offset, length, u32(advice)),
    ),
    fd_allocate: guard((fd: number, offset: bigint, length: bigint) => allocate(core, u32(fd), offset, length)),
    fd_filestat_set_size: guard((fd: number, sizeBytes: bigint) => setSize(core, u32(fd), sizeBytes)),
    fd_sync: guard((fd: number) => synchronise(core, u32(fd), RIGHT_FD_SYNC)),
    fd_datasync: guard((fd: number) => synchronise(core, u32(fd), RIGHT_FD_DATASYNC)),
  };
}
