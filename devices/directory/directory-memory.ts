// What a directory device remembers beyond its process, where the bus may be started again: which inode has which names, and how
// the changes ended that may be asked for again. A journal (engine/wire/journal.ts):
//
//   first frame   text digest of the image | last of image | last made
//                 count: inode kind(0|1|2) | count: inode, count: bytes name, inode | count: id(64) signed status
//                 0, or 1 id(64) bytes: a change that is being made
//   a change      00 id(64) bytes, as the kernel asked for it
//   its end       01 id(64) signed status
//
// Only changes of names are here: to write the same bytes to the same place once more is harmless. One is made at a time, so of
// one at the most it is not known whether it was made when the process died; the folder says so then (`wasMade`).
//
// A process that goes on with it begins with a frame that says all: whether the last change was made is found out once.
//
// A kill of the process loses nothing of it. After a loss of power it is as old as what the program has synced last, at the least.

import { EpochvisorError } from '../../engine/errors/errors.js';
import { JournalFile } from '../../engine/journal/journal-file.js';
import type { OperationId } from '../../engine/protocol/vocabulary.js';
import { FolderNames, type KnownFolder } from '../../engine/wasi/known-folder.js';
import { decodeMutation, type Mutation } from '../../engine/wasi/mutation.js';
import { corrupt } from '../../engine/wire/journal.js';
import {
  putSigned,
  putUnsigned64,
  Reader,
  UNSIGNED_MAX_BYTES,
  UNSIGNED64_MAX_BYTES,
  Writer,
} from '../../engine/wire/varints.js';
import { isThere } from './folder-again.js';

const MAGIC = new TextEncoder().encode('EPVDIR1\n');
const CHANGE = 0;
const END = 1;
const KINDS = ['directory', 'file', 'symlink'] as const;
/** Changes whose status is kept for a repeat: as many as the bus knows ids. */
export const REMEMBERED_MAX = 1024;

/** A folder as a process before this one left it. */
export interface FolderBefore {
  readonly known: KnownFolder;
  /** Of the image that was loaded or is being loaded; undefined: the folder has changed since. */
  readonly digest: string | undefined;
}

export interface FolderBegun {
  readonly known: KnownFolder;
  readonly digest: string;
}

/** A change that is being made, as the kernel asked for it. */
interface Begun {
  readonly id: OperationId;
  readonly data: Uint8Array;
}

export class DirectoryMemory {
  readonly #names: FolderNames;
  readonly #statuses: Map<OperationId, number>;
  readonly #journal: JournalFile;
  #begun: Begun | undefined;
  #pending: ((kept: boolean) => void) | undefined;
  #isBroken = false;

  /**
   * What is remembered; undefined: nothing yet.
   * @param fd the folder, open
   * @throws EpochvisorError MEMORY_CORRUPT, MEMORY_FAILED; errors of the operating system
   */
  static read(path: string, fd: number): FolderBefore | undefined {
    const found = JournalFile.read(path, MAGIC);
    if (found === undefined) return undefined;
    try {
      return readFrames(found.payloads, fd);
    } catch (error) {
      if (error instanceof EpochvisorError && error.code !== 'MEMORY_FAILED') throw corrupt(path, error.message, 0);
      throw error;
    }
  }

  /** In place of what a process before has left. @throws EpochvisorError MEMORY_FAILED, MEMORY_FULL */
  static async begin(path: string, begins: FolderBegun): Promise<DirectoryMemory> {
    const [names, statuses] = [new FolderNames(begins.known), new Map(begins.known.statuses)];
    let memory: DirectoryMemory | undefined;
    const journal = await JournalFile.open(path, undefined, {
      magic: MAGIC,
      all: () => {
        names.prune();
        return encodeFolder(
          { known: names.known(statuses), digest: begins.digest },
          memory === undefined ? undefined : memory.#begun,
        );
      },
      // Changes wait until there is room; the bus, whose own memory is beside it, says so.
      observer: { waits: () => undefined, broken: () => (memory === undefined ? undefined : memory.#break()) },
    });
    memory = new DirectoryMemory(names, statuses, journal);
    return memory;
  }

  private constructor(names: FolderNames, statuses: Map<OperationId, number>, journal: JournalFile) {
    this.#names = names;
    this.#statuses = statuses;
    this.#journal = journal;
  }

  /** Before a change of names is made. @returns whether it may be: false where nothing can be kept any more */
  async begins(id: OperationId, data: Uint8Array): Promise<boolean> {
    this.#begun = { id, data };
    this.#journal.append(writeBegun(new Writer().byte(CHANGE), this.#begun).finish());
    return this.#kept(false);
  }

  /** How it ended. */
  ended(id: OperationId, mutation: Mutation, status: number): void {
    if (status === 0) this.#names.apply(mutation);
    note(this.#statuses, id, status);
    this.#begun = undefined;
    this.#journal.append(endOf(id, status));
  }

  /** What was noted so far is to outlive the host's loss of power. @returns false where nothing can be kept any more */
  sync(): Promise<boolean> {
    return this.#kept(true);
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  #kept(onDisk: boolean): Promise<boolean> {
    return new Promise(resolve => {
      this.#pending = resolve;
      if (this.#isBroken) resolve(false);
      else this.#journal.whenKept(onDisk, () => resolve(true));
    });
  }

  #break(): void {
    this.#isBroken = true;
    this.#pending?.(false);
  }
}

/** Whether a change has to be remembered: made once more it would not do the same. */
export function changesNames({ kind }: Mutation): boolean {
  return !['write', 'resize', 'setTimes', 'sync'].includes(kind);
}

function readFrames([first, ...others]: readonly Uint8Array[], fd: number): FolderBefore {
  const { known, digest, begun: atFirst } = decodeFolder(first!);
  const names = new FolderNames(known);
  const statuses = new Map(known.statuses);
  let begun = atFirst;
  for (const payload of others) {
    const reader = new Reader(payload);
    if (reader.byte() === CHANGE) {
      begun = readBegun(reader);
      continue;
    }
    const [id, status] = [reader.unsigned64(), reader.signed32()];
    if (begun?.id !== id) throw new EpochvisorError('PACKET_MALFORMED', 'a change ended that was not begun');
    if (status === 0) names.apply(decodeMutation(begun.data));
    note(statuses, id, status);
    begun = undefined;
  }
  // What failed has changed nothing; what is not known to have been made is looked for.
  const inDoubt = begun === undefined ? undefined : decodeMutation(begun.data);
  if (begun !== undefined && inDoubt !== undefined && wasMade(fd, names.known(statuses), inDoubt)) {
    names.apply(inDoubt);
    note(statuses, begun.id, 0);
  }
  const untouched = statuses.size === 0;
  return { known: names.known(statuses), digest: untouched ? digest : undefined };
}

/** The folder says whether a change was made that nobody else makes: names are the guest's to give and to take. */
function wasMade(fd: number, known: KnownFolder, mutation: Mutation): boolean {
  switch (mutation.kind) {
    case 'createFile':
    case 'createDirectory':
    case 'createSymlink':
    case 'link':
      return isThere(fd, known, mutation.parent, mutation.name);
    case 'unlink':
    case 'removeDirectory':
    case 'rename':
      return !isThere(fd, known, mutation.parent, mutation.name);
    default:
      return false;
  }
}

function note(statuses: Map<OperationId, number>, id: OperationId, status: number): void {
  statuses.set(id, status);
  if (statuses.size > REMEMBERED_MAX) statuses.delete(statuses.keys().next().value!);
}

function endOf(id: OperationId, status: number): Uint8Array {
  return new Writer()
    .byte(END)
    .put(UNSIGNED64_MAX_BYTES, (target, at) => putUnsigned64(target, at, id))
    .put(UNSIGNED_MAX_BYTES, (target, at) => putSigned(target, at, status))
    .finish();
}

function writeBegun(writer: Writer, { id, data }: Begun): Writer {
  return writer.put(UNSIGNED64_MAX_BYTES, (target, at) => putUnsigned64(target, at, id)).bytes(data);
}

function readBegun(reader: Reader): Begun {
  return { id: reader.unsigned64(), data: reader.bytes() };
}

function encodeFolder({ known, digest }: FolderBegun, begun: Begun | undefined): Uint8Array {
  const { kinds, entries, lastOfImage, lastMade, statuses } = known;
  const writer = new Writer(4096).text(digest).unsigned(lastOfImage).unsigned(lastMade).unsigned(kinds.size);
  for (const [inode, kind] of kinds) writer.unsigned(inode).byte(KINDS.indexOf(kind));
  writer.unsigned(entries.size);
  for (const [inode, names] of entries) {
    writer.unsigned(inode).unsigned(names.size);
    for (const [name, child] of names) writer.bytes(Buffer.from(name, 'latin1')).unsigned(child);
  }
  writer.unsigned(statuses.size);
  for (const [id, status] of statuses) {
    writer.put(UNSIGNED64_MAX_BYTES, (target, at) => putUnsigned64(target, at, id));
    writer.put(UNSIGNED_MAX_BYTES, (target, at) => putSigned(target, at, status));
  }
  return (begun === undefined ? writer.byte(0) : writeBegun(writer.byte(1), begun)).finish();
}

function decodeFolder(payload: Uint8Array): FolderBegun & { readonly begun: Begun | undefined } {
  const reader = new Reader(payload);
  const [digest, lastOfImage, lastMade] = [reader.text(), reader.unsigned(), reader.unsigned()];
  const kinds = new Map(several(reader, () => [reader.unsigned(), KINDS[reader.byte()]!] as const));
  const entries = new Map(
    several(reader, () => {
      const inode = reader.unsigned();
      const name = () => Buffer.from(reader.bytes()).toString('latin1');
      return [inode, new Map(several(reader, () => [name(), reader.unsigned()] as const))] as const;
    }),
  );
  const statuses = new Map(several(reader, () => [reader.unsigned64(), reader.signed32()] as const));
  const begun = reader.byte() === 1 ? readBegun(reader) : undefined;
  reader.end();
  return { known: { kinds, entries, lastOfImage, lastMade, statuses }, digest, begun };
}

function several<T>(reader: Reader, read: () => T): T[] {
  return Array.from({ length: reader.count() }, read);
}
