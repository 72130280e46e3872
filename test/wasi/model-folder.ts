// A directory device in memory, as simple as it can be: what the kernel asks for is done, and can be looked at.

import { CHUNK_BYTES_MAX, DIRECTORY_LOAD } from '../../devices/directory/directory-commands.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import {
  encodeImageEnd,
  encodeImageEntry,
  encodeImageHeader,
  type ImageEntryKind,
  ROOT_INODE,
} from '../../engine/wasi/image.js';
import { decodeMutation, type Mutation } from '../../engine/wasi/mutation.js';

export type Content = Folder | string | Uint8Array | { readonly link: string } | { readonly readOnly: string };
export interface Folder {
  readonly [name: string]: Content;
}

interface Node {
  kind: 'directory' | 'file' | 'symlink';
  readOnly: boolean;
  bytes: Uint8Array;
  names: Map<string, number>;
  accessedNs: bigint;
  modifiedNs: bigint;
}

const latin = new TextDecoder('latin1');

/** Times of everything in the image, ns since 1970. */
export const IMAGE_TIME_NS = 1_600_000_000_000_000_000n;

const ENOENT = -2;

export class ModelFolder {
  readonly #nodes = new Map<number, Node>();
  #nextInode = ROOT_INODE;
  readonly mutations: Mutation[] = [];
  /** Says that a change fails: a negative Linux number. */
  failure: (mutation: Mutation) => number = () => 0;
  readonly #chunkBytes: number;

  constructor(folder: Folder = {}, chunkBytes = CHUNK_BYTES_MAX) {
    this.#chunkBytes = chunkBytes;
    this.#fill(this.#make('directory'), folder);
  }

  #make(kind: Node['kind'], bytes: Uint8Array = new Uint8Array(0), readOnly = false): number {
    const inode = this.#nextInode++;
    const times = { accessedNs: IMAGE_TIME_NS, modifiedNs: IMAGE_TIME_NS };
    this.#nodes.set(inode, { kind, bytes, readOnly, names: new Map(), ...times });
    return inode;
  }

  #fill(directory: number, folder: Folder): void {
    for (const [name, content] of Object.entries(folder)) {
      let inode: number;
      if (typeof content === 'string') inode = this.#make('file', new TextEncoder().encode(content));
      else if (content instanceof Uint8Array) inode = this.#make('file', content);
      else if ('link' in content) inode = this.#make('symlink', new TextEncoder().encode(content.link as string));
      else if ('readOnly' in content)
        inode = this.#make('file', new TextEncoder().encode(content.readOnly as string), true);
      else {
        inode = this.#make('directory');
        this.#fill(inode, content as Folder);
      }
      this.#at(directory).names.set(latin.decode(new TextEncoder().encode(name)), inode);
    }
  }

  #at(inode: number): Node {
    const node = this.#nodes.get(inode);
    if (node === undefined) throw ENOENT;
    return node;
  }

  /** The tree as plain objects: folders, texts of files (latin1), targets of links. */
  tree(inode = ROOT_INODE): Record<string, unknown> {
    const names = [...this.#at(inode).names].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      names.map(([name, number]) => {
        const node = this.#at(number);
        if (node.kind === 'directory') return [name, this.tree(number)];
        const text = latin.decode(node.bytes);
        return [name, node.kind === 'symlink' ? { link: text } : text];
      }),
    );
  }

  // ---- the device

  perform(operation: Operation): { status: number; data: Uint8Array } {
    const nothing = new Uint8Array(0);
    if (operation.command === DIRECTORY_LOAD) {
      const from = Number(operation.argument) * this.#chunkBytes;
      const data = this.image().slice(from, from + this.#chunkBytes);
      return { status: data.length, data };
    }
    const mutation = decodeMutation(operation.data.slice());
    this.mutations.push(mutation);
    const failure = this.failure(mutation);
    if (failure < 0) return { status: failure, data: nothing };
    try {
      this.#apply(mutation);
      return { status: 0, data: nothing };
    } catch (status) {
      if (typeof status !== 'number') throw status;
      return { status, data: nothing };
    }
  }

  #apply(mutation: Mutation): void {
    const text = (bytes: Uint8Array) => latin.decode(bytes);
    switch (mutation.kind) {
      case 'createFile':
      case 'createDirectory':
      case 'createSymlink': {
        const kind = { createFile: 'file', createDirectory: 'directory', createSymlink: 'symlink' } as const;
        this.#free(mutation.parent, mutation.name);
        const bytes = mutation.kind === 'createSymlink' ? mutation.target : new Uint8Array(0);
        this.#nextInode = mutation.inode;
        this.#at(mutation.parent).names.set(text(mutation.name), this.#make(kind[mutation.kind], bytes));
        return;
      }
      case 'link':
        this.#free(mutation.parent, mutation.name);
        this.#at(mutation.parent).names.set(text(mutation.name), mutation.inode);
        return;
      case 'unlink':
      case 'removeDirectory':
        if (!this.#at(mutation.parent).names.delete(text(mutation.name))) throw ENOENT;
        return;
      case 'rename': {
        const { names } = this.#at(mutation.parent);
        const inode = names.get(text(mutation.name));
        if (inode === undefined) throw ENOENT;
        names.delete(text(mutation.name));
        this.#at(mutation.newParent).names.set(text(mutation.newName), inode);
        return;
      }
      case 'write':
        this.#resize(
          mutation.inode,
          Math.max(this.#at(mutation.inode).bytes.length, mutation.offset + mutation.bytes.length),
        );
        this.#at(mutation.inode).bytes.set(mutation.bytes, mutation.offset);
        return;
      case 'resize':
        this.#resize(mutation.inode, mutation.sizeBytes);
        return;
      case 'setTimes':
        this.#at(mutation.inode).accessedNs = mutation.accessedNs ?? this.#at(mutation.inode).accessedNs;
        this.#at(mutation.inode).modifiedNs = mutation.modifiedNs ?? this.#at(mutation.inode).modifiedNs;
    }
  }

  #free(parent: number, name: Uint8Array): void {
    if (this.#at(parent).names.has(latin.decode(name))) throw -17;
  }

  #resize(inode: number, sizeBytes: number): void {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(this.#at(inode).bytes.subarray(0, sizeBytes));
    this.#at(inode).bytes = bytes;
  }

  /** The tree as the kernel loads it; with inodes numbered anew, as a device does that is started again. */
  image(anew = false): Uint8Array {
    const parts: Uint8Array[] = [encodeImageHeader()];
    const seen = new Set<number>();
    const numbers = new Map<number, number>();
    const numberOf = (inode: number): number => {
      if (!anew) return inode;
      const number = numbers.get(inode) ?? numbers.size + 1;
      numbers.set(inode, number);
      return number;
    };
    const put = (inode: number, parent: number, name: string): void => {
      const node = this.#at(inode);
      const kind: ImageEntryKind = seen.has(inode) ? 'name' : node.kind;
      const sized = kind === 'file' || kind === 'symlink';
      parts.push(
        encodeImageEntry({
          kind,
          readOnly: node.readOnly,
          name: Uint8Array.from(name, character => character.charCodeAt(0)),
          inode: numberOf(inode),
          parent: numberOf(parent),
          sizeBytes: sized ? node.bytes.length : 0,
          accessedNs: node.accessedNs,
          modifiedNs: node.modifiedNs,
          changedNs: node.modifiedNs,
        }),
      );
      if (sized) parts.push(node.bytes);
      if (seen.has(inode)) return;
      seen.add(inode);
      for (const [child, number] of [...node.names].sort(([a], [b]) => (a < b ? -1 : 1))) put(number, inode, child);
    };
    put(ROOT_INODE, ROOT_INODE, '');
    parts.push(encodeImageEnd());
    return new Uint8Array(Buffer.concat(parts));
  }
}
