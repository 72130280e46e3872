// An output stream that goes to a file: `--stdout FILE`. What is in the file is what the guest has written, each byte once, also
// where the bus is killed and started again in between.
//
// Bytes are appended, so that whoever moves or empties the file meanwhile (logrotate) disturbs nothing. A mark is the length of the
// file after a write: what the file has grown by since then is what was written and not told any more. Nobody else is to write
// to it. Where it is shorter than the mark, or another file, the stream goes on at the place that was told last.

import { fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EpochvisorError } from '../../engine/errors/errors.js';
import { syncFolder } from '../../engine/journal/journal-file.js';
import type { OutputPlace, StreamDevice, StreamSink } from '../device.js';
import { streamName } from './console-streams.js';

interface Unwritten {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class FileOutput implements StreamDevice {
  readonly class = 'stream';
  readonly inputs = [];
  readonly outputs: readonly number[];
  readonly path: string;
  readonly #stream: number;
  readonly #file: FileHandle;
  readonly #syncs: boolean;
  #unwritten: Unwritten[] = [];
  #writing: Promise<void> | undefined;
  #sink: StreamSink | undefined;

  /**
   * @param syncs whether the disk has what is told to be written
   * @throws EpochvisorError OUTPUT_FAILED
   */
  static async open(stream: number, path: string, syncs: boolean): Promise<FileOutput> {
    try {
      const file = await open(path, 'a');
      // A device or a pipe has no disk behind it.
      const isSynced = syncs && (await file.stat()).isFile();
      // It may be new.
      if (isSynced) await syncFolder(dirname(path));
      return new FileOutput(stream, path, file, isSynced);
    } catch (error) {
      throw unwritable(stream, path, error);
    }
  }

  private constructor(stream: number, path: string, file: FileHandle, syncs: boolean) {
    this.#stream = stream;
    this.outputs = [stream];
    this.path = path;
    this.#file = file;
    this.#syncs = syncs;
  }

  /** What file it is: the same for all its names. */
  get identity(): string {
    const { dev, ino } = fstatSync(this.#file.fd, { bigint: true });
    return `${dev}:${ino}`;
  }

  recover(_stream: number, known: OutputPlace | undefined): OutputPlace {
    const mark = fstatSync(this.#file.fd).size;
    return { offset: known === undefined ? 0 : known.offset + Math.max(0, mark - known.mark), mark };
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
  }

  write(_stream: number, offset: number, bytes: Uint8Array): void {
    this.#unwritten.push({ offset, bytes });
    this.#writing ??= this.#writeAll();
  }

  pause(): void {}
  resume(): void {}

  async close(): Promise<void> {
    this.#sink = undefined;
    await this.#writing;
    await this.#file.close();
  }

  async #writeAll(): Promise<void> {
    try {
      for (let next = this.#unwritten; next.length > 0; next = this.#unwritten) {
        this.#unwritten = [];
        const bytes = Buffer.concat(next.map(({ bytes }) => bytes));
        for (let done = 0; done < bytes.length; ) {
          done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten;
        }
        if (this.#syncs) await this.#file.datasync();
        const { size } = await this.#file.stat();
        this.#sink?.written(this.#stream, next[0]!.offset + bytes.length, size);
      }
      this.#writing = undefined;
    } catch (error) {
      // Nothing is written here any more: what has not been is not told to be.
      this.#sink?.failed(this.#stream, unwritable(this.#stream, this.path, error));
    }
  }
}

function unwritable(stream: number, path: string, error: unknown): EpochvisorError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new EpochvisorError('OUTPUT_FAILED', `${streamName(stream)} can't be written to ${path}: ${code ?? message}`);
}
