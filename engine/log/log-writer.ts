// The log of a replica, written down in a folder of its own: segments, which a queue (driver/log-queue.ts) fills. Here is the disk.
//
// Whatever takes time is done beside the I/O thread: a disk that stalls keeps no heartbeat. What is called written is with the
// operating system; of what is called synced the names are on the disk, too.

import { close, fdatasync, fsync, open, rm, unlink, write } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Answer } from '../driver/journal-queue.js';
import { LogBehind, type LogDisk, LogQueue } from '../driver/log-queue.js';
import { assert, EpochvisorError } from '../errors/errors.js';
import { makeFolder } from '../journal/made-folder.js';
import type { SegmentHeader } from '../wire/segments.js';

/** The name of the `number`-th segment of a log. */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.epvlog`;
}

export interface LogWriterOptions {
  /** Its own, and not there yet, or empty. */
  readonly folder: string;
  readonly header: Pick<SegmentHeader, 'machine' | 'incarnation' | 'moduleHash' | 'description'>;
  readonly segmentBytes?: number;
  /** Whether the log begins with the machine, as it does if not said, or with a checkpoint. */
  readonly beginsWhole?: boolean;
  /** Whether outputs wait for what is written: a full disk is tried again then. */
  readonly isAwaited?: boolean;
  /** There is no room, which is waited for; undefined: there is again. */
  readonly waits?: (error: EpochvisorError | undefined) => void;
  /** Nothing is logged any more. Said once. */
  readonly ended: (error: EpochvisorError) => void;
}

/** What was told of the log last, and who hears of more. */
interface Heard {
  last?: readonly [written: number, synced: number];
  kept?: (written: number, synced: number) => void;
}

export class LogWriter extends LogQueue {
  readonly #heard: Heard;

  /** @throws EpochvisorError LOG_FAILED, LOG_FULL */
  constructor(options: LogWriterOptions) {
    const { folder, header, segmentBytes, beginsWhole = true, isAwaited = false, waits, ended } = options;
    try {
      makeFolder(folder);
    } catch (error) {
      throw unwritable(folder, error);
    }
    const heard: Heard = {};
    super({
      disk: new SegmentFiles(folder),
      header,
      beginsWhole,
      waitsForRoom: isAwaited,
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      observer: {
        kept: (written, synced) => {
          heard.last = [written, synced];
          heard.kept?.(written, synced);
        },
        waits: error => waits?.(unwritable(folder, error)),
        goesOn: () => waits?.(undefined),
        ended: error => ended(unwritable(folder, error)),
      },
    });
    this.#heard = heard;
  }

  /** How far it has come: what is told from now on, and, soon, what was told last (LogObserver). */
  listen(kept: (written: number, synced: number) => void): void {
    this.#heard.kept = kept;
    setImmediate(() => {
      if (this.#heard.last !== undefined) kept(...this.#heard.last);
    });
  }

  /** Resolves when all of it is on the disk, or nothing can be. */
  closed(): Promise<void> {
    return new Promise(resolve => this.close(resolve));
  }
}

/** Segments as files. */
class SegmentFiles implements LogDisk {
  readonly #folder: string;
  #fd: number | undefined;
  /** The names of the files that were begun are on the disk. */
  #isNamed = true;
  #hasFolder = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  begin(number: number, bytes: Uint8Array, then: Answer): void {
    this.close(() => {
      const path = join(this.#folder, segmentName(number));
      // None of its name may be there.
      open(path, 'wx', 0o600, (error, fd) => {
        if (error !== null) {
          then(error);
          return;
        }
        this.#fd = fd;
        this.#isNamed = false;
        this.write(bytes, 0, error => {
          if (error === undefined) then(undefined);
          // One that was not begun is none.
          else this.close(() => rm(path, { force: true }, () => then(error)));
        });
      });
    });
  }

  write(bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void {
    const fd = this.#fd;
    assert(fd !== undefined, 'a segment is begun before it is written');
    const from = (done: number): void => {
      write(fd, bytes, done, bytes.length - done, at + done, (error, written) => {
        if (error !== null) then(error, done);
        else if (done + written === bytes.length) then(undefined, bytes.length);
        else from(done + written);
      });
    };
    from(0);
  }

  sync(then: Answer): void {
    const fd = this.#fd;
    assert(fd !== undefined, 'a segment is begun before it is synced');
    fdatasync(fd, error => {
      if (error !== null) then(error);
      else if (this.#isNamed) then(undefined);
      else this.#syncNames(then);
    });
  }

  #syncNames(then: Answer): void {
    const folders = [this.#folder];
    // Of the first segment the folder is new, too, and perhaps the one that it is in.
    if (!this.#hasFolder) folders.push(dirname(this.#folder), dirname(dirname(this.#folder)));
    const next = (): void => {
      const folder = folders.shift();
      if (folder === undefined) {
        [this.#isNamed, this.#hasFolder] = [true, true];
        then(undefined);
        return;
      }
      syncFolder(folder, error => (error === null ? next() : then(error)));
    };
    next();
  }

  remove(numbers: readonly number[], others: readonly string[], then: Answer): void {
    const [number, ...later] = numbers;
    const [name, ...laterNames] = others;
    if (number !== undefined) {
      unlink(join(this.#folder, segmentName(number)), error => {
        if (error === null) this.remove(later, others, then);
        else then(error);
      });
    } else if (name !== undefined) {
      // One that only slept may write there: what can't be removed stays.
      const removed = () => this.remove([], laterNames, then);
      rm(join(dirname(this.#folder), name), { recursive: true, force: true }, removed);
    } else then(undefined);
  }

  close(then: () => void): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) then();
    else close(fd, () => then());
  }

  isFull(error: unknown): boolean {
    return unwritable('', error).code === 'LOG_FULL';
  }

  soon(act: () => void): void {
    setImmediate(act);
  }

  after(delayMs: number, act: () => void): () => void {
    const timer = setTimeout(act, delayMs).unref();
    return () => clearTimeout(timer);
  }
}

function syncFolder(path: string, then: (error: Error | null) => void): void {
  open(path, 'r', (error, fd) => {
    if (error !== null) then(error);
    else fsync(fd, failed => close(fd, () => then(failed)));
  });
}

export function unwritable(path: string, error: unknown): EpochvisorError {
  if (error instanceof LogBehind) {
    return new EpochvisorError('LOG_BEHIND', `the disk of ${path} is slower than the log`, 'name a folder on another');
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  if (isFull) return new EpochvisorError('LOG_FULL', `there is no room for ${path}`, 'make some');
  return new EpochvisorError('LOG_FAILED', `${path} can't be written: ${code ?? message}`, 'name another folder');
}
