// A directory: a folder of this host that a WASI program uses by `--dir`, loaded once, then changed by operations.
//
// The image is of the folder as it is when the device is opened; the replicas work on it in their memory, and what they
// change comes here to last. Changes are performed one after the other, in the order in which they came, and each id once:
// a repeat gets the first status. Files are named by inode: the device knows all their names, and follows renames. A
// file without a name left is gone, and what is written to it goes with it. Nothing outside the folder is ever touched,
// whatever links are in it (folder.ts).
//
// Where a machine goes on from a snapshot the inodes are those that its kernel knows, found by their names (folder-again.ts):
// there is no image then, and changes that may be asked for again are answered as they were before. Where the bus may be started
// again the device remembers the same by itself (directory-memory.ts), and goes on likewise.

import { constants } from 'node:fs';
import { type FileHandle, link, lstat, lutimes, mkdir, open, rename, rmdir, symlink, unlink } from 'node:fs/promises';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation, OperationId } from '../../engine/protocol/vocabulary.js';
import { FIRST_NEW_INODE, ROOT_INODE } from '../../engine/wasi/image.js';
import { decodeMutation, type Mutation } from '../../engine/wasi/mutation.js';
import { type Completion, NO_DATA, type OperationDevice, STATUS_IO_ERROR, STATUS_REFUSED } from '../device.js';
import { DIRECTORY_CHANGE, DIRECTORY_LOAD, ERROR_NUMBER_MAX } from './directory-commands.js';
import { changesNames, type DirectoryMemory, REMEMBERED_MAX } from './directory-memory.js';
import {
  ERROR_NO_ENTRY,
  ERROR_STALE,
  type FolderNode,
  HostError,
  identityOf,
  OPEN_DIRECTORY,
  OPEN_FILE,
  OpenFolder,
  type Place,
} from './folder.js';
import { type Contents, contentsOf, type DirectoryOptions } from './folder-contents.js';

const ERROR_READ_ONLY = 30;

const REFUSED: Completion = { status: STATUS_REFUSED, data: NO_DATA };
const DONE: Completion = { status: 0, data: NO_DATA };
const NOT_KEPT: Completion = { status: STATUS_IO_ERROR, data: NO_DATA };

type Create = Extract<Mutation, { readonly kind: 'createFile' | 'createDirectory' | 'createSymlink' }>;
type Rename = Extract<Mutation, { readonly kind: 'rename' }>;
type Named = { readonly parent: number; readonly name: Uint8Array };

export class Directory implements OperationDevice {
  readonly class = 'idempotent';
  readonly sizeBytes = 0;
  readonly #readOnly: boolean;
  readonly #folder: OpenFolder;
  readonly #nodes: Map<number, FolderNode>;
  /** The greatest inodes that were ever given: beyond them lies what the device has never heard of. */
  readonly #lastOfImage: number;
  #lastMade: number;
  /** Until the first change: only a machine that has loaded everything changes anything. */
  #chunks: readonly Uint8Array[] | undefined;
  readonly #performed = new Map<OperationId, Promise<Completion>>();
  readonly #memory: DirectoryMemory | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** @throws EpochvisorError DIR_MISSING, DIR_UNUSABLE, DIR_UNREADABLE, DIR_TOO_LARGE; DIR_CHANGED: not what is known */
  static async open(path: string, options: DirectoryOptions): Promise<Directory> {
    if (process.platform !== 'linux') {
      throw new EpochvisorError('DIR_UNUSABLE', `${path}: folders can be given to guests on Linux only`);
    }
    let handle: FileHandle;
    try {
      // The user's own path may lead through links; from here on, nothing does.
      handle = await open(path, OPEN_DIRECTORY & ~constants.O_NOFOLLOW);
    } catch (error) {
      throw unusable(path, error as NodeJS.ErrnoException);
    }
    try {
      return new Directory(handle, await contentsOf(handle.fd, path, options), options.readOnly);
    } catch (error) {
      await handle.close();
      if (error instanceof EpochvisorError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new EpochvisorError('DIR_UNREADABLE', `not all of the folder ${path} can be read: ${code ?? message}`);
    }
  }

  private constructor(handle: FileHandle, contents: Contents, readOnly: boolean) {
    this.#folder = new OpenFolder(contents.root, handle);
    this.#nodes = contents.nodes;
    this.#chunks = contents.chunks;
    this.#lastOfImage = contents.lastOfImage;
    this.#lastMade = contents.lastMade;
    this.#readOnly = readOnly;
    this.#memory = contents.memory;
    for (const [id, status] of contents.statuses ?? []) {
      this.#performed.set(id, Promise.resolve({ status, data: NO_DATA }));
    }
  }

  perform(operation: Operation): Promise<Completion> {
    if (this.#closed) return Promise.resolve(REFUSED);
    if (operation.command === DIRECTORY_LOAD) return this.#inTurn(async () => this.#load(operation));
    if (operation.command !== DIRECTORY_CHANGE) return Promise.resolve(REFUSED);
    const before = this.#performed.get(operation.id);
    if (before !== undefined) return before;
    const completion = this.#inTurn(() => this.#change(operation));
    this.#performed.set(operation.id, completion);
    if (this.#performed.size > REMEMBERED_MAX) this.#performed.delete(this.#performed.keys().next().value!);
    return completion;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    await this.#folder.close();
    await this.#memory?.close();
  }

  #inTurn(work: () => Promise<Completion>): Promise<Completion> {
    const completion = this.#last.then(work);
    this.#last = completion;
    return completion;
  }

  #load({ argument, length }: Operation): Completion {
    const chunks = this.#chunks;
    if (chunks === undefined || argument < 0n || argument > BigInt(chunks.length)) return REFUSED;
    const data = chunks[Number(argument)] ?? NO_DATA;
    return length < data.length ? REFUSED : { status: data.length, data };
  }

  async #change({ id, data }: Operation): Promise<Completion> {
    let mutation: Mutation;
    try {
      mutation = decodeMutation(data);
    } catch {
      return REFUSED;
    }
    if (this.#readOnly) return { status: -ERROR_READ_ONLY, data: NO_DATA };
    this.#chunks = undefined;
    if (this.#memory === undefined) return this.#make(mutation);
    return this.#remembering(this.#memory, id, data, mutation);
  }

  async #remembering(
    memory: DirectoryMemory,
    id: OperationId,
    data: Uint8Array,
    mutation: Mutation,
  ): Promise<Completion> {
    if (!changesNames(mutation)) {
      const completion = await this.#make(mutation);
      return mutation.kind === 'sync' && !(await memory.sync()) ? NOT_KEPT : completion;
    }
    if (!(await memory.begins(id, data))) return NOT_KEPT;
    const completion = await this.#make(mutation);
    memory.ended(id, mutation, completion.status);
    return completion;
  }

  async #make(mutation: Mutation): Promise<Completion> {
    try {
      await this.#folder.trim();
      await this.#apply(mutation);
      return DONE;
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).errno ?? STATUS_IO_ERROR;
      return { status: errno < 0 && errno >= -ERROR_NUMBER_MAX ? errno : STATUS_IO_ERROR, data: NO_DATA };
    }
  }

  async #apply(mutation: Mutation): Promise<void> {
    switch (mutation.kind) {
      case 'createFile':
      case 'createDirectory':
      case 'createSymlink':
        return this.#create(mutation);
      case 'link':
        return this.#link(mutation.inode, this.#free(mutation));
      case 'unlink':
      case 'removeDirectory':
        return this.#remove(this.#taken(mutation), mutation.kind === 'unlink' ? unlink : rmdir);
      case 'rename':
        return this.#rename(mutation);
      case 'write':
        return this.#onFile(mutation.inode, handle => writeAll(handle, mutation.bytes, mutation.offset));
      case 'resize':
        return this.#onFile(mutation.inode, handle => handle.truncate(mutation.sizeBytes));
      case 'setTimes':
        return this.#setTimes(mutation.inode, mutation.accessedNs, mutation.modifiedNs);
      case 'sync':
        return this.#sync(mutation.inode, mutation.dataOnly);
    }
  }

  // ---- names

  #directory(inode: number): FolderNode {
    const node = this.#nodes.get(inode);
    if (node?.kind !== 'directory') throw new HostError(ERROR_NO_ENTRY);
    return node;
  }

  /** A name that something is to get. */
  #free({ parent, name }: Named): Place {
    const text = Buffer.from(name).toString('latin1');
    // One step, and downwards.
    if (text === '' || text === '.' || text === '..' || /[/\0]/.test(text)) throw new HostError(-STATUS_REFUSED);
    return { parent: this.#directory(parent), name: text };
  }

  /** A name that something has: what others have put in the folder since is not the program's to touch. */
  #taken(named: Named): Place {
    const place = this.#free(named);
    if (!place.parent.children.has(place.name)) throw new HostError(ERROR_NO_ENTRY);
    return place;
  }

  /** Notes that a name is gone, and with the last one the file. */
  async #dropName({ parent, name }: Place): Promise<void> {
    const node = parent.children.get(name);
    if (node === undefined) return;
    parent.children.delete(name);
    const at = node.places.findIndex(place => place.parent === parent && place.name === name);
    node.places.splice(at, 1);
    if (node.places.length > 0) return;
    this.#nodes.delete(node.inode);
    await this.#folder.forget(node);
  }

  #addName(node: FolderNode, place: Place): void {
    node.places.push(place);
    place.parent.children.set(place.name, node);
  }

  async #create(mutation: Create): Promise<void> {
    const place = this.#free(mutation);
    const path = await this.#folder.path(place);
    let handle: FileHandle | undefined;
    let kind: FolderNode['kind'] = 'file';
    if (mutation.kind === 'createFile') {
      handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | OPEN_FILE, 0o666);
    } else if (mutation.kind === 'createDirectory') {
      kind = 'directory';
      await mkdir(path);
    } else {
      kind = 'symlink';
      await symlink(Buffer.from(mutation.target), path);
    }
    const stat = handle === undefined ? await lstat(path, { bigint: true }) : await handle.stat({ bigint: true });
    const node: FolderNode = {
      inode: mutation.inode,
      kind,
      identity: identityOf(stat),
      places: [],
      children: new Map(),
    };
    this.#nodes.set(mutation.inode, node);
    this.#lastMade = Math.max(this.#lastMade, mutation.inode);
    this.#addName(node, place);
    if (handle !== undefined) this.#folder.keep(node, handle);
  }

  async #link(inode: number, place: Place): Promise<void> {
    const node = this.#nodes.get(inode);
    await link(await this.#folder.path(node?.places[0]), await this.#folder.path(place));
    this.#addName(node!, place);
  }

  async #remove(place: Place, remove: (path: Buffer) => Promise<void>): Promise<void> {
    await remove(await this.#folder.path(place));
    await this.#dropName(place);
  }

  async #rename(mutation: Rename): Promise<void> {
    const from = this.#taken(mutation);
    const to = this.#free({ parent: mutation.newParent, name: mutation.newName });
    const node = from.parent.children.get(from.name)!;
    // Two names of one file: nothing happens, says POSIX.
    if (to.parent.children.get(to.name) === node) return;
    await rename(await this.#folder.path(from), await this.#folder.path(to));
    await this.#dropName(to);
    this.#addName(node, to);
    await this.#dropName(from);
  }

  // ---- contents

  /** Undefined: it is gone. @throws HostError where there never was one, for then something else is wrong */
  #found(inode: number): FolderNode | undefined {
    const last = inode < FIRST_NEW_INODE ? this.#lastOfImage : this.#lastMade;
    if (inode < ROOT_INODE || inode > last) throw new HostError(ERROR_STALE);
    return this.#nodes.get(inode);
  }

  /** A file that is gone: there is nothing to write to, and nobody who could read it. */
  async #onFile(inode: number, use: (handle: FileHandle) => Promise<void>): Promise<void> {
    const node = this.#found(inode);
    if (node === undefined) return;
    if (node.kind !== 'file') throw new HostError(ERROR_STALE);
    await use(await this.#folder.file(node));
  }

  async #setTimes(inode: number, accessedNs: bigint | undefined, modifiedNs: bigint | undefined): Promise<void> {
    const node = this.#found(inode);
    if (node === undefined) return;
    const path = node.inode === ROOT_INODE ? await this.#rootPath(node) : await this.#folder.path(node.places[0]);
    const { atimeNs, mtimeNs } = await lstat(path, { bigint: true });
    // Node takes seconds as a double, and cuts them to microseconds: the program sees its nanoseconds until the folder is read anew.
    await lutimes(path, seconds(accessedNs ?? atimeNs), seconds(modifiedNs ?? mtimeNs));
  }

  async #rootPath(root: FolderNode): Promise<string> {
    return `/proc/self/fd/${await this.#folder.directory(root)}/.`;
  }

  async #sync(inode: number, dataOnly: boolean): Promise<void> {
    const node = this.#found(inode);
    if (node?.kind === 'directory') await this.#folder.syncDirectory(node);
    else if (node?.kind === 'file') await this.#onFile(inode, handle => (dataOnly ? handle.datasync() : handle.sync()));
  }
}

function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    if (bytesWritten === 0) throw new HostError(-STATUS_IO_ERROR);
    done += bytesWritten;
  }
}

function unusable(path: string, { code, message }: NodeJS.ErrnoException): EpochvisorError {
  if (code === 'ENOENT') {
    return new EpochvisorError('DIR_MISSING', `the folder ${path} does not exist`, 'create it, or name another');
  }
  if (code === 'ENOTDIR') return new EpochvisorError('DIR_UNUSABLE', `${path} is not a folder`);
  return new EpochvisorError('DIR_UNUSABLE', `the folder ${path} can't be opened: ${code ?? message}`);
}
