// The real devices of the plain machine: this process's stdin, stdout and stderr, clocks, files as disks, folders, and sockets.

import { randomFillSync } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { type Movement, STATUS_IO_ERROR, STATUS_NO_SPACE, STATUS_REFUSED } from '../../devices/device-commands.js';
import { kindNumbered } from '../../devices/device-kinds.js';
import { FIRST_DISK, SECTOR_BYTES } from '../../devices/disk/disk-commands.js';
import { DISK_KIND } from '../../devices/disk/disk-kind.js';
import { Bell } from './bell.js';
import type { PlainFolders } from './plain-folders.js';
import type { PlainDevices, PlainEvent, PlainOperation } from './plain-port.js';
import type { PlainSockets } from './plain-sockets.js';
import { openStandardInput, type StandardInput } from './standard-input.js';

interface OpenDisk {
  file: number;
  sizeBytes: number;
}

/** What a guest is given besides what every process has. */
export interface GivenDevices {
  /** Files that serve as disks 0, 1, ...; they must exist. */
  readonly disks?: readonly string[];
  /** What rings when the sockets or the folders have something. */
  readonly bell?: SharedArrayBuffer;
  readonly sockets?: PlainSockets | undefined;
  readonly folders?: PlainFolders | undefined;
}

/** What the process has to offer to one guest. */
export class ProcessDevices implements PlainDevices {
  readonly arguments: readonly string[];
  readonly sockets: PlainSockets | undefined;
  readonly folders: PlainFolders | undefined;
  readonly #disks: OpenDisk[];
  readonly #completions: PlainEvent[] = [];
  readonly #randoms = new BigInt64Array(512);
  #randomsUsed = this.#randoms.length;
  #realTimeNs = 0n;
  /** Whether the guest has asked for input. */
  protected listens = false;
  #input: StandardInput | undefined;
  readonly #bellMemory: SharedArrayBuffer;
  readonly #bell: Bell;
  /** Whether there may be something that rang before the bell was last heard. */
  #unheard = true;
  /** Whether input is wanted, as of the last `poll`. */
  #takesInput = true;
  readonly #never = new Int32Array(new SharedArrayBuffer(4));

  /** @param programArguments the program's name and its arguments */
  constructor(programArguments: readonly string[], given: GivenDevices = {}) {
    const { disks = [], bell = Bell.allocate(), sockets, folders } = given;
    this.arguments = programArguments;
    this.#bellMemory = bell;
    this.#bell = new Bell(bell);
    this.sockets = sockets;
    this.folders = folders;
    this.#disks = disks.map(path => {
      const file = openSync(path, 'r+');
      const sizeBytes = fstatSync(file).size;
      return { file, sizeBytes: sizeBytes - (sizeBytes % SECTOR_BYTES) };
    });
  }

  async close(): Promise<void> {
    for (const disk of this.#disks) closeSync(disk.file);
    await this.sockets?.close();
    await this.folders?.close();
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
        Atomics.wait(this.#never, 0, 0, 1);
      }
    }
  }

  deviceSize(device: number): bigint {
    const disk = this.#disks[device - FIRST_DISK];
    return disk === undefined ? -1n : BigInt(disk.sizeBytes);
  }

  start(operation: PlainOperation): number {
    const { device, command, argument, data } = operation;
    const kind = kindNumbered(device);
    const disk = this.#disks[device - FIRST_DISK];
    if (kind?.movement === undefined || (kind === DISK_KIND && disk === undefined)) return STATUS_REFUSED;
    const movement = kind.movement(disk?.sizeBytes ?? 0, command, argument, data.length);
    if (movement === undefined) {
      this.#complete(operation, STATUS_REFUSED);
    } else if (disk === undefined) {
      // Nothing lies behind other devices here: what moves no data is done.
      this.#complete(operation, movement === 'nothing' ? 0 : STATUS_REFUSED);
    } else {
      this.#onDisk(disk, operation, movement);
    }
    return 0;
  }

  #onDisk({ file }: OpenDisk, operation: PlainOperation, movement: Movement): void {
    const { argument, data } = operation;
    const offset = Number(argument);
    try {
      if (movement === 'nothing') {
        fdatasyncSync(file);
        this.#complete(operation, 0);
      } else if (movement === 'in') {
        const moved = readSync(file, data, 0, data.length, offset);
        this.#completions.push({ kind: 'completion', number: operation.number, status: moved, data });
      } else {
        this.#complete(operation, writeSync(file, data, 0, data.length, offset));
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#complete(operation, code === 'ENOSPC' ? STATUS_NO_SPACE : STATUS_IO_ERROR);
    }
  }

  #complete(operation: PlainOperation, status: number): void {
    this.#completions.push({ kind: 'completion', number: operation.number, status });
  }

  listen(): void {
    if (this.listens) return;
    this.listens = true;
    this.#input = openStandardInput(this.#bellMemory);
    this.#unheard = true;
  }

  poll(takeInput: boolean): PlainEvent | null {
    this.#takesInput = takeInput;
    const completion = this.#completions.shift();
    if (completion !== undefined) return completion;
    // A look into a port costs more than most instructions: it is taken where somebody rang.
    this.#unheard = this.#bell.hear() || this.#unheard;
    if (!this.#unheard) return (takeInput && this.#input?.isReady === true && this.#input.next()) || null;
    const event = this.#socketEvent() ?? this.folders?.next() ?? (takeInput ? this.#input?.next() : null) ?? null;
    // What is kept back stays to be looked for.
    if (event === null && takeInput) this.#unheard = false;
    return event;
  }

  #socketEvent(): PlainEvent | null {
    const event = this.sockets?.next() ?? null;
    return event === null ? null : { kind: 'socket', event };
  }

  sleep(deadlineNs: bigint): void {
    this.sockets?.flush();
    const leftMs = deadlineNs === 0n ? Infinity : Number(deadlineNs - this.clock(1)) / 1e6;
    if (leftMs <= 0) return;
    // Only a guest that has asked for input, or can be woken by nothing else, needs the thread that reads it.
    if (deadlineNs === 0n && !this.listens && this.folders?.isBusy !== true) {
      this.listen();
      return;
    }
    if (!this.#takesInput || this.#input?.isReady !== true) this.#bell.sleep(leftMs);
  }
}
