// The table of file descriptors: numbers the program knows, lowest free first.

import {
  FDFLAGS_NONBLOCK,
  FILETYPE_CHARACTER_DEVICE,
  FILETYPE_DIRECTORY,
  FILETYPE_REGULAR_FILE,
  FILETYPE_SOCKET_STREAM,
  FILETYPE_UNKNOWN,
} from './abi.js';
import { EBADF, EMFILE, fail } from './errno.js';

interface DescriptorCommon {
  rights: number;
  inheriting: number;
  /** FDFLAGS_*. */
  flags: number;
}

/** An input or output stream of the console. */
export interface StreamDescriptor extends DescriptorCommon {
  readonly kind: 'input' | 'output';
  readonly stream: number;
  readonly terminal: boolean;
}

export interface FileDescriptor extends DescriptorCommon {
  readonly kind: 'file';
  /** Index of the directory given to the program that it is in. */
  readonly volume: number;
  readonly inode: number;
  offset: number;
}

export interface DirectoryDescriptor extends DescriptorCommon {
  readonly kind: 'directory';
  readonly volume: number;
  readonly inode: number;
  /** Given to the program under the volume's name. */
  readonly preopened: boolean;
}

/** A listening socket or a connection; what is behind it is in sockets.ts. */
export interface SocketDescriptor extends DescriptorCommon {
  readonly kind: 'listener' | 'connection';
  readonly stream: number;
}

/** The folder of names that can be connected to (calls/connect-calls.ts). */
export interface NetworkDescriptor extends DescriptorCommon {
  readonly kind: 'network';
}

/** Plain data: it is saved as it is. */
export type Descriptor = StreamDescriptor | FileDescriptor | DirectoryDescriptor | SocketDescriptor | NetworkDescriptor;

/** Bounds what a program that leaks descriptors can take. */
const DESCRIPTORS_MAX = 1 << 16;

export class Descriptors {
  readonly #table: (Descriptor | undefined)[];
  /** No number below is free. */
  #lowest = 0;

  constructor(table: readonly (Descriptor | undefined)[] = []) {
    this.#table = table.map(descriptor => descriptor && { ...descriptor });
  }

  /** EBADF. `fd` is unsigned. */
  get(fd: number): Descriptor {
    const descriptor = this.#table[fd];
    if (descriptor === undefined) fail(EBADF);
    return descriptor;
  }

  /** EMFILE where the table is full: to be asked before a call changes anything. */
  reserve(): void {
    while (this.#table[this.#lowest] !== undefined) this.#lowest += 1;
    if (this.#lowest >= DESCRIPTORS_MAX) fail(EMFILE);
  }

  add(descriptor: Descriptor): number {
    this.reserve();
    this.#table[this.#lowest] = descriptor;
    return this.#lowest;
  }

  remove(fd: number): void {
    this.#table[fd] = undefined;
    this.#lowest = Math.min(this.#lowest, fd);
  }

  /** `to` becomes what `from` was; both are open. */
  move(from: number, to: number): void {
    this.#table[to] = this.get(from);
    if (from !== to) this.remove(from);
  }

  save(): (Descriptor | undefined)[] {
    return this.#table.map(descriptor => descriptor && { ...descriptor });
  }
}

export function isNonblocking(descriptor: Descriptor): boolean {
  return (descriptor.flags & FDFLAGS_NONBLOCK) !== 0;
}

export function filetypeOfDescriptor(descriptor: Descriptor): number {
  switch (descriptor.kind) {
    case 'file':
      return FILETYPE_REGULAR_FILE;
    case 'directory':
    case 'network':
      return FILETYPE_DIRECTORY;
    case 'listener':
    case 'connection':
      return FILETYPE_SOCKET_STREAM;
    default:
      return descriptor.terminal ? FILETYPE_CHARACTER_DEVICE : FILETYPE_UNKNOWN;
  }
}
