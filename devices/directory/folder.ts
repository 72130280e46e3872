// A folder of this host, entered without following a link: what stands between a guest and the rest of the disk.
//
// A path names what it leads to at the moment of the call, and whoever can write in the folder can put a link there a
// moment before. So no path of more than one step is ever given to the operating system. A directory is held open, and
// a name in it is reached as /proc/self/fd/FD/NAME: the first part is the directory itself, wherever it has been moved,
// and the last step is never followed (O_NOFOLLOW, or a call that does not follow). Linux only: elsewhere there is no
// such way in Node.
//
// A file that was put in the place of one we know is not that file: device and inode number of the host are compared at
// each opening. Handles are kept open for a while; opening walks down from the root.

import { constants, fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { assert } from '../../engine/errors/errors.js';

/** Handles kept open: a tenth of the usual limit of a process. */
const HANDLES_MAX = 100;

/** Linux's O_PATH, which Node does not name: a directory is entered, not read. */
const O_PATH = 0o10000000;

/** Linux's numbers of errors that Node does not raise for us. */
export const ERROR_NO_ENTRY = 2;
export const ERROR_STALE = 116;

/** Where a file is: a name, one character a byte, in a directory. */
export interface Place {
  readonly parent: FolderNode;
  readonly name: string;
}

/** A file, directory or symbolic link of the folder, as the device knows it. */
export interface FolderNode {
  readonly inode: number;
  readonly kind: 'directory' | 'file' | 'symlink';
  /** Device and inode number of the host. */
  readonly identity: string;
  /** All its names, one of a directory, none of the root; a file without names is gone. */
  readonly places: Place[];
  /** What is in a directory, by name; empty for others. */
  readonly children: Map<string, FolderNode>;
}

/** An error with a number, as the operating system gives them. */
export class HostError extends Error {
  /** Negative, as Node has it. */
  readonly errno: number;
  constructor(error: number) {
    super(`error ${error}`);
    this.errno = -error;
  }
}

/** What a host's file is: the same for all its names. */
export function identityOf(stat: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${stat.dev}:${stat.ino}`;
}

/** The path of a name in an open directory. */
export function pathIn(directory: number, name: string): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), Buffer.from(name, 'latin1')]);
}

export const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** O_NONBLOCK: a pipe that was put in the place of a file must not hold us up. */
export const OPEN_FILE = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The open handles of a folder. One operation at a time: what it was given stays open until it is over. */
export class OpenFolder {
  readonly #root: FolderNode;
  /** Least recently used first. */
  readonly #handles = new Map<FolderNode, FileHandle>();

  constructor(root: FolderNode, handle: FileHandle) {
    this.#root = root;
    this.#handles.set(root, handle);
  }

  /** Between two operations: closes what was not used for long. */
  async trim(): Promise<void> {
    for (const node of this.#handles.keys()) {
      if (this.#handles.size <= HANDLES_MAX) return;
      if (node !== this.#root) await this.forget(node);
    }
  }

  /** Closes the handle of a node, if it has one. */
  async forget(node: FolderNode): Promise<void> {
    const handle = this.#handles.get(node);
    this.#handles.delete(node);
    await handle?.close();
  }

  async close(): Promise<void> {
    for (const node of [...this.#handles.keys()]) await this.forget(node);
  }

  /** @throws HostError, or an error of the operating system */
  async directory(node: FolderNode): Promise<number> {
    return (await this.#open(node, OPEN_DIRECTORY)).fd;
  }

  /** The handle of a file, for reading and writing. @throws HostError, or an error of the operating system */
  async file(node: FolderNode): Promise<FileHandle> {
    const handle = await this.#open(node, constants.O_RDWR | OPEN_FILE);
    // The folder may have vanished, with the file: what is written to it would go nowhere. And a pipe may have got the
    // number of a file that was removed.
    const stat = fstatSync(handle.fd);
    if (stat.nlink === 0 || !stat.isFile()) throw new HostError(ERROR_STALE);
    return handle;
  }

  /** A path for calls that do not follow its last step. @throws HostError, or an error of the operating system */
  async path(place: Place | undefined): Promise<Buffer> {
    if (place === undefined) throw new HostError(ERROR_NO_ENTRY);
    return pathIn(await this.directory(place.parent), place.name);
  }

  /** A file that was just made keeps the handle it was made with. */
  keep(node: FolderNode, handle: FileHandle): void {
    assert(!this.#handles.has(node), 'a new file has no handle');
    this.#handles.set(node, handle);
  }

  /** Makes a directory's contents durable. */
  async syncDirectory(node: FolderNode): Promise<void> {
    const handle = await open(pathIn(await this.directory(node), '.'), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      if (fstatSync(handle.fd).nlink === 0) throw new HostError(ERROR_STALE);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #open(node: FolderNode, flags: number): Promise<FileHandle> {
    const kept = this.#handles.get(node);
    if (kept !== undefined) {
      this.#handles.delete(node);
      this.#handles.set(node, kept);
      return kept;
    }
    const handle = await open(await this.path(node.places[0]), flags);
    if (identityOf(fstatSync(handle.fd, { bigint: true })) !== node.identity) {
      await handle.close();
      throw new HostError(ERROR_STALE);
    }
    this.#handles.set(node, handle);
    return handle;
  }
}
