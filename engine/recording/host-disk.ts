// The disk of this host, for logs (log/disk.ts): Node's file system, and Node's time.

import {
  close,
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  open,
  openSync,
  readdirSync,
  readSync,
  rm,
  statSync,
  unlink,
  write,
} from 'node:fs';
import { makeFolder } from '../journal/made-folder.js';
import type { LogDisk, LogHost, LogTime, ReadableFile } from '../log/disk.js';

export const HOST_DISK: LogDisk = {
  makeFolder,
  create: (path, then) => open(path, 'wx', 0o600, then),
  write: (file, bytes, at, then) => write(file, bytes, 0, bytes.length, at, then),
  sync: (file, then) => fdatasync(file, then),
  syncNames: (folder, then) => {
    open(folder, 'r', (error, fd) => {
      if (error !== null) then(error);
      else fsync(fd, failed => close(fd, () => then(failed)));
    });
  },
  close: (file, then) => close(file, then),
  unlink: (path, then) => unlink(path, then),
  removeFolder: (path, then) => rm(path, { recursive: true, force: true }, then),
  names: folder => readdirSync(folder).sort(),
  isFolder: path => {
    try {
      return statSync(path).isDirectory();
    } catch {
      return false;
    }
  },
  open: path => new HostFile(path),
};

class HostFile implements ReadableFile {
  readonly size: number;
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    const file = fstatSync(this.#fd);
    this.size = file.size;
    if (file.isFile()) return;
    closeSync(this.#fd);
    throw Object.assign(new Error(), { code: 'it is no file' });
  }

  read(into: Uint8Array, at: number): number {
    let done = 0;
    while (done < into.length) {
      const bytes = readSync(this.#fd, into, done, into.length - done, at + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const HOST_TIME: LogTime = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  soon: act => void setImmediate(act),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

export const HOST: LogHost = { disk: HOST_DISK, time: HOST_TIME };
