// Finding a folder again that a machine knows, from a snapshot or from a process that died: the files by the names that they had.
//
// What the guest has must be there, and be of its kind; what is in the files is the user's affair, and so is what else is
// in the folder. No link is followed, as everywhere (folder.ts): each directory is held open while what is in it is looked at.

import { type BigIntStats, closeSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { assert, EpochvisorError } from '../../engine/errors/errors.js';
import { ROOT_INODE } from '../../engine/wasi/image.js';
import type { KnownFolder } from '../../engine/wasi/known-folder.js';
import { type FolderNode, identityOf, OPEN_DIRECTORY, pathIn } from './folder.js';

export interface FoundFolder {
  readonly root: FolderNode;
  /** All nodes by inode. */
  readonly nodes: Map<number, FolderNode>;
}

class Finder {
  readonly nodes = new Map<number, FolderNode>();
  readonly #known: KnownFolder;
  readonly #byIdentity = new Map<string, FolderNode>();

  constructor(known: KnownFolder) {
    this.#known = known;
  }

  /** @param path of the directory, one character a byte: what messages call it */
  find(fd: number, path: string): FolderNode {
    const root = this.#node(ROOT_INODE, 'directory', fstatSync(fd, { bigint: true }));
    this.#enter(root, fd, path);
    return root;
  }

  #enter(parent: FolderNode, fd: number, path: string): void {
    for (const [name, inode] of this.#known.entries.get(parent.inode) ?? []) {
      const node = this.#find(fd, name, inode, `${path}/${name}`);
      node.places.push({ parent, name });
      parent.children.set(name, node);
    }
  }

  #find(fd: number, name: string, inode: number, path: string): FolderNode {
    const kind = this.#known.kinds.get(inode);
    const stat = lstatSync(pathIn(fd, name), { bigint: true, throwIfNoEntry: false });
    if (kind === undefined || stat === undefined) throw changed(path, 'is missing');
    if (kindOf(stat) !== kind) throw changed(path, `is no ${kind} any more`);
    if (kind === 'directory') return this.#directory(fd, name, inode, path);
    // A file with several names is one file, and two files are not: what is written would come into the wrong one.
    const [sameInode, sameFile] = [this.nodes.get(inode), this.#byIdentity.get(identityOf(stat))];
    if (sameInode !== sameFile) throw changed(path, 'shares its file with other names than before');
    return sameInode ?? this.#node(inode, kind, stat);
  }

  #directory(fd: number, name: string, inode: number, path: string): FolderNode {
    if (this.nodes.has(inode)) throw changed(path, 'is in the snapshot twice');
    const child = openSync(pathIn(fd, name), OPEN_DIRECTORY);
    try {
      const node = this.#node(inode, 'directory', fstatSync(child, { bigint: true }));
      this.#enter(node, child, path);
      return node;
    } finally {
      closeSync(child);
    }
  }

  #node(inode: number, kind: FolderNode['kind'], stat: BigIntStats): FolderNode {
    const node: FolderNode = { inode, kind, identity: identityOf(stat), places: [], children: new Map() };
    this.nodes.set(inode, node);
    this.#byIdentity.set(node.identity, node);
    return node;
  }
}

function kindOf(stat: BigIntStats): FolderNode['kind'] | undefined {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  return stat.isFile() ? 'file' : undefined;
}

function changed(path: string, how: string): EpochvisorError {
  const text = Buffer.from(path, 'latin1').toString();
  return new EpochvisorError('DIR_CHANGED', `${text} ${how}`, 'put it back as the machine left it');
}

/**
 * @param fd the folder, open
 * @throws EpochvisorError DIR_CHANGED; errors of the operating system
 */
export function findFolder(fd: number, path: string, known: KnownFolder): FoundFolder {
  const finder = new Finder(known);
  const root = finder.find(fd, Buffer.from(path).toString('latin1'));
  return { root, nodes: finder.nodes };
}

/**
 * Whether something has a name in a directory that is known.
 * @param fd the folder, open
 * @throws errors of the operating system, where a directory on the way is not there
 */
export function isThere(
  fd: number,
  { entries }: Pick<KnownFolder, 'entries'>,
  parent: number,
  name: Uint8Array,
): boolean {
  const steps = stepsTo(entries, parent);
  let directory = fd;
  try {
    for (const step of steps) {
      const next = openSync(pathIn(directory, step), OPEN_DIRECTORY);
      if (directory !== fd) closeSync(directory);
      directory = next;
    }
    const path = pathIn(directory, Buffer.from(name).toString('latin1'));
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } finally {
    if (directory !== fd) closeSync(directory);
  }
}

/** The names that lead from the root to a directory. */
function stepsTo(entries: KnownFolder['entries'], inode: number): string[] {
  const steps: string[] = [];
  for (let at = inode; at !== ROOT_INODE; ) {
    const parent = [...entries].find(([, names]) => [...names.values()].includes(at));
    const step = [...(parent?.[1] ?? [])].find(([, child]) => child === at);
    assert(parent !== undefined && step !== undefined, 'a directory that is known has a name');
    steps.unshift(step[0]);
    at = parent[0];
  }
  return steps;
}
