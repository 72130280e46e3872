// Calls about descriptors themselves: what they are, what they may, closing and renumbering, pre-opened directories.
//
//   fdstat                                prestat
//    0  1  filetype                        0  1  0: a directory, 1: a listening socket
//    2  2  flags                           4  4  length of its name, bytes
//    8  8  rights
//   16  8  rights it hands on

import { encodeEscaped } from '../../wasm/escaped-utf8.js';
import {
  FDFLAGS_ALL,
  RIGHT_FD_FDSTAT_SET_FLAGS,
  RIGHT_FD_FILESTAT_GET,
  RIGHT_FD_FILESTAT_SET_TIMES,
  RIGHT_FD_WRITE,
} from '../abi.js';
import type { Core } from '../core.js';
import { filetypeOfDescriptor } from '../descriptors.js';
import { EBADF, EINVAL, ENAMETOOLONG, ENOTCAPABLE, fail } from '../errno.js';
import { FILESTAT_BYTES, writeFilestat, writeStreamFilestat } from '../stat.js';
import { checkTimeFlags, setTimes } from '../times.js';
import { NETWORK_FOLDER } from './connect-calls.js';
import { type Call, guard, rightsOf, u32 } from './guard.js';

const FDSTAT_BYTES = 24;
const PRESTAT_BYTES = 8;

function fdstatGet(core: Core, fd: number, at: number): void {
  const descriptor = core.descriptors.get(fd);
  const view = core.memory.view(at, FDSTAT_BYTES);
  view.setBigUint64(at, 0n, true);
  view.setUint8(at, filetypeOfDescriptor(descriptor));
  view.setUint16(at + 2, descriptor.flags, true);
  view.setBigUint64(at + 8, BigInt(descriptor.rights), true);
  view.setBigUint64(at + 16, BigInt(descriptor.inheriting), true);
}

function setFlags(core: Core, fd: number, flags: number): void {
  const descriptor = core.descriptor(fd, RIGHT_FD_FDSTAT_SET_FLAGS);
  if ((flags & ~FDFLAGS_ALL) !== 0) fail(EINVAL);
  descriptor.flags = flags;
}

/** Rights can be given up, never taken. */
function setRights(core: Core, fd: number, rights: number, inheriting: number): void {
  const descriptor = core.descriptors.get(fd);
  if ((rights & ~descriptor.rights) !== 0 || (inheriting & ~descriptor.inheriting) !== 0) fail(ENOTCAPABLE);
  descriptor.rights = rights;
  descriptor.inheriting = inheriting;
}

function filestatGet(core: Core, fd: number, at: number): void {
  const descriptor = core.descriptor(fd, RIGHT_FD_FILESTAT_GET);
  const view = core.memory.view(at, FILESTAT_BYTES);
  if (descriptor.kind === 'file' || descriptor.kind === 'directory') {
    writeFilestat(view, at, descriptor.volume, core.inodeOf(descriptor));
  } else {
    const inode = descriptor.kind === 'network' ? 0 : descriptor.stream;
    writeStreamFilestat(view, at, 0, inode, filetypeOfDescriptor(descriptor));
  }
}

/** Waits for what was written through it, and tells its error; the descriptor is closed whatever the answer. */
function close(core: Core, fd: number): void {
  const descriptor = core.descriptors.get(fd);
  let errno: number | undefined;
  if (descriptor.kind === 'file' && (descriptor.rights & RIGHT_FD_WRITE) !== 0) {
    const volume = core.volumes[descriptor.volume]!;
    if (volume.isWriting(descriptor.inode)) core.block();
    errno = volume.takeError(descriptor.inode);
  }
  core.descriptors.remove(fd);
  core.release(descriptor);
  if (errno !== undefined) fail(errno);
}

function renumber(core: Core, from: number, to: number): void {
  core.descriptors.get(from);
  const replaced = core.descriptors.get(to);
  if (from === to) return;
  core.descriptors.move(from, to);
  core.release(replaced);
}

/** After stdin, stdout and stderr. */
const FIRST_PREOPENED = 3;
const PREOPENED_DIRECTORY = 0;
/** Not in the specification; libc passes over what it does not know, and goes on to the directories behind it. */
const PREOPENED_LISTENER = 1;

/** Where the folder of names to connect to was opened. */
function networkFd({ configuration: { listeners, directories } }: Core): number {
  return FIRST_PREOPENED + listeners.length + directories.length;
}

/** The name of a pre-opened directory; EBADF for everything else: there libc stops asking. */
function preopenedName(core: Core, fd: number): Uint8Array {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind === 'network' && fd === networkFd(core)) return encodeEscaped(NETWORK_FOLDER);
  if (descriptor.kind !== 'directory' || !descriptor.preopened) fail(EBADF);
  return encodeEscaped(core.volumes[descriptor.volume]!.configuration.guestPath);
}

export function descriptorCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  return {
    fd_fdstat_get: guard((fd: number, result: number) => fdstatGet(core, u32(fd), u32(result))),
    fd_fdstat_set_flags: guard((fd: number, flags: number) => setFlags(core, u32(fd), u32(flags))),
    fd_fdstat_set_rights: guard((fd: number, rights: bigint, inheriting: bigint) =>
      setRights(core, u32(fd), rightsOf(rights), rightsOf(inheriting)),
    ),
    fd_filestat_get: guard((fd: number, result: number) => filestatGet(core, u32(fd), u32(result))),
    fd_filestat_set_times: guard((fd: number, accessedNs: bigint, modifiedNs: bigint, flags: number) => {
      const descriptor = core.descriptor(u32(fd), RIGHT_FD_FILESTAT_SET_TIMES);
      checkTimeFlags(u32(flags));
      if (descriptor.kind !== 'file' && descriptor.kind !== 'directory') fail(EBADF);
      setTimes(core, descriptor.volume, core.inodeOf(descriptor), accessedNs, modifiedNs, u32(flags));
    }),
    fd_close: guard((fd: number) => close(core, u32(fd))),
    fd_renumber: guard((from: number, to: number) => renumber(core, u32(from), u32(to))),
    fd_prestat_get: guard((fd: number, result: number) => {
      const listens = core.descriptors.get(u32(fd)).kind === 'listener';
      const length = listens ? 0 : preopenedName(core, u32(fd)).length;
      const view = memory.view(u32(result), PRESTAT_BYTES);
      view.setUint32(u32(result), listens ? PREOPENED_LISTENER : PREOPENED_DIRECTORY, true);
      view.setUint32(u32(result) + 4, length, true);
    }),
    fd_prestat_dir_name: guard((fd: number, buffer: number, length: number) => {
      const name = preopenedName(core, u32(fd));
      if (u32(length) < name.length) fail(ENAMETOOLONG);
      memory.range(u32(buffer), name.length).set(name);
    }),
  };
}
