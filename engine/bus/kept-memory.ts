// The memory of a bus, in a folder of its own (RB): what a bus that is started again on this host goes on from.
//
//   journal            what the bus itself remembers (engine/wire/bus-records.ts)
//   generation-N.json  who has it (memory-lock.ts)
//   devices            what devices remember, each in files of its own
//
// By default nothing is seen before the disk has what it must remember: a host that loses its power loses nothing that was
// confirmed. Where that is not wanted, what the operating system has counts: a kill of the process loses nothing, either.

import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BusJournal } from '../driver/bus-driver.js';
import { EpochvisorError } from '../errors/errors.js';
import { failed, JournalFile, type JournalObserver, syncFolder } from '../journal/journal-file.js';
import { type BusMemory, type BusRecord, NOTHING_REMEMBERED, Remembrance } from '../protocol/bus/bus-memory.js';
import {
  BUS_JOURNAL_MAGIC,
  decodeBusMemory,
  decodeBusRecords,
  encodeBusMemory,
  encodeBusRecords,
} from '../wire/bus-records.js';
import { corrupt } from '../wire/journal.js';
import { MemoryLock } from './memory-lock.js';

export interface MemoryOptions {
  /** Whether what is confirmed outlives the host's loss of power, too; true by default. */
  readonly syncs?: boolean;
  /** What a new memory begins with: of a machine that goes on from a snapshot. */
  readonly begins?: BusMemory;
  readonly observer: JournalObserver;
}

export class KeptMemory implements BusJournal {
  /** How many times a bus has been started on it. */
  readonly generation: number;
  /** For `openDevices`. */
  readonly devicesFolder: string;
  readonly #lock: MemoryLock;
  readonly #remembrance: Remembrance;
  readonly #journal: JournalFile;
  readonly #syncs: boolean;

  /**
   * Opens the memory of a machine's bus, or begins one.
   * @throws EpochvisorError BUS_RUNNING, BUS_ELSEWHERE, MEMORY_FOREIGN, MEMORY_CORRUPT, MEMORY_FAILED, MEMORY_FULL
   */
  static async open(folder: string, machine: string, options: MemoryOptions): Promise<KeptMemory> {
    const devicesFolder = join(folder, 'devices');
    let lock: MemoryLock;
    try {
      await makeSynced(devicesFolder);
      lock = await MemoryLock.take(folder);
    } catch (error) {
      throw failed(folder, error);
    }
    try {
      const path = join(folder, 'journal');
      const found = JournalFile.read(path, BUS_JOURNAL_MAGIC);
      const memory = found === undefined ? (options.begins ?? NOTHING_REMEMBERED) : read(found.payloads, machine, path);
      const remembrance = new Remembrance(memory);
      const journal = await JournalFile.open(path, found?.wholeBytes, {
        magic: BUS_JOURNAL_MAGIC,
        all: () => encodeBusMemory(machine, remembrance.memory),
        observer: options.observer,
      });
      return new KeptMemory(lock, devicesFolder, remembrance, journal, options.syncs ?? true);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  private constructor(
    lock: MemoryLock,
    devicesFolder: string,
    remembrance: Remembrance,
    journal: JournalFile,
    syncs: boolean,
  ) {
    this.#lock = lock;
    this.generation = lock.generation;
    this.devicesFolder = devicesFolder;
    this.#remembrance = remembrance;
    this.#journal = journal;
    this.#syncs = syncs;
  }

  get memory(): BusMemory {
    return this.#remembrance.memory;
  }

  append(records: readonly BusRecord[]): void {
    for (const record of records) this.#remembrance.add(record);
    this.#journal.append(encodeBusRecords(records));
  }

  whenKept(then: () => void): void {
    this.#journal.whenKept(this.#syncs, then);
  }

  /** Likewise, when the disk has it, whatever the options say. */
  whenSynced(then: () => void): void {
    this.#journal.whenKept(true, then);
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#lock.release();
  }
}

/** As `mkdir -p`; the names are on the disk: what is synced in a folder is there no longer than that. */
async function makeSynced(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  const last = dirname(resolve(made));
  for (let above = dirname(resolve(path)); ; above = dirname(above)) {
    await syncFolder(above);
    if (above === last) return;
  }
}

function read([first, ...others]: readonly Uint8Array[], machine: string, path: string): BusMemory {
  try {
    const { machine: whose, memory } = decodeBusMemory(first!);
    if (whose !== machine) {
      throw new EpochvisorError(
        'MEMORY_FOREIGN',
        `${path} is of the bus of machine ${whose}, not of ${machine}`,
        'give each machine a memory of its own',
      );
    }
    const remembrance = new Remembrance(memory);
    for (const payload of others) for (const record of decodeBusRecords(payload)) remembrance.add(record);
    return remembrance.memory;
  } catch (error) {
    if (error instanceof EpochvisorError && error.code === 'PACKET_MALFORMED') throw corrupt(path, error.message, 0);
    throw error;
  }
}
