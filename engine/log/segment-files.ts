// The segments of a log as files of a folder, over a disk (disk.ts): what is called written is with the operating system; of what is
// called synced the names are on the disk, too.

import type { Answer } from '../driver/journal-queue.js';
import { assert } from '../errors/errors.js';
import { type DiskFile, folderOf, type LogDisk, type LogHost, within } from './disk.js';
import type { SegmentStore } from './log-queue.js';
import { isFull } from './unwritable.js';

/** The name of the `number`-th segment of a log. */
export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.epvlog`;
}

export class SegmentFiles implements SegmentStore {
  readonly #folder: string;
  readonly #disk: LogDisk;
  readonly soon: (act: () => void) => void;
  readonly after: (delayMs: number, act: () => void) => () => void;
  #file: DiskFile | undefined;
  /** The names of the files that were begun are on the disk. */
  #isNamed = true;
  #hasFolder = false;

  /** @param folder the log's own; the one that it is in has those of other replicas */
  constructor(folder: string, { disk, time }: LogHost) {
    this.#folder = folder;
    this.#disk = disk;
    this.soon = act => time.soon(act);
    this.after = (delayMs, act) => time.after(delayMs, act);
  }

  begin(number: number, bytes: Uint8Array, then: Answer): void {
    this.close(() => {
      const path = within(this.#folder, segmentName(number));
      this.#disk.create(path, (error, file) => {
        if (isError(error)) {
          then(error);
          return;
        }
        this.#file = file;
        this.#isNamed = false;
        this.write(bytes, 0, error => {
          if (!isError(error)) then(undefined);
          // One that was not begun is none.
          else this.close(() => this.#disk.unlink(path, () => then(error)));
        });
      });
    });
  }

  write(bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void {
    const file = this.#file;
    assert(file !== undefined, 'a segment is begun before it is written');
    const from = (done: number): void => {
      this.#disk.write(file, done === 0 ? bytes : bytes.subarray(done), at + done, (error, written) => {
        if (isError(error)) then(error, done);
        else if (done + written === bytes.length) then(undefined, bytes.length);
        else from(done + written);
      });
    };
    from(0);
  }

  sync(then: Answer): void {
    const file = this.#file;
    assert(file !== undefined, 'a segment is begun before it is synced');
    this.#disk.sync(file, error => {
      if (isError(error)) then(error);
      else if (this.#isNamed) then(undefined);
      else this.#syncNames(then);
    });
  }

  #syncNames(then: Answer): void {
    const folders = [this.#folder];
    // Of the first segment the folder is new, too, and perhaps the one that it is in.
    if (!this.#hasFolder) folders.push(folderOf(this.#folder), folderOf(folderOf(this.#folder)));
    const next = (): void => {
      const folder = folders.shift();
      if (folder === undefined) {
        [this.#isNamed, this.#hasFolder] = [true, true];
        then(undefined);
        return;
      }
      this.#disk.syncNames(folder, error => (isError(error) ? then(error) : next()));
    };
    next();
  }

  remove(numbers: readonly number[], others: readonly string[], then: Answer): void {
    const [number, ...later] = numbers;
    const [name, ...laterNames] = others;
    if (number !== undefined) {
      this.#disk.unlink(within(this.#folder, segmentName(number)), error => {
        if (isError(error)) then(error);
        else this.remove(later, others, then);
      });
    } else if (name !== undefined) {
      // One that only slept may write there: what can't be removed stays.
      const removed = () => this.remove([], laterNames, then);
      this.#disk.removeFolder(within(folderOf(this.#folder), name), removed);
    } else then(undefined);
  }

  close(then: () => void): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) then();
    else this.#disk.close(file, () => then());
  }

  isFull(error: unknown): boolean {
    return isFull(error);
  }
}

const isError = (error: unknown): boolean => error !== undefined && error !== null;
