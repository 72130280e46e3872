// One directory given to the program: its tree, loading it, and what the device said of its changes.
//
// Writes to files are done here at once, and asked of the device meanwhile; an error is kept by inode until the program
// can be told: at the next write, at fd_sync or at fd_close, and once. Every other change (create, link, remove, rename,
// resize, times) is asked of the device first and done here when it says yes: the caller gets the host's own error,
// and the tree is never ahead of the host in what exists.

import { EpochvisorError } from '../errors/errors.js';
import type { ContentSpace } from './content.js';
import { EIO, ENOMEM, errnoOfStatus } from './errno.js';
import { ROOT_INODE } from './image.js';
import type { DirectoryConfiguration } from './kernel-port.js';
import { type LoaderState, TreeLoader } from './loader.js';
import { type CopyBytes, type DirectoryInode, type Inode, Tree, type TreeState } from './tree.js';

/** Chunks of the image asked for at once: the device reads the next while one travels. */
const CHUNKS_AHEAD = 4;

type Phase =
  | { readonly at: 'unloaded' }
  /** Chunks asked for, and chunks read; those that came early wait. */
  | { readonly at: 'loading'; asked: number; read: number; readonly early: Map<number, Uint8Array> }
  | { readonly at: 'loaded' }
  | { readonly at: 'failed'; readonly errno: number };

export interface VolumeState {
  readonly tree: TreeState;
  readonly phase:
    | { readonly at: 'unloaded' | 'loaded' }
    | {
        readonly at: 'loading';
        readonly asked: number;
        readonly read: number;
        readonly early: readonly (readonly [number, Uint8Array])[];
        readonly loader: LoaderState;
      }
    | { readonly at: 'failed'; readonly errno: number };
  readonly outstanding: readonly (readonly [number, number])[];
  readonly errors: readonly (readonly [number, number])[];
}

export class Volume {
  readonly configuration: DirectoryConfiguration;
  readonly tree: Tree;
  readonly #loader: TreeLoader;
  #phase: Phase = { at: 'unloaded' };
  /** Writes that have not ended, by inode. */
  readonly #outstanding = new Map<number, number>();
  /** The first error of each inode that the program was not told yet. */
  readonly #errors = new Map<number, number>();

  /** @param space for the contents of all directories */
  constructor(configuration: DirectoryConfiguration, space: ContentSpace, state?: VolumeState) {
    this.configuration = configuration;
    this.tree = new Tree(space, state?.tree);
    const loading = state?.phase.at === 'loading' ? state.phase : undefined;
    this.#loader = new TreeLoader(this.tree, space, loading?.loader);
    if (state === undefined) return;
    this.#phase = loading === undefined ? (state.phase as Phase) : { ...loading, early: new Map(loading.early) };
    this.#outstanding = new Map(state.outstanding);
    this.#errors = new Map(state.errors);
  }

  get readOnly(): boolean {
    return this.configuration.readOnly;
  }

  get root(): DirectoryInode {
    return this.tree.directory(ROOT_INODE);
  }

  // ---- loading

  /** `unloaded` until `chunksToAsk` is first called. */
  get phase(): Phase['at'] {
    return this.#phase.at;
  }

  /** Why it could not be loaded. */
  get errno(): number {
    return this.#phase.at === 'failed' ? this.#phase.errno : EIO;
  }

  /** The chunks to be asked for now. */
  chunksToAsk(): number[] {
    if (this.#phase.at === 'unloaded') this.#phase = { at: 'loading', asked: 0, read: 0, early: new Map() };
    const chunks: number[] = [];
    const phase = this.#phase;
    if (phase.at !== 'loading') return chunks;
    while (phase.asked < phase.read + CHUNKS_AHEAD) {
      chunks.push(phase.asked);
      phase.asked += 1;
    }
    return chunks;
  }

  /** A chunk came; an empty one is the end. */
  loaded(chunk: number, status: number, data: Uint8Array): void {
    const phase = this.#phase;
    if (phase.at !== 'loading') return;
    if (status < 0) {
      this.#phase = { at: 'failed', errno: errnoOfStatus(status) };
      return;
    }
    phase.early.set(chunk, data);
    for (;;) {
      const next = phase.early.get(phase.read);
      if (next === undefined) return;
      phase.early.delete(phase.read);
      phase.read += 1;
      if (next.length === 0) {
        this.#phase = this.#loader.complete ? { at: 'loaded' } : { at: 'failed', errno: EIO };
        return;
      }
      try {
        this.#loader.push(next);
      } catch (error) {
        if (!(error instanceof EpochvisorError)) throw error;
        this.#phase = { at: 'failed', errno: error.code === 'IMAGE_TOO_LARGE' ? ENOMEM : EIO };
        return;
      }
    }
  }

  // ---- writes

  /** Whether the device has to hear of changes of this file: nobody outside can reach a removed one. */
  reaches(inode: Inode): boolean {
    return inode.links > 0;
  }

  writing(inode: number): void {
    this.#outstanding.set(inode, (this.#outstanding.get(inode) ?? 0) + 1);
  }

  wrote(inode: number, status: number): void {
    const count = (this.#outstanding.get(inode) ?? 0) - 1;
    if (count > 0) this.#outstanding.set(inode, count);
    else this.#outstanding.delete(inode);
    if (status < 0 && !this.#errors.has(inode)) this.#errors.set(inode, errnoOfStatus(status));
  }

  isWriting(inode: number): boolean {
    return this.#outstanding.has(inode);
  }

  /** The error that is to be told now; undefined: none. */
  takeError(inode: number): number | undefined {
    const errno = this.#errors.get(inode);
    this.#errors.delete(inode);
    return errno;
  }

  sample(turn: number): unknown {
    const [outstanding, errors] = [[...this.#outstanding], [...this.#errors]];
    return { tree: this.tree.sample(turn), phase: this.#phase.at, outstanding, errors };
  }

  save(copy: CopyBytes): VolumeState {
    const phase = this.#phase;
    return {
      tree: this.tree.save(copy),
      phase: phase.at === 'loading' ? { ...phase, early: [...phase.early], loader: this.#loader.save() } : { ...phase },
      outstanding: [...this.#outstanding],
      errors: [...this.#errors],
    };
  }
}
