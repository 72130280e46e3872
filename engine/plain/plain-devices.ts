// The real devices of the plain machine: this process's stdin, stdout and stderr, clocks, and files as disks.
import { randomFillSync } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { PlainDevices, PlainEvent, PlainOperation } from './plain-machine.js';
import { openStandardInput, type StandardInput } from './standard-input.js';

const DISK = 0x100;
const TELLER = 0x200;
const SECTOR_BYTES = 512;
const TRANSFER_BYTES_MAX = 1 << 20;
const REFUSED = -1;
const IO_ERROR = -5;
const NO_SPACE = -28;

interface FileDisk {
  file: number;
  sizeBytes: number;
}

/** What the process has to offer to one guest. */
export class ProcessDevices implements PlainDevices {
  readonly arguments: readonly string[];
  readonly #disks: FileDisk[];
  readonly #completions: PlainEvent[] = [];
  readonly #randoms = new BigInt64Array(512);
  #randomsUsed = this.#randoms.length;
  #realTimeNs = 0n;
  #input: StandardInput | undefined;
  readonly #sleeping = new Int32Array(new SharedArrayBuffer(4));

  /**
   * @param programArguments the program's name and its arguments
   * @param diskPaths files that serve as disks 0, 1, ...; they must exist
   */
  constructor(programArguments: readonly string[], diskPaths: readonly string[]) {
    this.arguments = programArguments;
    this.#disks = diskPaths.map(path => {
      const file = openSync(path, 'r+');
      const sizeBytes = fstatSync(file).size;
      return { file, sizeBytes: sizeBytes - (sizeBytes % SECTOR_BYTES) };
    });
  }

  close(): void {
    for (const disk of this.#disks) closeSync(disk.file);
  }

  clock(kind: 0 | 1): bigint {
    if (kind === 1) return process.hrtime.bigint();
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    if (nowNs > this.#realTimeNs) this.#realTimeNs = nowNs;
    return this.#realTimeNs;
  }

  random(): bigint {
    if (this.#randomsUsed === this.#randoms.length) {
      randomFillSync(this.#randoms);
      this.#randomsUsed = 0;
    }
    return this.#randoms[this.#randomsUsed++]!;
  }

  write(stream: 1 | 2, bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(stream, bytes, written);
      } catch (error) {
        // A pipe that somebody set non-blocking is full: there is no synchronous way to be told when it is not.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        Atomics.wait(this.#sleeping, 0, 0, 1);
      }
    }
  }

  deviceSize(device: number): bigint {
    const disk = this.#disks[device - DISK];
    return disk === undefined ? -1n : BigInt(disk.sizeBytes);
  }

  start(operation: PlainOperation): number {
    if (operation.device === TELLER) {
      this.#complete(operation, operation.command === 1 ? 0 : REFUSED);
      return 0;
    }
    const disk = this.#disks[operation.device - DISK];
    if (disk === undefined) return REFUSED;
    try {
      this.#onDisk(disk, operation);
    } catch (error) {
      this.#complete(operation, (error as NodeJS.ErrnoException).code === 'ENOSPC' ? NO_SPACE : IO_ERROR);
    }
    return 0;
  }

  #onDisk(disk: FileDisk, operation: PlainOperation): void {
    const { command, argument, data } = operation;
    if (command === 3) {
      fdatasyncSync(disk.file);
      this.#complete(operation, 0);
      return;
    }
    const offset = Number(argument);
    const whole = offset % SECTOR_BYTES === 0 && data.length % SECTOR_BYTES === 0 && data.length <= TRANSFER_BYTES_MAX;
    if ((command !== 1 && command !== 2) || !whole || offset < 0 || offset + data.length > disk.sizeBytes) {
      this.#complete(operation, REFUSED);
    } else if (command === 1) {
      const moved = readSync(disk.file, data, 0, data.length, offset);
      this.#completions.push({ kind: 'completion', number: operation.number, status: moved, data });
    } else {
      this.#complete(operation, writeSync(disk.file, data, 0, data.length, offset));
    }
  }

  #complete(operation: PlainOperation, status: number): void {
    this.#completions.push({ kind: 'completion', number: operation.number, status });
  }

  listen(): void {
    this.#input ??= openStandardInput();
  }

  poll(takeInput: boolean): PlainEvent | null {
    return this.#completions.shift() ?? (takeInput ? this.#input?.next() : null) ?? null;
  }

  sleep(deadlineNs: bigint): void {
    const leftMs = deadlineNs === 0n ? Infinity : Number(deadlineNs - this.clock(1)) / 1e6;
    if (leftMs <= 0) return;
    // Only a guest that has asked for input, or can be woken by nothing else, needs the thread that reads it.
    if (deadlineNs === 0n) this.listen();
    if (this.#input === undefined) Atomics.wait(this.#sleeping, 0, 0, leftMs);
    else this.#input.sleep(leftMs);
  }
}
