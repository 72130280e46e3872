// A program in TypeScript: calls of preview 1 over the model machine, with arguments put into its memory.

import * as abi from '../../engine/wasi/abi.js';
import * as errnos from '../../engine/wasi/errno.js';
import { type Folder, ModelFolder } from './model-folder.js';
import { ModelMachine, type Options } from './model-machine.js';

const NAMES = new Map<number, string>(
  Object.entries(errnos).flatMap(([name, value]) => (/^E[A-Z0-9]+$/.test(name) ? [[value as number, name]] : [])),
);

/** `OK`, or the name of the errno. */
export function errnoName(errno: number): string {
  return errno === 0 ? 'OK' : (NAMES.get(errno) ?? `errno ${errno}`);
}

export interface Stat {
  device: number;
  inode: number;
  filetype: number;
  links: number;
  size: number;
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

export interface DirectoryEntry {
  name: string;
  cookie: bigint;
  inode: number;
  filetype: number;
}

export interface Opening {
  oflags?: number;
  rights?: number;
  inheriting?: number;
  flags?: number;
  follow?: boolean;
}

/** Every right but the one that makes a directory something nobody can open. */
export const FILE_RIGHTS = abi.RIGHTS_FILE;

/** Where the last call's answers go; far from the arguments. */
const ANSWER = 0x8000;
const BUFFER = 0x10000;

export class Program {
  readonly machine: ModelMachine;
  #at = 0;

  constructor(machine: ModelMachine) {
    this.machine = machine;
  }

  get view(): DataView {
    const { buffer, byteOffset, byteLength } = this.machine.memory();
    return new DataView(buffer, byteOffset, byteLength);
  }

  /** Puts bytes where the next arguments go. */
  #put(bytes: Uint8Array): [number, number] {
    const at = 0x1000 + this.#at;
    this.machine.memory().set(bytes, at);
    this.#at += (bytes.length + 15) & ~7;
    return [at, bytes.length];
  }

  #path(path: string | Uint8Array): [number, number] {
    return this.#put(typeof path === 'string' ? new TextEncoder().encode(path) : path);
  }

  /** A raw call; the answer as a name. */
  call(name: string, ...values: (number | bigint)[]): string {
    this.#at = 0;
    return errnoName(this.machine.call(name, ...values));
  }

  /** What a call put at ANSWER, or the errno's name. */
  #answer<T>(name: string, values: (number | bigint)[], read: () => T): T | string {
    const errno = this.call(name, ...values);
    return errno === 'OK' ? read() : errno;
  }

  // ---- paths

  open(directory: number, path: string | Uint8Array, opening: Opening = {}): number | string {
    const { oflags = 0, rights = 0, inheriting = 0, flags = 0, follow = false } = opening;
    const values = [directory, follow ? 1 : 0, ...this.#path(path), oflags, BigInt(rights), BigInt(inheriting), flags];
    return this.#answer('path_open', [...values, ANSWER], () => this.view.getUint32(ANSWER, true));
  }

  /** Opens what has to open. */
  mustOpen(directory: number, path: string, opening: Opening = {}): number {
    const fd = this.open(directory, path, { rights: FILE_RIGHTS, ...opening });
    if (typeof fd !== 'number') throw new Error(`${path}: ${fd}`);
    return fd;
  }

  createFile(directory: number, path: string): string {
    const fd = this.open(directory, path, { oflags: abi.OFLAGS_CREAT });
    return typeof fd === 'number' ? this.close(fd) : fd;
  }

  createDirectory(directory: number, path: string): string {
    return this.call('path_create_directory', directory, ...this.#path(path));
  }

  removeDirectory(directory: number, path: string): string {
    return this.call('path_remove_directory', directory, ...this.#path(path));
  }

  unlink(directory: number, path: string): string {
    return this.call('path_unlink_file', directory, ...this.#path(path));
  }

  symlink(target: string, directory: number, path: string): string {
    return this.call('path_symlink', ...this.#path(target), directory, ...this.#path(path));
  }

  link(from: number, path: string, to: number, newPath: string, lookup = 0): string {
    return this.call('path_link', from, lookup, ...this.#path(path), to, ...this.#path(newPath));
  }

  rename(from: number, path: string, to: number, newPath: string): string {
    return this.call('path_rename', from, ...this.#path(path), to, ...this.#path(newPath));
  }

  readlink(directory: number, path: string, bytes = 1024): string {
    const values = [directory, ...this.#path(path), BUFFER, bytes, ANSWER];
    const read = () => `-> ${this.#text(BUFFER, this.view.getUint32(ANSWER, true))}`;
    return this.#answer('path_readlink', values, read);
  }

  stat(directory: number, path: string, follow = false): Stat | string {
    const values = [directory, follow ? 1 : 0, ...this.#path(path), ANSWER];
    return this.#answer('path_filestat_get', values, () => this.#stat());
  }

  setPathTimes(directory: number, path: string, accessedNs: bigint, modifiedNs: bigint, flags: number, follow = false) {
    const values = [directory, follow ? 1 : 0, ...this.#path(path), accessedNs, modifiedNs, flags];
    return this.call('path_filestat_set_times', ...values);
  }

  // ---- descriptors

  close(fd: number): string {
    return this.call('fd_close', fd);
  }

  fstat(fd: number): Stat | string {
    return this.#answer('fd_filestat_get', [fd, ANSWER], () => this.#stat());
  }

  #stat(): Stat {
    const { view } = this;
    const long = (at: number) => view.getBigUint64(ANSWER + at, true);
    return {
      device: Number(long(0)),
      inode: Number(long(8)),
      filetype: view.getUint8(ANSWER + 16),
      links: Number(long(24)),
      size: Number(long(32)),
      accessedNs: long(40),
      modifiedNs: long(48),
      changedNs: long(56),
    };
  }

  fdstat(fd: number): { filetype: number; flags: number; rights: number; inheriting: number } | string {
    return this.#answer('fd_fdstat_get', [fd, ANSWER], () => ({
      filetype: this.view.getUint8(ANSWER),
      flags: this.view.getUint16(ANSWER + 2, true),
      rights: Number(this.view.getBigUint64(ANSWER + 8, true)),
      inheriting: Number(this.view.getBigUint64(ANSWER + 16, true)),
    }));
  }

  seek(fd: number, delta: number, whence: number): number | string {
    const values = [fd, BigInt(delta), whence, ANSWER];
    return this.#answer('fd_seek', values, () => Number(this.view.getBigUint64(ANSWER, true)));
  }

  tell(fd: number): number | string {
    return this.#answer('fd_tell', [fd, ANSWER], () => Number(this.view.getBigUint64(ANSWER, true)));
  }

  /** A list of buffers of these lengths, one after the other from BUFFER on. */
  #buffers(lengths: readonly number[]): [number, number] {
    const list = new DataView(new ArrayBuffer(lengths.length * 8));
    let at = BUFFER;
    for (const [index, length] of lengths.entries()) {
      list.setUint32(index * 8, at, true);
      list.setUint32(index * 8 + 4, length, true);
      at += length;
    }
    return [this.#put(new Uint8Array(list.buffer))[0], lengths.length];
  }

  #text(at: number, bytes: number): string {
    return Buffer.from(this.machine.memory().subarray(at, at + bytes)).toString('latin1');
  }

  read(fd: number, ...lengths: number[]): string {
    const values = [fd, ...this.#buffers(lengths.length === 0 ? [4096] : lengths), ANSWER];
    return this.#answer('fd_read', values, () => `"${this.#text(BUFFER, this.view.getUint32(ANSWER, true))}"`);
  }

  pread(fd: number, offset: number, ...lengths: number[]): string {
    const values = [fd, ...this.#buffers(lengths.length === 0 ? [4096] : lengths), BigInt(offset), ANSWER];
    return this.#answer('fd_pread', values, () => `"${this.#text(BUFFER, this.view.getUint32(ANSWER, true))}"`);
  }

  #bytes(texts: readonly (string | Uint8Array)[]): [number, number] {
    const pieces = texts.map(text => (typeof text === 'string' ? Buffer.from(text, 'latin1') : text));
    this.machine.memory().set(Buffer.concat(pieces), BUFFER);
    return this.#buffers(pieces.map(piece => piece.length));
  }

  write(fd: number, ...texts: (string | Uint8Array)[]): number | string {
    const values = [fd, ...this.#bytes(texts), ANSWER];
    return this.#answer('fd_write', values, () => this.view.getUint32(ANSWER, true));
  }

  pwrite(fd: number, offset: number, ...texts: string[]): number | string {
    const values = [fd, ...this.#bytes(texts), BigInt(offset), ANSWER];
    return this.#answer('fd_pwrite', values, () => this.view.getUint32(ANSWER, true));
  }

  /** One call of fd_readdir: the entries that are whole, and the bytes used. */
  readdir(fd: number, cookie = 0n, bytes = 4096): { entries: DirectoryEntry[]; used: number } | string {
    return this.#answer('fd_readdir', [fd, BUFFER, bytes, cookie, ANSWER], () => {
      const used = this.view.getUint32(ANSWER, true);
      const entries: DirectoryEntry[] = [];
      for (let at = BUFFER; at + 24 <= BUFFER + used; ) {
        const length = this.view.getUint32(at + 16, true);
        if (at + 24 + length > BUFFER + used) break;
        entries.push({
          name: this.#text(at + 24, length),
          cookie: this.view.getBigUint64(at, true),
          inode: Number(this.view.getBigUint64(at + 8, true)),
          filetype: this.view.getUint8(at + 20),
        });
        at += 24 + length;
      }
      return { entries, used };
    });
  }

  /** Names of all entries, by as many calls as it takes. */
  names(fd: number, bytes = 4096): string[] | string {
    const names: string[] = [];
    for (let cookie = 0n; ; ) {
      const answer = this.readdir(fd, cookie, bytes);
      if (typeof answer === 'string') return answer;
      names.push(...answer.entries.map(entry => entry.name));
      if (answer.used < bytes) return names;
      cookie = answer.entries[answer.entries.length - 1]!.cookie;
    }
  }
}

/** A program with one directory, file descriptor 3. */
export function programIn(folder: Folder = {}, options: Options = {}): { p: Program; folder: ModelFolder } {
  const model = new ModelFolder(folder);
  return { p: new Program(new ModelMachine({ ...options, folders: [model] })), folder: model };
}
