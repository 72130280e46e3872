// A disk: the sectors of a file, read and written by byte offset.
//
// Operations run side by side, but those that overlap (one of them a write) run in the order in which they came: so the
// content after any set of operations is the same in every run. The data of a write is taken when it is asked for. An
// error may leave a write done in part, as on any disk.
//
// Where the bus may be started again a write is on the host's disk when it is told to be done, without a flush. A guest that outlives
// a loss of power knows of none, and would not write again what it was told of; so it has no cache here that can be lost. Those that are
// under way together are synced together.

import { type FileHandle, open } from 'node:fs/promises';
import { EpochvisorError } from '../../engine/errors/errors.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import {
  type Completion,
  NO_DATA,
  type OperationDevice,
  STATUS_IO_ERROR,
  STATUS_NO_SPACE,
  STATUS_REFUSED,
} from '../device.js';
import { DISK_READ, DISK_WRITE, diskMovement, SECTOR_BYTES } from './disk-commands.js';

/** The part of a file handle that a disk uses. */
export type DiskFile = Pick<FileHandle, 'read' | 'write' | 'datasync' | 'close'>;

interface Span {
  readonly kind: 'read' | 'write' | 'flush';
  readonly start: number;
  readonly end: number;
}

interface Outstanding extends Span {
  readonly done: Promise<unknown>;
}

const REFUSED: Completion = { status: STATUS_REFUSED, data: NO_DATA };

export class FileDisk implements OperationDevice {
  readonly class = 'idempotent';
  readonly sizeBytes: number;
  readonly #file: DiskFile;
  readonly #syncs: boolean;
  /** Under way, or over; and the one after it, for whoever comes meanwhile. */
  #syncing: Promise<unknown> = Promise.resolve();
  #nextSync: Promise<unknown> | undefined;
  readonly #outstanding = new Set<Outstanding>();
  #closed = false;

  /**
   * @param syncs whether a write is on the host's disk when it is told to be done; else when it is flushed
   * @throws EpochvisorError DISK_MISSING, DISK_SIZE, DISK_UNUSABLE
   */
  static async open(path: string, syncs = false): Promise<FileDisk> {
    let file: FileHandle;
    try {
      file = await open(path, 'r+');
    } catch (error) {
      throw unusable(path, error as NodeJS.ErrnoException);
    }
    const stat = await file.stat();
    const problem = problemOf(path, stat.isFile(), stat.size);
    if (problem !== undefined) {
      await file.close();
      throw problem;
    }
    return new FileDisk(file, stat.size, syncs);
  }

  constructor(file: DiskFile, sizeBytes: number, syncs = false) {
    this.#file = file;
    this.#syncs = syncs;
    this.sizeBytes = sizeBytes;
  }

  async perform(operation: Operation): Promise<Completion> {
    const span = this.#closed ? undefined : this.#span(operation);
    if (span === undefined) return REFUSED;
    const before = [...this.#outstanding].filter(other => waitsFor(span, other)).map(other => other.done);
    const done = this.#after(before, operation, span);
    const outstanding = { ...span, done };
    this.#outstanding.add(outstanding);
    try {
      return await done;
    } finally {
      this.#outstanding.delete(outstanding);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#outstanding].map(({ done }) => done));
    await this.#file.close();
  }

  /** What an operation touches; undefined where it is not one of ours. A flush reads what was written anywhere. */
  #span({ command, argument, length, data }: Operation): Span | undefined {
    const bytes = command === DISK_WRITE ? data.length : length;
    const movement = diskMovement(this.sizeBytes, command, argument, bytes);
    if (movement === undefined) return undefined;
    if (movement === 'nothing') return { kind: 'flush', start: 0, end: this.sizeBytes };
    const start = Number(argument);
    return { kind: movement === 'in' ? 'read' : 'write', start, end: start + bytes };
  }

  async #after(before: readonly Promise<unknown>[], operation: Operation, span: Span): Promise<Completion> {
    await Promise.all(before);
    try {
      switch (operation.command) {
        case DISK_READ:
          return await this.#read(span);
        case DISK_WRITE:
          return await this.#write(span.start, operation.data);
        default:
          await this.#sync();
          return { status: 0, data: NO_DATA };
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const noSpace = code === 'ENOSPC' || code === 'EDQUOT';
      return { status: noSpace ? STATUS_NO_SPACE : STATUS_IO_ERROR, data: NO_DATA };
    }
  }

  async #read({ start, end }: Span): Promise<Completion> {
    const data = new Uint8Array(end - start);
    let done = 0;
    while (done < data.length) {
      const { bytesRead } = await this.#file.read(data, done, data.length - done, start + done);
      // Someone has cut the file short.
      if (bytesRead === 0) return { status: STATUS_IO_ERROR, data: NO_DATA };
      done += bytesRead;
    }
    return { status: done, data };
  }

  async #write(start: number, data: Uint8Array): Promise<Completion> {
    let done = 0;
    while (done < data.length) {
      const { bytesWritten } = await this.#file.write(data, done, data.length - done, start + done);
      if (bytesWritten === 0) return { status: STATUS_IO_ERROR, data: NO_DATA };
      done += bytesWritten;
    }
    if (this.#syncs) await this.#sync();
    return { status: done, data: NO_DATA };
  }

  /** Resolves when all that was written before is on the host's disk. */
  #sync(): Promise<unknown> {
    this.#nextSync ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#nextSync = undefined;
        this.#syncing = this.#file.datasync();
        return this.#syncing;
      });
    return this.#nextSync;
  }
}

/** A flush waits for the writes before it; nothing waits for a flush. */
function waitsFor(later: Span, earlier: Span): boolean {
  if (earlier.kind !== 'write' && !(earlier.kind === 'read' && later.kind === 'write')) return false;
  return later.start < earlier.end && earlier.start < later.end;
}

function unusable(path: string, error: NodeJS.ErrnoException): EpochvisorError {
  if (error.code === 'ENOENT') {
    return new EpochvisorError(
      'DISK_MISSING',
      `the disk ${path} does not exist`,
      'create it, for example with truncate -s 1M',
    );
  }
  return new EpochvisorError('DISK_UNUSABLE', `the disk ${path} can't be opened: ${error.code ?? error.message}`);
}

function problemOf(path: string, isFile: boolean, sizeBytes: number): EpochvisorError | undefined {
  if (!isFile) return new EpochvisorError('DISK_UNUSABLE', `the disk ${path} is not a file`);
  if (sizeBytes > 0 && sizeBytes % SECTOR_BYTES === 0) return undefined;
  const what = `the disk ${path} has ${sizeBytes} bytes, which is not a positive multiple of ${SECTOR_BYTES}`;
  return new EpochvisorError('DISK_SIZE', what);
}
