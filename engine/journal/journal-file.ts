// A journal in a file (engine/wire/journal.ts): what a process remembers beyond its own death and, where it syncs, its host's.
//
//   append     written at once, so that it outlives a kill of the process
//   whenKept   once it is written or, where asked for, the host's disk has it: one fdatasync for all who ask meanwhile
//   rewrite    when what was added outweighs what it says: a new file with all of it in one frame, synced, then renamed
//
// A full disk makes everybody wait who asks whether something is kept: it is tried again until there is room. An error of the disk
// is the end of the journal: after a failed sync nobody knows what is there.

import { randomUUID } from 'node:crypto';
import { closeSync, fdatasync, fsync, ftruncateSync, open, readFileSync, renameSync, writeSync } from 'node:fs';
import { open as openHandle, readdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EpochvisorError } from '../errors/errors.js';
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

/** A frame that is being written. */
interface Unwritten {
  readonly frame: Uint8Array;
  done: number;
}

interface Waiting {
  /** What is to be kept: so many frames. */
  readonly frames: number;
  readonly onDisk: boolean;
  readonly then: () => void;
}

export class JournalFile {
  readonly #path: string;
  readonly #options: JournalOptions;
  #fd: number;
  /** Where the next frame goes. */
  #bytes: number;
  /** The length at which the file is written anew. */
  #rewriteBytes: number;
  #unwritten: Unwritten[] = [];
  /** Frames that were appended, and how many of them the disk has for certain. */
  #appended = 0;
  #synced = 0;
  #waiting: Waiting[] = [];
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;
  /** What is appended while a new file is written. */
  #meanwhile: Uint8Array[] | undefined;
  #again: NodeJS.Timeout | undefined;
  #isFull = false;
  #isBroken = false;

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
    this.#path = path;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#rewriteBytes = bytes + Math.max(REWRITE_MIN_BYTES, bytes);
    this.#options = options;
  }

  append(payload: Uint8Array): void {
    this.#appended += 1;
    this.#unwritten.push({ frame: encodeFrame(payload), done: 0 });
    if (this.#again === undefined) this.#write();
  }

  /** Calls back, in order, when all that was appended outlives the process or, `onDisk`, the host's loss of power. */
  whenKept(onDisk: boolean, then: () => void): void {
    if (this.#isBroken) return;
    if (this.#waiting.length === 0 && (onDisk ? this.#synced === this.#appended : this.#unwritten.length === 0)) {
      then();
      return;
    }
    this.#waiting.push({ frames: this.#appended, onDisk, then });
    this.#work();
  }

  /** Resolves when what was appended is on the disk, as far as there is room, and the file is closed. */
  async close(): Promise<void> {
    while (this.#isWorking) await this.#working;
    clearTimeout(this.#again);
    if (!this.#isBroken) await dataSynced(this.#fd).catch((error: unknown) => this.#break(error));
    this.#isBroken = true;
    closeSync(this.#fd);
  }

  #write(): void {
    try {
      for (let head = this.#unwritten[0]; head !== undefined && !this.#isBroken; head = this.#unwritten[0]) {
        const { frame } = head;
        while (head.done < frame.length) {
          head.done += writeSync(this.#fd, frame, head.done, frame.length - head.done, this.#bytes + head.done);
        }
        this.#bytes += frame.length;
        this.#meanwhile?.push(frame);
        this.#unwritten.shift();
      }
      this.#isFull = false;
    } catch (error) {
      this.#stall(error);
    }
    if (this.#bytes >= this.#rewriteBytes) this.#work();
  }

  #stall(error: unknown): void {
    const reason = failed(this.#path, error);
    if (reason.code !== 'MEMORY_FULL') {
      this.#break(error);
      return;
    }
    if (!this.#isFull) this.#options.observer.waits(reason);
    this.#isFull = true;
    const again = () => {
      this.#again = undefined;
      this.#write();
      this.#work();
    };
    this.#again = setTimeout(again, AGAIN_MS);
  }

  #break(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#options.observer.broken(failed(this.#path, error));
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = this.#doWork();
  }

  async #doWork(): Promise<void> {
    // What comes in one turn of the event loop is kept together.
    await new Promise(resolve => setImmediate(resolve));
    try {
      while (this.#unwritten.length === 0 && !this.#isBroken) {
        if (this.#bytes >= this.#rewriteBytes) await this.#rewrite();
        if (this.#waiting.length === 0) return;
        const appended = this.#appended;
        if (this.#waiting.some(({ onDisk }) => onDisk)) {
          await dataSynced(this.#fd);
          this.#synced = appended;
        }
        while (this.#waiting[0] !== undefined && this.#waiting[0].frames <= appended) this.#waiting.shift()?.then();
      }
    } catch (error) {
      this.#break(error);
    } finally {
      this.#isWorking = false;
    }
  }

  /** Where there is no room for a new file, the old one grows on. */
  async #rewrite(): Promise<void> {
    const { magic, all } = this.#options;
    const path = `${this.#path}.new-${randomUUID()}`;
    const begun = beginJournal(magic, all());
    this.#meanwhile = [];
    let fd: number | undefined;
    try {
      await writeFile(path, begun, { flag: 'wx' });
      fd = await opened(path, 'r+');
      await synced(fd);
      let bytes = begun.length;
      for (const frame of this.#meanwhile) {
        for (let done = 0; done < frame.length; ) {
          done += writeSync(fd, frame, done, frame.length - done, bytes + done);
        }
        bytes += frame.length;
      }
      renameSync(path, this.#path);
      closeSync(this.#fd);
      for (const unwritten of this.#unwritten) unwritten.done = 0;
      this.#fd = fd;
      fd = undefined;
      this.#bytes = bytes;
      this.#rewriteBytes = bytes + Math.max(REWRITE_MIN_BYTES, bytes);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      if (failed(path, error).code !== 'MEMORY_FULL') throw error;
      if (fd !== undefined) closeSync(fd);
      await unlink(path).catch(() => undefined);
      this.#rewriteBytes = this.#bytes * 2;
    } finally {
      this.#meanwhile = undefined;
    }
  }
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

async function syncFolder(path: string): Promise<void> {
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
