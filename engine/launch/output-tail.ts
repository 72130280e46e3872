// What another process appends to files, read as it comes: the output of a guest whose bus is a process of its own.

import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';

/** Read at once. */
const READ_BYTES = 256 * 1024;

export interface TailedFile {
  readonly path: string;
  /** Bytes that follow those before; a buffer of the receiver's own. */
  readonly heard: (offset: number, bytes: Uint8Array) => void;
}

interface Tailed extends TailedFile {
  readonly fd: number;
  offset: number;
}

export class OutputTail {
  readonly #watcher: FSWatcher;
  readonly #files: readonly Tailed[];

  /** @param folder of the files, which are begun, empty, where they are not there */
  constructor(folder: string, files: readonly TailedFile[]) {
    this.#files = files.map(file => ({ ...file, fd: openSync(file.path, 'a+'), offset: 0 }));
    this.#watcher = watch(folder, () => this.read());
  }

  /** What has come so far. */
  read(): void {
    for (const file of this.#files) {
      for (let bytes = readNext(file); bytes.length > 0; bytes = readNext(file)) {
        const { offset } = file;
        file.offset += bytes.length;
        file.heard(offset, bytes);
      }
    }
  }

  /** Reads to the end. */
  close(): void {
    this.#watcher.close();
    this.read();
    for (const { fd } of this.#files) closeSync(fd);
  }
}

function readNext({ fd, offset }: Tailed): Uint8Array {
  const bytes = new Uint8Array(Math.min(READ_BYTES, fstatSync(fd).size - offset));
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset));
}
