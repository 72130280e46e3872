// The files of one directory given to the program: inodes by number, and the names that lead to them.
//
// Here are the changes themselves, after everything has been tested (calls) and asked of the device (volume.ts).

import { assert } from '../errors/errors.js';
import { FILETYPE_DIRECTORY, FILETYPE_REGULAR_FILE, FILETYPE_SYMBOLIC_LINK } from './abi.js';
import { Content, type ContentSpace } from './content.js';
import { Entries, type EntriesState } from './directory-entries.js';
import { FIRST_NEW_INODE } from './image.js';

interface InodeCommon {
  readonly number: number;
  /** Names that lead to it; of a directory: 2 and one for each directory in it. 0: removed, kept while open. */
  links: number;
  /** Descriptors that hold it. */
  opened: number;
  /** The host lets nobody write to it. */
  readonly readOnly: boolean;
  /** Nanoseconds since 1970. */
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

export interface FileInode extends InodeCommon {
  readonly kind: 'file';
  readonly content: Content;
}

export interface DirectoryInode extends InodeCommon {
  readonly kind: 'directory';
  readonly entries: Entries;
  /** The directory it is in; the root is in itself. */
  parent: number;
}

export interface SymlinkInode extends InodeCommon {
  readonly kind: 'symlink';
  /** One character a byte, like names. */
  target: string;
}

export type Inode = FileInode | DirectoryInode | SymlinkInode;

/** An inode as plain data: `body` is what its kind has. */
export interface InodeState extends InodeCommon {
  readonly body:
    | { readonly kind: 'file'; readonly bytes: Uint8Array }
    | { readonly kind: 'directory'; readonly entries: EntriesState; readonly parent: number }
    | { readonly kind: 'symlink'; readonly target: string };
}

/** Gives bytes that later changes of the original do not reach. */
export type CopyBytes = (bytes: Uint8Array) => Uint8Array;

export interface TreeState {
  readonly inodes: readonly InodeState[];
  readonly nextInode: number;
}

/** What is new about an inode, by its kind. */
export type InodeBody =
  | { readonly kind: 'file'; readonly content: Content }
  | { readonly kind: 'directory'; readonly entries: Entries; parent: number }
  | { readonly kind: 'symlink'; target: string };

export function filetypeOf(inode: Inode): number {
  if (inode.kind === 'directory') return FILETYPE_DIRECTORY;
  return inode.kind === 'file' ? FILETYPE_REGULAR_FILE : FILETYPE_SYMBOLIC_LINK;
}

export function sizeOf(inode: Inode): number {
  if (inode.kind === 'file') return inode.content.sizeBytes;
  return inode.kind === 'symlink' ? inode.target.length : 0;
}

/** What one sample looks at: some tens of microseconds. */
const SAMPLED_INODES = 32;
const SAMPLED_BYTES = 16_384;

function pieceOf(bytes: Uint8Array, random: number): Uint8Array {
  const pieces = Math.max(1, Math.ceil(bytes.length / SAMPLED_BYTES));
  const from = (random % pieces) * SAMPLED_BYTES;
  return bytes.subarray(from, from + SAMPLED_BYTES);
}

export class Tree {
  readonly #inodes = new Map<number, Inode>();
  #nextInode = FIRST_NEW_INODE;

  /** @param state from now on the bytes of the files in it are the tree's */
  constructor(space: ContentSpace, state?: TreeState) {
    if (state === undefined) return;
    this.#nextInode = state.nextInode;
    for (const inode of state.inodes) this.#inodes.set(inode.number, restoreInode(space, inode));
  }

  find(number: number): Inode | undefined {
    return this.#inodes.get(number);
  }

  /** An inode that has to be there: something holds it. */
  at(number: number): Inode {
    const inode = this.#inodes.get(number);
    assert(inode !== undefined, `inode ${number} is held`);
    return inode;
  }

  directory(number: number): DirectoryInode {
    const inode = this.at(number);
    assert(inode.kind === 'directory', `inode ${number} is a directory`);
    return inode;
  }

  /** The number that the next new inode gets. */
  get nextInode(): number {
    return this.#nextInode;
  }

  /** An inode of the image; `insert` gives it its name. */
  add(inode: Inode): void {
    this.#inodes.set(inode.number, inode);
  }

  // ---- changes, at time `now` in ns

  /** A new inode under a free name; it has the number `nextInode`. */
  create(parent: DirectoryInode, name: string, body: InodeBody, now: bigint): Inode {
    const number = this.#nextInode;
    this.#nextInode += 1;
    const times = { accessedNs: now, modifiedNs: now, changedNs: now };
    const inode: Inode = { number, links: 0, opened: 0, readOnly: false, ...times, ...body };
    this.#inodes.set(number, inode);
    this.insert(parent, name, inode);
    touch(parent, now);
    return inode;
  }

  /** One more name of an inode. */
  insert(parent: DirectoryInode, name: string, inode: Inode): void {
    parent.entries.add(name, inode.number);
    if (inode.kind === 'directory') {
      inode.parent = parent.number;
      inode.links = Math.max(inode.links, 2);
      parent.links += 1;
    } else {
      inode.links += 1;
    }
  }

  link(parent: DirectoryInode, name: string, inode: Inode, now: bigint): void {
    this.insert(parent, name, inode);
    inode.changedNs = now;
    touch(parent, now);
  }

  /** Takes a name away: of a file, or of an empty directory, which is gone then. */
  unlink(parent: DirectoryInode, name: string, now: bigint): void {
    const entry = parent.entries.get(name);
    assert(entry !== undefined, 'a name that is taken away exists');
    const inode = this.at(entry.inode);
    parent.entries.remove(name);
    if (inode.kind === 'directory') {
      inode.links = 0;
      parent.links -= 1;
    } else {
      inode.links -= 1;
    }
    inode.changedNs = now;
    touch(parent, now);
    this.#dropIfUnused(inode);
  }

  /** Moves a name; what had the new one loses it. */
  rename(parent: DirectoryInode, name: string, newParent: DirectoryInode, newName: string, now: bigint): void {
    const entry = parent.entries.get(name);
    assert(entry !== undefined, 'a name that is moved exists');
    const inode = this.at(entry.inode);
    if (newParent.entries.get(newName) !== undefined) this.unlink(newParent, newName, now);
    parent.entries.remove(name);
    newParent.entries.add(newName, inode.number);
    if (inode.kind === 'directory') {
      inode.parent = newParent.number;
      parent.links -= 1;
      newParent.links += 1;
    }
    inode.changedNs = now;
    touch(parent, now);
    touch(newParent, now);
  }

  /** Whether `directory` lies in the directory `ancestor`, or is it. */
  liesIn(directory: DirectoryInode, ancestor: DirectoryInode): boolean {
    for (let at = directory; ; at = this.directory(at.parent)) {
      if (at.number === ancestor.number) return true;
      if (at.parent === at.number || this.find(at.parent) === undefined) return false;
    }
  }

  // ---- descriptors

  open(number: number): void {
    this.at(number).opened += 1;
  }

  close(number: number): void {
    const inode = this.at(number);
    inode.opened -= 1;
    this.#dropIfUnused(inode);
  }

  #dropIfUnused(inode: Inode): void {
    if (inode.links > 0 || inode.opened > 0) return;
    if (inode.kind === 'file') inode.content.resize(0);
    this.#inodes.delete(inode.number);
  }

  /** Some inodes, and a piece of each file among them; bytes are not copied. @param turn another number, other inodes */
  sample(turn: number): unknown {
    // A walk in equal steps could leave some out for ever.
    const random = Math.imul(turn, 0x9e3779b1) >>> 0;
    const first = random % Math.max(1, this.#inodes.size);
    const inodes: InodeState[] = [];
    let index = 0;
    for (const inode of this.#inodes.values()) {
      if (index >= first) inodes.push(saveInode(inode, bytes => pieceOf(bytes, random)));
      index += 1;
      if (index >= first + SAMPLED_INODES) break;
    }
    return { inodes, count: this.#inodes.size, nextInode: this.#nextInode };
  }

  /** @param copy makes what becomes of the bytes of each file */
  save(copy: CopyBytes): TreeState {
    return {
      inodes: [...this.#inodes.values()].map(inode => saveInode(inode, copy)),
      nextInode: this.#nextInode,
    };
  }
}

function touch(directory: DirectoryInode, now: bigint): void {
  directory.modifiedNs = now;
  directory.changedNs = now;
}

function saveInode(inode: Inode, copy: CopyBytes): InodeState {
  const { number, links, opened, readOnly, accessedNs, modifiedNs, changedNs } = inode;
  const common = { number, links, opened, readOnly, accessedNs, modifiedNs, changedNs };
  switch (inode.kind) {
    case 'file':
      return { ...common, body: { kind: 'file', bytes: copy(inode.content.slice(0, inode.content.sizeBytes)) } };
    case 'directory':
      return { ...common, body: { kind: 'directory', entries: inode.entries.save(), parent: inode.parent } };
    case 'symlink':
      return { ...common, body: { kind: 'symlink', target: inode.target } };
  }
}

function restoreInode(space: ContentSpace, { body, ...common }: InodeState): Inode {
  switch (body.kind) {
    case 'file':
      return { ...common, kind: 'file', content: new Content(space, body.bytes) };
    case 'directory':
      return { ...common, kind: 'directory', entries: new Entries(body.entries), parent: body.parent };
    case 'symlink':
      return { ...common, kind: 'symlink', target: body.target };
  }
}
