// Calls that take a path: opening, making, linking, removing, renaming, and what is known of a file by its name.

import {
  FDFLAGS_ALL,
  LOOKUPFLAGS_SYMLINK_FOLLOW,
  OFLAGS_ALL,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCL,
  OFLAGS_TRUNC,
  RIGHT_FD_WRITE,
  RIGHT_PATH_CREATE_DIRECTORY,
  RIGHT_PATH_CREATE_FILE,
  RIGHT_PATH_FILESTAT_GET,
  RIGHT_PATH_FILESTAT_SET_SIZE,
  RIGHT_PATH_FILESTAT_SET_TIMES,
  RIGHT_PATH_OPEN,
  RIGHT_PATH_READLINK,
  RIGHTS_DIRECTORY,
  RIGHTS_FILE,
} from '../abi.js';
import { Content } from '../content.js';
import type { Core } from '../core.js';
import type { DirectoryDescriptor, NetworkDescriptor } from '../descriptors.js';
import { Entries } from '../directory-entries.js';
import { EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTCAPABLE, ENOTDIR, EROFS, fail } from '../errno.js';
import { ROOT_INODE } from '../image.js';
import { bytesOfText } from '../memory.js';
import { type Place, resolve } from '../paths.js';
import { FILESTAT_BYTES, writeFilestat } from '../stat.js';
import { checkTimeFlags, setTimes } from '../times.js';
import type { Inode } from '../tree.js';
import type { Volume } from '../volume.js';
import { networkFilestat, openNetwork } from './connect-calls.js';
import { resize } from './file-calls.js';
import { type Call, guard, rightsOf, u32 } from './guard.js';

export interface Named {
  readonly descriptor: DirectoryDescriptor;
  readonly volume: Volume;
  readonly place: Place;
}

/** Where a path leads; `follow`: a link at its end is followed. */
function find(core: Core, fd: number, path: string, rights: number, follow: boolean): Named {
  const { descriptor, volume, inode } = core.directory(fd, rights);
  return { descriptor, volume, place: resolve(volume.tree, inode, path, { follow, followSlash: true }) };
}

/** A name itself, and not what a link with that name leads to. */
export function findName(core: Core, fd: number, path: string, rights: number): Named {
  const { descriptor, volume, inode } = core.directory(fd, rights);
  return { descriptor, volume, place: resolve(volume.tree, inode, path, { follow: false, followSlash: false }) };
}

/** What is there; ENOENT, and ENOTDIR where a slash says that it is a directory and it is none. */
function existing({ node, slash }: Place): Inode {
  if (node === undefined) fail(ENOENT);
  if (slash && node.kind !== 'directory') fail(ENOTDIR);
  return node;
}

/** A name that something new can have; EEXIST, EROFS, ENOENT in a directory that was removed. */
export function freeName({ volume, place }: Named): string {
  if (place.node !== undefined || place.name === undefined) fail(EEXIST);
  if (volume.readOnly) fail(EROFS);
  if (place.parent.links === 0) fail(ENOENT);
  return place.name;
}

// ---- opening

interface Opening {
  readonly oflags: number;
  readonly rights: number;
  readonly inheriting: number;
  readonly flags: number;
}

function checkOpening(opening: Opening): Opening {
  const { oflags, flags } = opening;
  if ((oflags & ~OFLAGS_ALL) !== 0 || (flags & ~FDFLAGS_ALL) !== 0) fail(EINVAL);
  const both = OFLAGS_CREAT | OFLAGS_DIRECTORY;
  if ((oflags & both) === both) fail(EINVAL);
  return opening;
}

function open(core: Core, fd: number, follow: boolean, path: string, opening: Opening): number {
  checkOpening(opening);
  const { oflags } = opening;
  let rights = RIGHT_PATH_OPEN;
  if ((oflags & OFLAGS_CREAT) !== 0) rights |= RIGHT_PATH_CREATE_FILE;
  if ((oflags & OFLAGS_TRUNC) !== 0) rights |= RIGHT_PATH_FILESTAT_SET_SIZE;
  const exclusive = (oflags & OFLAGS_CREAT) !== 0 && (oflags & OFLAGS_EXCL) !== 0;
  const named = find(core, fd, path, rights, follow && !exclusive);
  core.descriptors.reserve();
  const { descriptor, volume, place } = named;
  let inode = place.node;
  if (inode === undefined) inode = createFile(core, named, oflags);
  else checkExisting(core, named, inode, opening, exclusive);
  if (inode.number !== ROOT_INODE) volume.tree.open(inode.number);
  // More rights than the directory hands on are not an error: compilers' libraries ask for all there are.
  const handed = descriptor.inheriting & (inode.kind === 'directory' ? RIGHTS_DIRECTORY : RIGHTS_FILE);
  const common = { volume: descriptor.volume, inode: inode.number, flags: opening.flags };
  const granted = { rights: opening.rights & handed, inheriting: opening.inheriting & descriptor.inheriting };
  if (inode.kind === 'directory') {
    return core.descriptors.add({ kind: 'directory', preopened: false, ...common, ...granted });
  }
  return core.descriptors.add({ kind: 'file', offset: 0, ...common, ...granted, inheriting: 0 });
}

function createFile(core: Core, named: Named, oflags: number): Inode {
  if ((oflags & OFLAGS_CREAT) === 0) fail(ENOENT);
  if (named.place.slash) fail(EISDIR);
  const name = freeName(named);
  const { descriptor, volume, place } = named;
  const inode = volume.tree.nextInode;
  const change = { kind: 'createFile', inode, parent: place.parent.number, name: bytesOfText(name) } as const;
  const now = core.perform(descriptor.volume, () => change);
  return volume.tree.create(place.parent, name, { kind: 'file', content: new Content(core.space) }, now);
}

/** Whether what is there can be opened like this; truncates it, where that is asked for. */
function checkExisting(core: Core, named: Named, inode: Inode, opening: Opening, exclusive: boolean): void {
  const { oflags, rights } = opening;
  const truncates = (oflags & OFLAGS_TRUNC) !== 0;
  const writes = truncates || (rights & RIGHT_FD_WRITE) !== 0;
  if (exclusive) fail(EEXIST);
  if (inode.kind === 'symlink') fail(ELOOP);
  if (inode.kind === 'directory') {
    if (writes || (oflags & OFLAGS_CREAT) !== 0) fail(EISDIR);
    return;
  }
  if ((oflags & OFLAGS_DIRECTORY) !== 0 || named.place.slash) fail(ENOTDIR);
  if (writes && named.volume.readOnly) fail(EROFS);
  if (writes && inode.readOnly) fail(EACCES);
  if (truncates && inode.content.sizeBytes > 0) resize(core, named.descriptor.volume, inode, 0);
}

// ---- directories, and what is known by name

function createDirectory(core: Core, fd: number, path: string): void {
  const named = findName(core, fd, path, RIGHT_PATH_CREATE_DIRECTORY);
  const name = freeName(named);
  const { descriptor, volume, place } = named;
  const inode = volume.tree.nextInode;
  const change = { kind: 'createDirectory', inode, parent: place.parent.number, name: bytesOfText(name) } as const;
  const now = core.perform(descriptor.volume, () => change);
  volume.tree.create(place.parent, name, { kind: 'directory', entries: new Entries(), parent: inode }, now);
}

function readLink(core: Core, fd: number, path: string, buffer: Uint8Array): number {
  const inode = existing(find(core, fd, path, RIGHT_PATH_READLINK, false).place);
  if (inode.kind !== 'symlink') fail(EINVAL);
  const target = bytesOfText(inode.target).subarray(0, buffer.length);
  buffer.set(target);
  return target.length;
}

function isFollowing(lookup: number): boolean {
  if ((lookup & ~LOOKUPFLAGS_SYMLINK_FOLLOW) !== 0) fail(EINVAL);
  return (lookup & LOOKUPFLAGS_SYMLINK_FOLLOW) !== 0;
}

/** The folder of names to connect to, if it is that; ENOTCAPABLE. */
function networkAt(core: Core, fd: number, right: number): NetworkDescriptor | undefined {
  const descriptor = core.descriptors.get(fd);
  if (descriptor.kind !== 'network') return undefined;
  if ((descriptor.rights & right) === 0) fail(ENOTCAPABLE);
  return descriptor;
}

export function pathCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  const pathAt = (path: number, length: number): string => memory.path(u32(path), u32(length));
  return {
    path_open: guard(
      (
        fd: number,
        lookup: number,
        path: number,
        length: number,
        oflags: number,
        rights: bigint,
        inheriting: bigint,
        flags: number,
        result: number,
      ) => {
        const view = memory.view(u32(result), 4);
        const opening = {
          oflags: u32(oflags),
          rights: rightsOf(rights),
          inheriting: rightsOf(inheriting),
          flags: u32(flags),
        };
        const name = pathAt(path, length);
        const follow = isFollowing(u32(lookup));
        const network = networkAt(core, u32(fd), RIGHT_PATH_OPEN);
        const opened =
          network === undefined
            ? open(core, u32(fd), follow, name, opening)
            : openNetwork(core, network, name, checkOpening(opening));
        view.setUint32(u32(result), opened, true);
      },
    ),
    path_create_directory: guard((fd: number, path: number, length: number) =>
      createDirectory(core, u32(fd), pathAt(path, length)),
    ),
    path_readlink: guard(
      (fd: number, path: number, length: number, buffer: number, bufferBytes: number, result: number) => {
        const target = memory.range(u32(buffer), u32(bufferBytes));
        const view = memory.view(u32(result), 4);
        view.setUint32(u32(result), readLink(core, u32(fd), pathAt(path, length), target), true);
      },
    ),
    path_filestat_get: guard((fd: number, lookup: number, path: number, length: number, result: number) => {
      const follow = isFollowing(u32(lookup));
      const view = memory.view(u32(result), FILESTAT_BYTES);
      if (networkAt(core, u32(fd), RIGHT_PATH_FILESTAT_GET) !== undefined) {
        networkFilestat(core, pathAt(path, length), view, u32(result));
        return;
      }
      const named = find(core, u32(fd), pathAt(path, length), RIGHT_PATH_FILESTAT_GET, follow);
      writeFilestat(view, u32(result), named.descriptor.volume, existing(named.place));
    }),
    path_filestat_set_times: guard(
      (
        fd: number,
        lookup: number,
        path: number,
        length: number,
        accessedNs: bigint,
        modifiedNs: bigint,
        flags: number,
      ) => {
        const follow = isFollowing(u32(lookup));
        checkTimeFlags(u32(flags));
        const named = find(core, u32(fd), pathAt(path, length), RIGHT_PATH_FILESTAT_SET_TIMES, follow);
        const inode = existing(named.place);
        setTimes(core, named.descriptor.volume, inode, accessedNs, modifiedNs, u32(flags));
      },
    ),
  };
}
