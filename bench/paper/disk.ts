// The I/O workload: random blocks of 8 KiB, one at a time, in ms an operation, on the plain machine and on a pair.
//
// Both are timed at the disk: from the first operation that reaches it to the completion of the last, so that what a pair
// takes to start and to end stays out.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Completion, OperationDevice } from '../../devices/device.js';
import { FileDisk } from '../../devices/disk/file-disk.js';
import { ProcessDevices } from '../../engine/plain/plain-devices.js';
import { PlainMachine } from '../../engine/plain/plain-machine.js';
import type { PlainOperation } from '../../engine/plain/plain-port.js';
import type { Operation } from '../../engine/protocol/vocabulary.js';
import { guestPath } from '../host.js';
import { type Setting, withMachine } from '../machine.js';
import { ownedFolder, removeFolder } from '../processes.js';
import { at } from './exactly.js';

const GUEST = 'disk-paper';
const DISK_BYTES = 16 << 20;
const never = new Int32Array(new SharedArrayBuffer(4));

export interface DiskWork {
  readonly kind: 'write' | 'read';
  readonly operations: number;
  /** Of each operation at the least; 0: as fast as a file is. */
  readonly delayMs: number;
}

/** From the first operation to the end of the last. */
class Stopwatch {
  #firstMs: number | undefined;
  #lastMs = 0;

  begin(): void {
    this.#firstMs ??= performance.now();
  }

  end(): void {
    this.#lastMs = performance.now();
  }

  get ms(): number {
    return this.#lastMs - (this.#firstMs ?? Number.NaN);
  }
}

/** A disk whose operations take as long as they are told to. */
class SlowDisk implements OperationDevice {
  readonly class = 'idempotent';
  readonly sizeBytes: number;
  readonly watch = new Stopwatch();
  readonly #disk: FileDisk;
  readonly #delayMs: number;

  constructor(disk: FileDisk, delayMs: number) {
    this.#disk = disk;
    this.#delayMs = delayMs;
    this.sizeBytes = disk.sizeBytes;
  }

  async perform(operation: Operation): Promise<Completion> {
    this.watch.begin();
    const dueMs = performance.now() + this.#delayMs;
    const completion = await this.#disk.perform(operation);
    await new Promise<void>(resolve => at(dueMs, resolve));
    this.watch.end();
    return completion;
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}

/** The plain machine's disk, likewise. */
class SlowDevices extends ProcessDevices {
  readonly watch = new Stopwatch();
  readonly #delayMs: number;

  constructor(work: DiskWork, disk: string) {
    super([GUEST, work.kind, String(work.operations)], { disks: [disk] });
    this.#delayMs = work.delayMs;
  }

  override write(): void {}

  override start(operation: PlainOperation): number {
    this.watch.begin();
    const dueMs = performance.now() + this.#delayMs;
    const answer = super.start(operation);
    Atomics.wait(never, 0, 0, Math.max(0, dueMs - performance.now()));
    this.watch.end();
    return answer;
  }
}

async function withDisk<T>(use: (path: string) => Promise<T>): Promise<T> {
  const folder = ownedFolder();
  try {
    const path = join(folder, 'disk');
    writeFileSync(path, Buffer.alloc(DISK_BYTES));
    return await use(path);
  } finally {
    removeFolder(folder);
  }
}

export function plainMs(work: DiskWork): Promise<number> {
  return withDisk(async path => {
    const devices = new SlowDevices(work, path);
    const outcome = new PlainMachine(devices).run(new WebAssembly.Module(readFileSync(guestPath(GUEST))));
    await devices.close();
    if (outcome.kind !== 'exit' || outcome.status !== 0) throw new Error(`${GUEST} failed on the plain machine`);
    return devices.watch.ms / work.operations;
  });
}

export function machineMs(setting: Setting, work: DiskWork): Promise<number> {
  return withDisk(async path => {
    const disk = new SlowDisk(await FileDisk.open(path), work.delayMs);
    await withMachine(setting, [GUEST, work.kind, String(work.operations)], { disk }, async machine => {
      const outcome = await machine.outcome;
      if (outcome.kind !== 'exit' || outcome.status !== 0) throw new Error(`${GUEST} failed on a machine`);
    });
    return disk.watch.ms / work.operations;
  });
}
