// From a path to an inode: every component and every symbolic link is resolved here, and none leads out.
//
// A path starts at a directory that the program has open, and must stay in it: a `..` above it, an absolute path and
// an absolute link are EPERM, though the file they mean may exist. The walk keeps the directories from the start down,
// so that `..` is a step back on the way that was come, and cannot pass the start whatever was renamed meanwhile.

import { ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, fail } from './errno.js';
import { NAME_BYTES_MAX } from './image.js';
import type { DirectoryInode, Inode, Tree } from './tree.js';

/** Symbolic links on one path, at most, as on Linux. */
const LINKS_MAX = 40;

/** Where a path leads. */
export interface Place {
  /** The directory that the last name is in. */
  readonly parent: DirectoryInode;
  /** The last name; undefined where the path ends in `.` or `..`, which are `node` and no name of it. */
  readonly name: string | undefined;
  /** What is there; undefined: nothing yet. */
  readonly node: Inode | undefined;
  /** The path ends in a slash, as only a directory may. */
  readonly slash: boolean;
}

export interface Resolution {
  /** A link at the end is followed. */
  readonly follow: boolean;
  /** A link before a slash at the end is followed, whatever `follow` says; calls that take a name away do not. */
  readonly followSlash: boolean;
}

/** EPERM: it leads out; ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG as on Linux. */
export function resolve(tree: Tree, start: DirectoryInode, path: string, resolution: Resolution): Place {
  if (path.length === 0) fail(ENOENT);
  const walk: Walk = { tree, directories: [start], links: 0 };
  return follow(walk, path, resolution);
}

interface Walk {
  readonly tree: Tree;
  /** From the start to where the walk is. */
  readonly directories: DirectoryInode[];
  links: number;
}

function here(walk: Walk): DirectoryInode {
  return walk.directories[walk.directories.length - 1]!;
}

function follow(walk: Walk, path: string, resolution: Resolution): Place {
  if (path.startsWith('/')) fail(EPERM);
  const slash = path.endsWith('/');
  const names = path.split('/').filter(name => name !== '');
  const last = names.length - 1;
  for (let index = 0; index < last; index++) step(walk, names[index]!);
  const name = names[last]!;
  if (name === '.' || name === '..') {
    enter(walk, name);
    return { parent: here(walk), name: undefined, node: here(walk), slash };
  }
  const node = lookUp(walk, name);
  if (node?.kind === 'symlink' && (resolution.follow || (slash && resolution.followSlash))) {
    return follow(walk, expand(walk, node.target) + (slash ? '/' : ''), resolution);
  }
  return { parent: here(walk), name, node, slash };
}

/** A component that is not the last one. */
function step(walk: Walk, name: string): void {
  if (name === '.' || name === '..') {
    enter(walk, name);
    return;
  }
  const node = lookUp(walk, name);
  if (node === undefined) fail(ENOENT);
  if (node.kind === 'directory') {
    walk.directories.push(node);
    return;
  }
  if (node.kind !== 'symlink') fail(ENOTDIR);
  const place = follow(walk, expand(walk, node.target), { follow: true, followSlash: true });
  if (place.node === undefined) fail(ENOENT);
  if (place.node.kind !== 'directory') fail(ENOTDIR);
  if (place.name !== undefined) walk.directories.push(place.node);
}

function enter(walk: Walk, name: '.' | '..'): void {
  if (name === '.') return;
  if (walk.directories.length === 1) fail(EPERM);
  walk.directories.pop();
}

function lookUp(walk: Walk, name: string): Inode | undefined {
  if (name.length > NAME_BYTES_MAX) fail(ENAMETOOLONG);
  const entry = here(walk).entries.get(name);
  return entry === undefined ? undefined : walk.tree.at(entry.inode);
}

function expand(walk: Walk, target: string): string {
  walk.links += 1;
  if (walk.links > LINKS_MAX) fail(ELOOP);
  if (target.length === 0) fail(ENOENT);
  return target;
}
