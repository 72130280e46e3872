// A journal in a file (engine/wire/journal.ts): what a process remembers beyond its own death and, where it syncs, its host's. When
// it is written, synced and written anew is decided by its queue (engine/driver/journal-queue.ts); here is the file.

import { randomUUID } from 'node:crypto';
import { closeSync, fdatasync, fsync, ftruncateSync, open, readFileSync, renameSync, writeSync } from 'node:fs';
import { open as openHandle, readdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Answer, type JournalPort, JournalQueue } from '../driver/journal-queue.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import { beginJournal, encodeFrame, readJournal } from '../wire/journal.js';

const [opened, synced, dataSynced] = [promisify(open), promisify(fsync), promisify(fdatasync)];

/** What was added is at least so much before the file is written anew. */
const REWRITE_MIN_BYTES = 1 << 20;
/** A full disk is tried again after this time, ms. */
const AGAIN_MS = 500;

export interface JournalObserver {
  /** There is no room for it; everything waits, and goes on by itself. Said once each time. */
  waits(reason: EpochvisorError): void;
  /** Nothing can be kept any more. Said once. */
  broken(reason: EpochvisorError): void;
}

export interface JournalOptions {
  readonly magic: Uint8Array;
  /** The first frame of a new file: all that was appended so far. */
  readonly all: () => Uint8Array;
  readonly observer: JournalObserver;
}

export class JournalFile {
  readonly #file: FileUnderQueue;
  readonly #queue: JournalQueue;

  /** What is in the journal; undefined: there is none yet. @throws EpochvisorError MEMORY_CORRUPT, MEMORY_FAILED */
  static read(path: string, magic: Uint8Array): { payloads: readonly Uint8Array[]; wholeBytes: number } | undefined {
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(readFileSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw failed(path, error);
    }
    return readJournal(bytes, magic, path);
  }

  /**
   * Begins a journal, or goes on with one that was read.
   * @param wholeBytes what of it is whole; undefined: there is none yet
   * @throws EpochvisorError MEMORY_FAILED, MEMORY_FULL
   */
  static async open(path: string, wholeBytes: number | undefined, options: JournalOptions): Promise<JournalFile> {
    try {
      // What was being written when a process before this one died.
      for (const name of await readdir(dirname(path))) {
        if (name.startsWith(`${basename(path)}.new-`)) await unlink(join(dirname(path), name));
      }
      if (wholeBytes === undefined) await begin(path, options);
      const fd = await opened(path, 'r+');
      if (wholeBytes !== undefined) ftruncateSync(fd, wholeBytes);
      return new JournalFile(path, fd, wholeBytes ?? beginJournal(options.magic, options.all()).length, options);
    } catch (error) {
      throw failed(path, error);
    }
  }

  private constructor(path: string, fd: number, bytes: number, options: JournalOptions) {
    this.#file = new FileUnderQueue(path, fd, options);
    this.#queue = new JournalQueue(this.#file, bytes, REWRITE_MIN_BYTES);
  }

  append(payload: Uint8Array): void {
    this.#queue.append(encodeFrame(payload));
  }

  /** Calls back, in order, when all that was appended outlives the process or, `onDisk`, the host's loss of power. */
  whenKept(onDisk: boolean, then: () => void): void {
    this.#queue.whenKept(onDisk, then);
  }

  /** Resolves when what was appended is on the disk, as far as there is room, and the file is closed. */
  async close(): Promise<void> {
    await new Promise<void>(resolve => this.#queue.close(resolve));
    if (!this.#queue.isBroken) {
      await new Promise<void>(resolve =>
        this.#file.sync(error => {
          if (error !== undefined) this.#queue.break(error);
          resolve();
        }),
      );
    }
    this.#queue.end();
    this.#file.close();
  }
}

/** The file, as its queue sees it. */
class FileUnderQueue implements JournalPort {
  readonly #path: string;
  readonly #options: JournalOptions;
  #fd: number;
  #new: { readonly path: string; readonly fd: number } | undefined;

  constructor(path: string, fd: number, options: JournalOptions) {
    this.#path = path;
    this.#fd = fd;
    this.#options = options;
  }

  close(): void {
    closeSync(this.#fd);
  }

  write(file: 'journal' | 'new', bytes: Uint8Array, from: number, at: number): number {
    const fd = file === 'journal' ? this.#fd : this.#newFile.fd;
    return writeSync(fd, bytes, from, bytes.length - from, at);
  }

  sync(then: Answer): void {
    answer(dataSynced(this.#fd), then);
  }

  begun(): Uint8Array {
    return beginJournal(this.#options.magic, this.#options.all());
  }

  createNew(bytes: Uint8Array, then: Answer): void {
    answer(this.#createNew(bytes), then);
  }

  async #createNew(bytes: Uint8Array): Promise<void> {
    const path = `${this.#path}.new-${randomUUID()}`;
    try {
      await writeFile(path, bytes, { flag: 'wx' });
      const fd = await opened(path, 'r+');
      this.#new = { path, fd };
      await synced(fd);
    } catch (error) {
      this.#new ??= { path, fd: -1 };
      throw error;
    }
  }

  get #newFile(): { readonly path: string; readonly fd: number } {
    assert(this.#new !== undefined, 'a new file is there before it is used');
    return this.#new;
  }

  replace(then: Answer): void {
    const { path, fd } = this.#newFile;
    renameSync(path, this.#path);
    this.#new = undefined;
    closeSync(this.#fd);
    this.#fd = fd;
    answer(syncFolder(dirname(this.#path)), then);
  }

  dropNew(then: () => void): void {
    const { path, fd } = this.#newFile;
    this.#new = undefined;
    if (fd !== -1) closeSync(fd);
    // It may never have come to be.
    unlink(path).then(then, then);
  }

  soon(act: () => void): void {
    setImmediate(act);
  }

  later(act: () => void): () => void {
    const timer = setTimeout(act, AGAIN_MS);
    return () => clearTimeout(timer);
  }

  isFull(error: unknown): boolean {
    return failed(this.#path, error).code === 'MEMORY_FULL';
  }

  waits(error: unknown): void {
    this.#options.observer.waits(failed(this.#path, error));
  }

  broken(error: unknown): void {
    this.#options.observer.broken(failed(this.#path, error));
  }
}

/** What `then` throws is nobody's answer: it is a defect, and ends the process. */
function answer(done: Promise<unknown>, then: Answer): void {
  void done.then(
    () => then(undefined),
    (error: unknown) => then(error),
  );
}

async function begin(path: string, { magic, all }: JournalOptions): Promise<void> {
  await putWhole(path, beginJournal(magic, all()));
}

/** A file that is there whole, or not at all. @throws errors of the operating system */
export async function putWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new-${randomUUID()}`;
  const handle = await openHandle(temporary, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  renameSync(temporary, path);
  await syncFolder(dirname(path));
}

/** The names in it are on the disk. @throws errors of the operating system */
export async function syncFolder(path: string): Promise<void> {
  const handle = await openHandle(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What is wrong with a memory, in one line. */
export function failed(path: string, error: unknown): EpochvisorError {
  if (error instanceof EpochvisorError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EpochvisorError(
      'MEMORY_FULL',
      `there is no room for ${path}: nothing is confirmed until there is`,
      'make some on its disk',
    );
  }
  return new EpochvisorError('MEMORY_FAILED', `${path} can't be kept: ${code ?? message}`, 'look after its disk');
}
