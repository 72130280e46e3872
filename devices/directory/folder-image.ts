// Reading a folder into an image (engine/wasi/image.ts): the tree as it is when the machine starts, and its nodes.
//
// Done at once and without waiting, before anything runs: the operating system's answers are what takes time. What is
// neither directory, file nor symbolic link (sockets, pipes, devices) is left out: a guest could do nothing with it.

import { createHash, type Hash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { EpochvisorError } from '../../engine/errors/errors.js';
import {
  encodeImageEnd,
  encodeImageEntry,
  encodeImageHeader,
  type ImageEntryKind,
  ROOT_INODE,
} from '../../engine/wasi/image.js';
import { FILES_BYTES_MAX } from '../../engine/wasi/kernel-port.js';
import { CHUNK_BYTES_MAX } from './directory-commands.js';
import { type FolderNode, identityOf, OPEN_DIRECTORY, OPEN_FILE, pathIn } from './folder.js';

const WRITABLE = 0o222n;
const NO_BYTES = new Uint8Array(0);

export interface FolderImage {
  /** The image, in chunks of CHUNK_BYTES_MAX, the last one shorter. */
  readonly chunks: readonly Uint8Array[];
  /** Of all but the times, which reading changes; empty where it was not asked for. */
  readonly digest: string;
  readonly root: FolderNode;
  /** All nodes by inode. */
  readonly nodes: Map<number, FolderNode>;
}

/** Bytes cut into chunks of one size. */
class Chunks {
  readonly chunks: Uint8Array[] = [];
  #chunk = new Uint8Array(CHUNK_BYTES_MAX);
  #length = 0;

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES_MAX - this.#length);
      this.#chunk.set(piece, this.#length);
      this.#length += piece.length;
      at += piece.length;
      if (this.#length === CHUNK_BYTES_MAX) this.finish();
    }
  }

  finish(): void {
    if (this.#length === 0) return;
    this.chunks.push(this.#chunk.slice(0, this.#length));
    this.#length = 0;
  }
}

class Reader {
  readonly nodes = new Map<number, FolderNode>();
  readonly chunks = new Chunks();
  readonly #byIdentity = new Map<string, FolderNode>();
  readonly #hash: Hash | undefined;
  #nextInode = ROOT_INODE;

  readonly #path: string;
  #contentBytes = 0;

  constructor(path: string, digests: boolean) {
    this.#path = path;
    this.#hash = digests ? createHash('sha256') : undefined;
  }

  get digest(): string {
    return this.#hash?.digest('hex') ?? '';
  }

  /** @param fd the directory, open */
  read(fd: number): FolderNode {
    this.chunks.append(encodeImageHeader());
    const stat = fstatSync(fd, { bigint: true });
    const root = this.#add('directory', stat, undefined, '', NO_BYTES);
    this.#readDirectory(root, fd);
    this.chunks.append(encodeImageEnd());
    this.chunks.finish();
    return root;
  }

  #readDirectory(directory: FolderNode, fd: number): void {
    const names = readdirSync(pathIn(fd, '.'), { encoding: 'latin1' }).sort(byBytes);
    for (const name of names) {
      const path = pathIn(fd, name);
      const stat = lstatSync(path, { bigint: true });
      if (stat.isDirectory())
        this.#withOpen(path, OPEN_DIRECTORY, child => {
          this.#readDirectory(
            this.#add('directory', fstatSync(child, { bigint: true }), directory, name, NO_BYTES),
            child,
          );
        });
      else if (stat.isSymbolicLink()) this.#add('symlink', stat, directory, name, readlinkSync(path, 'buffer'));
      else if (stat.isFile()) this.#readFile(directory, name, path);
    }
  }

  #readFile(directory: FolderNode, name: string, path: Buffer): void {
    this.#withOpen(path, constants.O_RDONLY | OPEN_FILE, fd => {
      const stat = fstatSync(fd, { bigint: true });
      const known = this.#byIdentity.get(identityOf(stat));
      if (known !== undefined) this.#addName(known, directory, name, stat);
      else if (stat.isFile()) {
        // Before any of it is read: it may be more than this process, or any, can hold.
        this.#contentBytes += Number(stat.size);
        if (this.#contentBytes > FILES_BYTES_MAX) throw tooLarge(this.#path, name);
        this.#add('file', stat, directory, name, content(fd, Number(stat.size)));
      }
    });
  }

  #withOpen(path: Buffer, flags: number, use: (fd: number) => void): void {
    const fd = openSync(path, flags);
    try {
      use(fd);
    } finally {
      closeSync(fd);
    }
  }

  #add(
    kind: FolderNode['kind'],
    stat: BigIntStats,
    parent: FolderNode | undefined,
    name: string,
    bytes: Uint8Array,
  ): FolderNode {
    const inode = this.#nextInode++;
    const node: FolderNode = {
      inode,
      kind,
      identity: identityOf(stat),
      places: parent === undefined ? [] : [{ parent, name }],
      children: new Map(),
    };
    parent?.children.set(name, node);
    this.nodes.set(inode, node);
    if (kind === 'file') this.#byIdentity.set(node.identity, node);
    this.#append(kind, node, parent ?? node, name, stat, bytes);
    return node;
  }

  #addName(node: FolderNode, parent: FolderNode, name: string, stat: BigIntStats): void {
    node.places.push({ parent, name });
    parent.children.set(name, node);
    this.#append('name', node, parent, name, stat, NO_BYTES);
  }

  #append(
    kind: ImageEntryKind,
    node: FolderNode,
    parent: FolderNode,
    name: string,
    stat: BigIntStats,
    bytes: Uint8Array,
  ): void {
    this.#hash?.update(JSON.stringify([kind, name, node.inode, parent.inode, bytes.length])).update(bytes);
    const head = encodeImageEntry({
      kind,
      readOnly: (stat.mode & WRITABLE) === 0n,
      name: Buffer.from(name, 'latin1'),
      inode: node.inode,
      parent: parent.inode,
      sizeBytes: bytes.length,
      accessedNs: stat.atimeNs,
      modifiedNs: stat.mtimeNs,
      changedNs: stat.ctimeNs,
    });
    this.chunks.append(head);
    this.chunks.append(bytes);
  }
}

function tooLarge(path: string, name: string): EpochvisorError {
  const file = Buffer.from(name, 'latin1').toString();
  return new EpochvisorError(
    'DIR_TOO_LARGE',
    `the files of the folder ${path} are more than ${FILES_BYTES_MAX / 2 ** 30} GiB together (at ${file}): each replica has all of them in its memory`,
    'give the program a folder with what it uses: large files beside it can lie elsewhere',
  );
}

/** Names have one character a byte, so this is the order of their bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The content of a file as it is now; who writes to it meanwhile gets what he gets. */
function content(fd: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const read = readSync(fd, bytes, done, sizeBytes - done, done);
    if (read === 0) break;
    done += read;
  }
  return bytes.subarray(0, done);
}

/**
 * Reads all of a folder.
 * @param fd the folder, open
 * @param path what its user calls it
 * @param digests whether a digest of it is wanted
 * @throws EpochvisorError DIR_TOO_LARGE; errors of the operating system
 */
export function readFolder(fd: number, path: string, digests = false): FolderImage {
  const reader = new Reader(path, digests);
  const root = reader.read(fd);
  return { chunks: reader.chunks.chunks, digest: reader.digest, root, nodes: reader.nodes };
}
