// What a directory device has to know to go on where a machine goes on from a snapshot: names and inodes of its folder.
//
// Changes name files by inode, and the device that numbered them is gone. The kernel's tree has every name and its inode;
// it is behind the folder by what had been asked of the device and was not answered yet. How that ended is in the snapshot,
// too: what succeeded is in the folder, and the device answers it, asked for again, as it was answered the first time.

import { EpochvisorError } from '../errors/errors.js';
import type { OperationId } from '../protocol/vocabulary.js';
import { FIRST_NEW_INODE, ROOT_INODE } from './image.js';
import { textOfBytes } from './memory.js';
import { decodeMutation, type Mutation } from './mutation.js';
import { changesOf, kernelStateOf } from './outstanding-changes.js';
import type { Inode, TreeState } from './tree.js';

/** How operations ended: their statuses by id. */
export type Statuses = ReadonlyMap<OperationId, number>;

export interface KnownFolder {
  /** Of every inode that has, or had, a name. */
  readonly kinds: ReadonlyMap<number, Inode['kind']>;
  /** What is in each directory: inodes by name, one character a byte. */
  readonly entries: ReadonlyMap<number, ReadonlyMap<string, number>>;
  /** The greatest inode of the image that is left, and the greatest that the program has made. */
  readonly lastOfImage: number;
  readonly lastMade: number;
  /** Of changes that the kernel may ask for once more. */
  readonly statuses: Statuses;
}

/** A folder when the snapshot was taken. The device is asked for its image before `loaded`, and for changes after. */
export type FolderThen =
  | { readonly at: 'unloaded' | 'loading' | 'failed' }
  | { readonly at: 'loaded'; readonly known: KnownFolder };

/**
 * @param state what the kernel saved
 * @param statuses of the changes that were outstanding then; one without status has not been performed
 * @throws EpochvisorError SNAPSHOT_INVALID
 */
export function folderThen(state: unknown, volume: number, statuses: Statuses): FolderThen {
  const { volumes, operations } = kernelStateOf(state);
  const saved = volumes[volume];
  if (saved === undefined) throw invalid(`has no folder ${volume}`);
  if (saved.phase.at !== 'loaded') return { at: saved.phase.at };
  const names = new FolderNames(namesOf(saved.tree));
  const own = new Map<OperationId, number>();
  for (const { owner, operation } of changesOf(operations)) {
    const status = statuses.get(operation.id);
    if (owner.volume !== volume || status === undefined) continue;
    own.set(operation.id, status);
    if (status === 0) names.apply(decodeMutation(operation.data));
  }
  return { at: 'loaded', known: names.known(own) };
}

type Create = Extract<Mutation, { readonly kind: 'createFile' | 'createDirectory' | 'createSymlink' }>;

function namesOf(tree: TreeState): Omit<KnownFolder, 'statuses'> {
  const kinds = new Map<number, Inode['kind']>();
  const entries = new Map<number, Map<string, number>>();
  for (const { number, body } of tree.inodes) {
    kinds.set(number, body.kind);
    if (body.kind !== 'directory') continue;
    entries.set(number, new Map(body.entries.entries.map(({ name, inode }) => [oneStep(name), inode])));
  }
  if (kinds.get(ROOT_INODE) !== 'directory') throw invalid('has a folder without a root');
  const ofImage = [...kinds.keys()].filter(inode => inode < FIRST_NEW_INODE);
  const lastOfImage = ofImage.reduce((last, inode) => Math.max(last, inode), ROOT_INODE);
  return { kinds, entries, lastOfImage, lastMade: tree.nextInode - 1 };
}

/** Names as changes leave them that a device has performed. */
export class FolderNames {
  readonly #kinds: Map<number, Inode['kind']>;
  readonly #entries: Map<number, Map<string, number>>;
  readonly #lastOfImage: number;
  #lastMade: number;

  constructor({ kinds, entries, lastOfImage, lastMade }: Omit<KnownFolder, 'statuses'>) {
    this.#kinds = new Map(kinds);
    this.#entries = new Map([...entries].map(([inode, names]) => [inode, new Map(names)]));
    this.#lastOfImage = lastOfImage;
    this.#lastMade = lastMade;
  }

  /** A change that the device has performed. */
  apply(mutation: Mutation): void {
    switch (mutation.kind) {
      case 'createFile':
        this.#create(mutation, 'file');
        break;
      case 'createDirectory':
        this.#entries.set(mutation.inode, new Map());
        this.#create(mutation, 'directory');
        break;
      case 'createSymlink':
        this.#create(mutation, 'symlink');
        break;
      case 'link':
        this.#in(mutation.parent).set(nameOf(mutation.name), mutation.inode);
        break;
      case 'unlink':
      case 'removeDirectory':
        this.#in(mutation.parent).delete(nameOf(mutation.name));
        break;
      case 'rename':
        this.#rename(mutation);
        break;
      // The others change no names.
    }
  }

  #create(created: Create, kind: Inode['kind']): void {
    this.#kinds.set(created.inode, kind);
    this.#in(created.parent).set(nameOf(created.name), created.inode);
    this.#lastMade = Math.max(this.#lastMade, created.inode);
  }

  #rename({ parent, name, newParent, newName }: Mutation & { kind: 'rename' }): void {
    const from = this.#in(parent);
    const inode = from.get(nameOf(name));
    if (inode === undefined) throw invalid('moves a name that is not there');
    const to = this.#in(newParent);
    // Two names of one file: nothing happened.
    if (to.get(nameOf(newName)) === inode) return;
    from.delete(nameOf(name));
    to.set(nameOf(newName), inode);
  }

  /** Forgets what has no name any more. */
  prune(): void {
    const named = new Set([ROOT_INODE]);
    for (const directory of named) for (const inode of this.#entries.get(directory)?.values() ?? []) named.add(inode);
    for (const inode of this.#kinds.keys()) if (!named.has(inode)) this.#kinds.delete(inode);
    for (const inode of this.#entries.keys()) if (!named.has(inode)) this.#entries.delete(inode);
  }

  #in(directory: number): Map<string, number> {
    const names = this.#entries.get(directory);
    if (names === undefined) throw invalid(`changes inode ${directory}, which is no directory`);
    return names;
  }

  known(statuses: Statuses): KnownFolder {
    const [kinds, entries, lastOfImage, lastMade] = [this.#kinds, this.#entries, this.#lastOfImage, this.#lastMade];
    return { kinds, entries, lastOfImage, lastMade, statuses };
  }
}

function nameOf(bytes: Uint8Array): string {
  return oneStep(textOfBytes(bytes));
}

/** A name of a file made up would lead out of the folder. */
function oneStep(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw invalid(`has a file named '${name}'`);
  return name;
}

function invalid(what: string): EpochvisorError {
  return new EpochvisorError('SNAPSHOT_INVALID', `the snapshot ${what}`, 'take another one');
}
