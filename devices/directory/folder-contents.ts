// What a directory device begins with: its folder as it is, or as a machine knows it, from a snapshot or from a process that died.

import { FIRST_NEW_INODE } from '../../engine/wasi/image.js';
import type { KnownFolder } from '../../engine/wasi/known-folder.js';
import { DirectoryMemory, type FolderBefore } from './directory-memory.js';
import type { FolderNode } from './folder.js';
import { findFolder } from './folder-again.js';
import { readFolder } from './folder-image.js';

export interface DirectoryOptions {
  readonly readOnly: boolean;
  /** What the kernel of a machine that goes on from a snapshot has of the folder; without it the folder can be loaded. */
  readonly known?: KnownFolder | undefined;
  /** The file in which the device remembers, where the bus may be started again. */
  readonly memory?: string | undefined;
}

/** What the device begins with. */
export interface Contents {
  readonly root: FolderNode;
  readonly nodes: Map<number, FolderNode>;
  readonly chunks?: readonly Uint8Array[];
  readonly digest?: string;
  readonly lastOfImage: number;
  readonly lastMade: number;
  readonly statuses?: KnownFolder['statuses'];
  readonly memory?: DirectoryMemory;
}

/**
 * @param fd the folder, open
 * @throws EpochvisorError DIR_CHANGED, MEMORY_CORRUPT, MEMORY_FAILED; errors of the operating system
 */
export async function contentsOf(fd: number, path: string, { known, memory }: DirectoryOptions): Promise<Contents> {
  const before = memory === undefined ? undefined : DirectoryMemory.read(memory, fd);
  const contents =
    before === undefined ? contentsAtFirst(fd, path, known, memory !== undefined) : again(fd, path, before);
  if (memory === undefined) return contents;
  const begins = { known: before?.known ?? knownOf(contents), digest: before?.digest ?? contents.digest ?? '' };
  return { ...contents, memory: await DirectoryMemory.begin(memory, begins) };
}

function contentsAtFirst(fd: number, path: string, known: KnownFolder | undefined, digests: boolean): Contents {
  if (known !== undefined) return found(fd, path, known);
  const image = readFolder(fd, path, digests);
  // Numbered without gaps.
  return { ...image, lastOfImage: image.nodes.size, lastMade: FIRST_NEW_INODE - 1 };
}

function found(fd: number, path: string, known: KnownFolder): Contents {
  const { lastOfImage, lastMade, statuses } = known;
  return { ...findFolder(fd, path, known), lastOfImage, lastMade, statuses };
}

/** As a process before this one left it: it can be loaded on where nothing of it has changed. */
function again(fd: number, path: string, { known, digest }: FolderBefore): Contents {
  const contents = found(fd, path, known);
  if (digest === undefined || digest === '') return contents;
  const image = readFolder(fd, path, true);
  return image.digest === digest ? { ...contents, chunks: image.chunks } : contents;
}

/** What is in a folder that was just read. */
function knownOf({ nodes, lastOfImage, lastMade, statuses = new Map() }: Contents): KnownFolder {
  const kinds = new Map([...nodes].map(([inode, { kind }]) => [inode, kind]));
  const directories = [...nodes].filter(([, { kind }]) => kind === 'directory');
  const entries = new Map(
    directories.map(([inode, { children }]) => [
      inode,
      new Map([...children].map(([name, node]) => [name, node.inode])),
    ]),
  );
  return { kinds, entries, lastOfImage, lastMade, statuses };
}
