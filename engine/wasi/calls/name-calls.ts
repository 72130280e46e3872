// Calls that give a file a name or take one away: link, symbolic link, unlink, remove, rename.

import {
  RIGHT_PATH_LINK_SOURCE,
  RIGHT_PATH_LINK_TARGET,
  RIGHT_PATH_REMOVE_DIRECTORY,
  RIGHT_PATH_RENAME_SOURCE,
  RIGHT_PATH_RENAME_TARGET,
  RIGHT_PATH_SYMLINK,
  RIGHT_PATH_UNLINK_FILE,
} from '../abi.js';
import type { Core } from '../core.js';
import { EBUSY, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EROFS, EXDEV, fail } from '../errno.js';
import { bytesOfText } from '../memory.js';
import type { Inode } from '../tree.js';
import { type Call, guard, u32 } from './guard.js';
import { findName, freeName, type Named } from './path-calls.js';

/** A name for something that is no directory: none that ends in a slash. */
function freeFileName(named: Named): string {
  const { node, slash } = named.place;
  if (slash && node === undefined) fail(ENOENT);
  if (slash && node?.kind !== 'directory') fail(ENOTDIR);
  return freeName(named);
}

function link(core: Core, oldFd: number, oldPath: string, newFd: number, newPath: string): void {
  const source = findName(core, oldFd, oldPath, RIGHT_PATH_LINK_SOURCE);
  const target = findName(core, newFd, newPath, RIGHT_PATH_LINK_TARGET);
  const { node, slash } = source.place;
  if (node === undefined) fail(ENOENT);
  if (slash && node.kind !== 'directory') fail(ENOTDIR);
  if (source.descriptor.volume !== target.descriptor.volume) fail(EXDEV);
  const name = freeFileName(target);
  if (node.kind === 'directory') fail(EPERM);
  const { parent } = target.place;
  const change = { kind: 'link', inode: node.number, parent: parent.number, name: bytesOfText(name) } as const;
  const now = core.perform(target.descriptor.volume, () => change);
  target.volume.tree.link(parent, name, node, now);
}

/** A link may lead to what does not exist, but not out: an absolute target could lead nowhere else. */
function makeSymlink(core: Core, target: string, fd: number, path: string): void {
  if (target.length === 0) fail(ENOENT);
  const named = findName(core, fd, path, RIGHT_PATH_SYMLINK);
  if (target.startsWith('/')) fail(EPERM);
  const name = freeFileName(named);
  const { volume, place } = named;
  const inode = volume.tree.nextInode;
  const now = core.perform(named.descriptor.volume, () => ({
    kind: 'createSymlink',
    inode,
    parent: place.parent.number,
    name: bytesOfText(name),
    target: bytesOfText(target),
  }));
  volume.tree.create(place.parent, name, { kind: 'symlink', target }, now);
}

function unlink(core: Core, fd: number, path: string): void {
  const { descriptor, volume, place } = findName(core, fd, path, RIGHT_PATH_UNLINK_FILE);
  const { node, name, parent, slash } = place;
  if (node === undefined) fail(ENOENT);
  if (node.kind === 'directory') fail(EISDIR);
  if (slash) fail(ENOTDIR);
  if (volume.readOnly) fail(EROFS);
  const change = { kind: 'unlink', parent: parent.number, name: bytesOfText(name!) } as const;
  volume.tree.unlink(
    parent,
    name!,
    core.perform(descriptor.volume, () => change),
  );
}

function removeDirectory(core: Core, fd: number, path: string): void {
  const { descriptor, volume, place } = findName(core, fd, path, RIGHT_PATH_REMOVE_DIRECTORY);
  const { node, name, parent } = place;
  if (node === undefined) fail(ENOENT);
  if (node.kind !== 'directory') fail(ENOTDIR);
  if (name === undefined) fail(EINVAL);
  if (volume.readOnly) fail(EROFS);
  if (node.entries.size > 0) fail(ENOTEMPTY);
  const change = { kind: 'removeDirectory', parent: parent.number, name: bytesOfText(name) } as const;
  volume.tree.unlink(
    parent,
    name,
    core.perform(descriptor.volume, () => change),
  );
}

// ---- renaming

function rename(core: Core, oldFd: number, oldPath: string, newFd: number, newPath: string): void {
  const source = findName(core, oldFd, oldPath, RIGHT_PATH_RENAME_SOURCE);
  const target = findName(core, newFd, newPath, RIGHT_PATH_RENAME_TARGET);
  const { node, name, parent } = source.place;
  const { name: newName, parent: newParent } = target.place;
  if (node === undefined) fail(ENOENT);
  if (name === undefined || newName === undefined) fail(EBUSY);
  if (source.descriptor.volume !== target.descriptor.volume) fail(EXDEV);
  checkRename(source, target, node);
  // Two names of one file: both stay.
  if (target.place.node === node) return;
  const now = core.perform(source.descriptor.volume, () => ({
    kind: 'rename',
    parent: parent.number,
    name: bytesOfText(name),
    newParent: newParent.number,
    newName: bytesOfText(newName),
  }));
  source.volume.tree.rename(parent, name, newParent, newName, now);
}

function checkRename(source: Named, target: Named, node: Inode): void {
  const { volume } = source;
  const replaced = target.place.node;
  if (node.kind !== 'directory' && (source.place.slash || target.place.slash)) fail(ENOTDIR);
  if (volume.readOnly) fail(EROFS);
  if (target.place.parent.links === 0) fail(ENOENT);
  if (node.kind === 'directory' && volume.tree.liesIn(target.place.parent, node)) fail(EINVAL);
  if (replaced === undefined || replaced === node) return;
  if (node.kind === 'directory') {
    if (replaced.kind !== 'directory') fail(ENOTDIR);
    if (replaced.entries.size > 0) fail(ENOTEMPTY);
  } else if (replaced.kind === 'directory') {
    fail(EISDIR);
  }
}

export function nameCalls(core: Core): Record<string, Call> {
  const { memory } = core;
  const pathAt = (path: number, length: number): string => memory.path(u32(path), u32(length));
  return {
    path_link: guard(
      (
        oldFd: number,
        lookup: number,
        oldPath: number,
        oldLength: number,
        newFd: number,
        newPath: number,
        newLength: number,
      ) => {
        // A link to what a symbolic link leads to: nobody offers that.
        if (lookup !== 0) fail(EINVAL);
        link(core, u32(oldFd), pathAt(oldPath, oldLength), u32(newFd), pathAt(newPath, newLength));
      },
    ),
    path_symlink: guard((target: number, targetLength: number, fd: number, path: number, length: number) =>
      makeSymlink(core, pathAt(target, targetLength), u32(fd), pathAt(path, length)),
    ),
    path_unlink_file: guard((fd: number, path: number, length: number) => unlink(core, u32(fd), pathAt(path, length))),
    path_remove_directory: guard((fd: number, path: number, length: number) =>
      removeDirectory(core, u32(fd), pathAt(path, length)),
    ),
    path_rename: guard(
      (oldFd: number, oldPath: number, oldLength: number, newFd: number, newPath: number, newLength: number) =>
        rename(core, u32(oldFd), pathAt(oldPath, oldLength), u32(newFd), pathAt(newPath, newLength)),
    ),
  };
}
