// A folder as the operating system has it, and as the disk beneath it does: what of it is there after a loss of power.
//
//   kill    every process is killed: all that was written is there
//   power   nothing is there but what was synced: of a file what was written before a sync of it, of a name what was there before a
//           sync of its folder. A file that was made and synced, and its folder not, is gone
//   torn    anything in between, for each file and name by itself: what was appended is cut at any byte
//   disk    as `power`, and one of the hosts comes up without its disk: the log of a replica is gone
//
// This is as strict as POSIX allows; file systems keep more.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Random } from '../../engine/simulator/random.js';
import type { FileEvent } from './file-events.js';

export const LOSSES = ['kill', 'power', 'torn', 'disk'] as const;
export type Loss = (typeof LOSSES)[number];

/** The folder of a replica's log. */
const LOG = /^logs\/[0-9a-f-]{36}$/;

/** What was written so far, and what the disk has. */
interface StoredFile {
  readonly kind: 'file';
  bytes: Buffer;
  synced: Buffer;
}

interface StoredFolder {
  readonly kind: 'folder';
  names: Map<string, Stored>;
  synced: Map<string, Stored>;
}

type Stored = StoredFile | StoredFolder;

/** Files by their paths; folders with nothing. */
export type Contents = Map<string, Buffer | undefined>;

export class Disks {
  readonly #root: StoredFolder;
  readonly #handles = new Map<string, Stored>();
  /** Of syncs that are under way: what is on the disk when they end. */
  readonly #syncing = new Map<string, Buffer | Map<string, Stored>>();

  /** @param folder as it is on the disk before anything happens */
  constructor(folder: string) {
    this.#root = storedFolder(folder);
  }

  apply(event: FileEvent): void {
    switch (event.type) {
      case 'opened':
        // Another process may have removed what is only read.
        this.#handles.set(
          event.handle,
          event.makes ? this.#made(event.path) : (this.#lookUp(event.path) ?? emptyFile()),
        );
        return;
      case 'written': {
        const file = this.#file(event.handle);
        const bytes = Buffer.from(event.bytes, 'base64');
        file.bytes = overwritten(file.bytes, event.at ?? file.bytes.length, bytes);
        return;
      }
      case 'cut': {
        const file = this.#file(event.handle);
        const cut = Buffer.alloc(event.length);
        file.bytes.copy(cut);
        file.bytes = cut;
        return;
      }
      case 'syncs': {
        const stored = this.#handle(event.handle);
        this.#syncing.set(
          `${event.handle} ${event.sync}`,
          stored.kind === 'file' ? stored.bytes : new Map(stored.names),
        );
        return;
      }
      case 'synced':
        this.#synced(event.handle, event.sync);
        return;
      case 'folder':
        this.#makeFolder(event.path);
        return;
      case 'linked':
        this.#folderOf(event.to).names.set(nameIn(event.to), this.#at(event.from));
        return;
      case 'renamed': {
        const moved = this.#at(event.from);
        this.#folderOf(event.from).names.delete(nameIn(event.from));
        this.#folderOf(event.to).names.set(nameIn(event.to), moved);
        return;
      }
      case 'removed':
        this.#find(dirname(event.path))?.names.delete(nameIn(event.path));
    }
  }

  /** What is there when the hosts have come up again. @param seed of what is torn where, and whose disk is lost */
  after(loss: Loss, seed = 0): Contents {
    const found: Contents = new Map();
    collect(this.#root, '', loss, new Random(seed), found);
    if (loss === 'disk') {
      const logs = [...found.keys()].filter(path => LOG.test(path)).sort();
      const lost = logs[seed % Math.max(1, logs.length)];
      for (const path of [...found.keys()]) if (path === lost || path.startsWith(`${lost}/`)) found.delete(path);
    }
    return found;
  }

  // ---- paths

  #synced(handle: string, sync: number): void {
    const stored = this.#handle(handle);
    const had = this.#syncing.get(`${handle} ${sync}`);
    this.#syncing.delete(`${handle} ${sync}`);
    if (stored.kind === 'file' && Buffer.isBuffer(had)) stored.synced = had;
    else if (stored.kind === 'folder' && had instanceof Map) stored.synced = had;
  }

  #handle(handle: string): Stored {
    const stored = this.#handles.get(handle);
    if (stored === undefined) throw new Error(`nobody opened ${handle}`);
    return stored;
  }

  #file(handle: string): StoredFile {
    const stored = this.#handle(handle);
    if (stored.kind === 'folder') throw new Error(`${handle} is a folder`);
    return stored;
  }

  #find(path: string): StoredFolder | undefined {
    const found = path === '.' || path === '' ? this.#root : this.#lookUp(path);
    return found?.kind === 'folder' ? found : undefined;
  }

  #folderOf(path: string): StoredFolder {
    const folder = this.#find(dirname(path));
    if (folder === undefined) throw new Error(`nobody made the folder of ${path}`);
    return folder;
  }

  #lookUp(path: string): Stored | undefined {
    let at: Stored | undefined = this.#root;
    for (const name of path.split('/').filter(name => name !== ''))
      at = at?.kind === 'folder' ? at.names.get(name) : undefined;
    return at;
  }

  #at(path: string): Stored {
    const found = this.#lookUp(path);
    if (found === undefined) throw new Error(`nobody made ${path}`);
    return found;
  }

  #made(path: string): Stored {
    const found = this.#lookUp(path);
    if (found !== undefined) return found;
    const made = emptyFile();
    this.#folderOf(path).names.set(nameIn(path), made);
    return made;
  }

  #makeFolder(path: string): void {
    if (this.#find(path) !== undefined) return;
    const above = dirname(path);
    if (this.#find(above) === undefined) this.#makeFolder(above);
    this.#folderOf(path).names.set(nameIn(path), { kind: 'folder', names: new Map(), synced: new Map() });
  }
}

const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const emptyFile = (): StoredFile => ({ kind: 'file', bytes: Buffer.alloc(0), synced: Buffer.alloc(0) });

function overwritten(bytes: Buffer, at: number, more: Buffer): Buffer {
  const all = Buffer.alloc(Math.max(bytes.length, at + more.length));
  bytes.copy(all);
  more.copy(all, at);
  return all;
}

function storedFolder(path: string): StoredFolder {
  const names = new Map<string, Stored>();
  for (const name of readdirSync(path)) {
    const whole = join(path, name);
    const status = statSync(whole);
    if (status.isDirectory()) names.set(name, storedFolder(whole));
    else if (status.isFile()) {
      const bytes = readFileSync(whole);
      names.set(name, { kind: 'file', bytes, synced: bytes });
    }
  }
  return { kind: 'folder', names, synced: new Map(names) };
}

function collect(folder: StoredFolder, path: string, loss: Loss, random: Random, found: Contents): void {
  const { names, synced } = folder;
  const isTaken = (name: string) => {
    if (names.get(name) === synced.get(name)) return names.get(name);
    const isNew = loss === 'kill' || (loss === 'torn' && random.below(2) === 0);
    return (isNew ? names : synced).get(name);
  };
  for (const name of new Set([...synced.keys(), ...names.keys()])) {
    const stored = isTaken(name);
    const whole = path === '' ? name : `${path}/${name}`;
    if (stored?.kind === 'folder') {
      found.set(whole, undefined);
      collect(stored, whole, loss, random, found);
    } else if (stored !== undefined) found.set(whole, fileAfter(stored, loss, random));
  }
}

function fileAfter({ bytes, synced }: StoredFile, loss: Loss, random: Random): Buffer {
  if (loss === 'kill' || bytes === synced) return bytes;
  if (loss !== 'torn') return synced;
  const isAppended = bytes.subarray(0, synced.length).equals(synced);
  if (isAppended) return bytes.subarray(0, synced.length + random.below(bytes.length - synced.length + 1));
  return random.below(2) === 0 ? bytes : synced;
}

/** Writes it into an empty folder. */
export function lay(contents: Contents, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, bytes] of contents) {
    if (bytes === undefined) mkdirSync(join(folder, path), { recursive: true });
    else writeFileSync(join(folder, path), bytes);
  }
}

/** What is there: sockets are none of it. */
export function contentsOf(folder: string): Contents {
  return new Disks(folder).after('kill');
}
