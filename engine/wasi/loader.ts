// Builds the tree of a directory from its image, chunk by chunk.

import { EpochvisorError } from '../errors/errors.js';
import { Content, type ContentSpace } from './content.js';
import { Entries } from './directory-entries.js';
import {
  FIRST_NEW_INODE,
  ImageDecoder,
  type ImageDecoderState,
  type ImageEntry,
  NAME_BYTES_MAX,
  ROOT_INODE,
} from './image.js';
import { textOfBytes } from './memory.js';
import type { Inode, InodeBody, Tree } from './tree.js';

export interface LoaderState {
  readonly decoder: ImageDecoderState;
  readonly last: number;
  readonly at: number;
}

function malformed(what: string): EpochvisorError {
  return new EpochvisorError('IMAGE_MALFORMED', `malformed image of a directory: ${what}`);
}

export class TreeLoader {
  readonly #tree: Tree;
  readonly #decoder: ImageDecoder;
  readonly #space: ContentSpace;
  /** The inode whose content comes, and how much of it came. */
  #last = 0;
  #at = 0;

  constructor(tree: Tree, space: ContentSpace, state?: LoaderState) {
    this.#tree = tree;
    this.#space = space;
    const sink = {
      entry: (entry: ImageEntry) => this.#entry(entry),
      content: (bytes: Uint8Array) => this.#content(bytes),
    };
    this.#decoder = new ImageDecoder(sink, state?.decoder);
    this.#last = state?.last ?? 0;
    this.#at = state?.at ?? 0;
  }

  get complete(): boolean {
    return this.#decoder.complete && this.#tree.find(ROOT_INODE) !== undefined;
  }

  /** @throws EpochvisorError IMAGE_MALFORMED; IMAGE_TOO_LARGE: more than there is room for */
  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  save(): LoaderState {
    return { decoder: this.#decoder.save(), last: this.#last, at: this.#at };
  }

  #entry(entry: ImageEntry): void {
    const name = textOfBytes(entry.name);
    if (entry.kind === 'name') {
      const inode = this.#tree.find(entry.inode);
      if (inode === undefined || inode.kind === 'directory') throw malformed(`one more name of inode ${entry.inode}`);
      this.#insert(entry, name, inode);
      return;
    }
    const inode = this.#inode(entry);
    this.#last = inode.number;
    this.#at = 0;
    this.#tree.add(inode);
    if (inode.number === ROOT_INODE) {
      if (inode.kind !== 'directory') throw malformed('a root that is no directory');
      return;
    }
    this.#insert(entry, name, inode);
  }

  #inode(entry: ImageEntry): Inode {
    const { inode: number, readOnly, accessedNs, modifiedNs, changedNs, sizeBytes } = entry;
    if (number < ROOT_INODE || number >= FIRST_NEW_INODE || this.#tree.find(number) !== undefined) {
      throw malformed(`a new inode ${number}`);
    }
    let body: InodeBody = { kind: 'symlink', target: '' };
    if (entry.kind === 'directory') body = { kind: 'directory', entries: new Entries(), parent: number };
    else if (entry.kind === 'file') {
      if (sizeBytes > this.#space.freeBytes) {
        const message = `a file of ${sizeBytes} bytes where there is room for ${this.#space.freeBytes}`;
        throw new EpochvisorError('IMAGE_TOO_LARGE', message, 'give the program a smaller folder');
      }
      body = { kind: 'file', content: new Content(this.#space, new Uint8Array(sizeBytes)) };
    }
    const links = entry.kind === 'directory' ? 2 : 0;
    return { number, links, opened: 0, readOnly, accessedNs, modifiedNs, changedNs, ...body };
  }

  #insert(entry: ImageEntry, name: string, inode: Inode): void {
    const parent = this.#tree.find(entry.parent);
    if (parent?.kind !== 'directory' || parent === inode) throw malformed(`an entry in inode ${entry.parent}`);
    const bad =
      name.length === 0 || name.length > NAME_BYTES_MAX || /[/\0]/.test(name) || name === '.' || name === '..';
    if (bad || parent.entries.get(name) !== undefined) throw malformed(`a name in inode ${entry.parent}`);
    this.#tree.insert(parent, name, inode);
  }

  #content(bytes: Uint8Array): void {
    const inode = this.#tree.at(this.#last);
    if (inode.kind === 'file') inode.content.write(this.#at, bytes);
    else if (inode.kind === 'symlink') inode.target += textOfBytes(bytes);
    this.#at += bytes.length;
  }
}
