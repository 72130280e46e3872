// The disks of the simulated hosts: files, and what of them outlives a loss of power; and, as an actor, the disk of one host, which is
// late, slow, stands still, and is full for a while. It goes on while a process stands still or dies.
//
// What was written and not synced a loss of power may take, tear, or leave without what came before it; what was created and its name
// not synced it may take whole. What was removed may be there again, though never without what was removed after it: file systems
// keep the order in which names change.

import { assert } from '../errors/errors.js';
import { type DiskFile, type Done, folderOf, type LogDisk, type ReadableFile } from '../log/disk.js';
import type { Actor } from './actor.js';
import type { Random } from './random.js';
import type { Schedule } from './schedule.js';

/** As far as bytes are lost, they are lost in blocks. */
const BLOCK_BYTES = 64;

/** A file, and how much of it the disk has for certain. */
export interface SimulatedFile {
  bytes: Uint8Array;
  syncedBytes: number;
  /** Whether the disk has its name for certain. */
  isNamed: boolean;
}

const failing = (code: string): Error => Object.assign(new Error(code), { code });

/** All files, by their paths. */
export class SimulatedFiles {
  readonly #files: Map<string, SimulatedFile>;
  readonly #folders = new Set<string>();
  /** What was removed, in order, and the disk may not know yet. */
  #removed: { readonly path: string; readonly file: SimulatedFile }[] = [];

  constructor(files: Iterable<readonly [string, SimulatedFile]> = []) {
    this.#files = new Map(files);
  }

  /** Those in a folder, and in those in it, by their paths, sorted. */
  under(folder: string): [string, SimulatedFile][] {
    return [...this.#files].filter(([path]) => path.startsWith(`${folder}/`)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get(path: string): SimulatedFile | undefined {
    return this.#files.get(path);
  }

  makeFolder(path: string): void {
    this.#folders.add(path);
  }

  hasFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  removeFolder(path: string): void {
    this.#folders.delete(path);
    for (const [of] of this.under(path)) this.remove(of);
  }

  /** A disk is lost, with what is in the folder: nothing of it comes back. */
  lose(folder: string): void {
    this.become(folder, new SimulatedFiles());
  }

  /** @throws ENOENT, EEXIST */
  create(path: string): SimulatedFile {
    if (!this.#folders.has(folderOf(path))) throw failing('ENOENT');
    if (this.#files.has(path)) throw failing('EEXIST');
    const file = { bytes: new Uint8Array(0), syncedBytes: 0, isNamed: false };
    this.#files.set(path, file);
    return file;
  }

  remove(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    if (file.isNamed) this.#removed.push({ path, file });
  }

  syncNames(folder: string): void {
    for (const [path, file] of this.#files) if (folderOf(path) === folder) file.isNamed = true;
    this.#removed = this.#removed.filter(({ path }) => folderOf(path) !== folder);
  }

  /** What is left of a folder when its host loses its power now. */
  afterPowerLoss(folder: string, random: Random): SimulatedFiles {
    const removed = this.#removed.filter(({ path }) => path.startsWith(`${folder}/`));
    const back = removed.slice(random.below(removed.length + 1));
    const left = this.under(folder).flatMap(([path, file]): [string, SimulatedFile][] => {
      if (!file.isNamed && random.chance(0.5)) return [];
      return [[path, wholeFile(torn(file, random))]];
    });
    return new SimulatedFiles([
      ...left,
      ...back.map(({ path, file }) => [path, wholeFile(torn(file, random))] as const),
    ]);
  }

  /** The host of these logs has lost its power: what they are now is `left`. */
  become(folder: string, left: SimulatedFiles): void {
    for (const [path] of this.under(folder)) this.#files.delete(path);
    for (const [path, file] of left.under(folder)) this.#files.set(path, file);
    this.#removed = this.#removed.filter(({ path }) => !path.startsWith(`${folder}/`));
  }
}

function wholeFile(bytes: Uint8Array): SimulatedFile {
  return { bytes, syncedBytes: bytes.length, isNamed: true };
}

/** Of what was not synced some blocks are there, some are zeros, and some are what lay there before. */
function torn({ bytes, syncedBytes }: SimulatedFile, random: Random): Uint8Array {
  const left = bytes.slice(0, random.between(syncedBytes, bytes.length));
  for (let at = syncedBytes; at < left.length; at += BLOCK_BYTES) {
    const block = left.subarray(at, at + BLOCK_BYTES);
    if (random.chance(0.3)) block.fill(0);
    else if (random.chance(0.1)) for (let index = 0; index < block.length; index++) block[index] = random.below(256);
  }
  return left;
}

/** What reads them: nothing waits for it. */
class FilesReader {
  protected readonly files: SimulatedFiles;

  constructor(files: SimulatedFiles) {
    this.files = files;
  }

  names(folder: string): string[] {
    if (this.files.get(folder) !== undefined) throw failing('ENOTDIR');
    const paths = this.files.under(folder).map(([path]) => path.slice(folder.length + 1));
    return [...new Set(paths.map(path => path.split('/', 1)[0]!))];
  }

  isFolder(path: string): boolean {
    return this.files.under(path).length > 0;
  }

  open(path: string): ReadableFile {
    const file = this.files.get(path);
    if (file === undefined) throw failing('ENOENT');
    const { bytes } = file;
    return {
      size: bytes.length,
      read: (into, at) => {
        const piece = bytes.subarray(at, at + into.length);
        into.set(piece);
        return piece.length;
      },
      close: () => undefined,
    };
  }
}

const nobody = (): never => assert(false, 'who only reads does not write') as never;

/** A disk from which is only read. */
export function readingDisk(files: SimulatedFiles): LogDisk {
  const reader = new FilesReader(files);
  return {
    names: folder => reader.names(folder),
    isFolder: path => reader.isFolder(path),
    open: path => reader.open(path),
    ...{ makeFolder: nobody, create: nobody, write: nobody, sync: nobody },
    ...{ syncNames: nobody, close: nobody, unlink: nobody, removeFolder: nobody },
  };
}

export interface SimulatedDiskOptions {
  readonly files: SimulatedFiles;
  readonly schedule: Schedule;
  readonly random: Random;
  /** Who uses it. */
  readonly process: Actor;
  /** The longest that a sync takes. */
  readonly syncNs: number;
  /** Something was written, or synced. */
  readonly changed: () => void;
}

export class SimulatedDisk extends FilesReader implements LogDisk {
  readonly #options: SimulatedDiskOptions;
  readonly #open = new Map<DiskFile, SimulatedFile>();
  #opened: DiskFile = 0;
  #stalledUntilNs = 0;
  #fullUntilNs = 0;
  #isOff = false;

  constructor(options: SimulatedDiskOptions) {
    super(options.files);
    this.#options = options;
  }

  /** It does nothing for a while. */
  stall(durationNs: number): void {
    this.#stalledUntilNs = Math.max(this.#stalledUntilNs, this.#options.schedule.nowNs + durationNs);
  }

  /** Somebody else fills it, for a while. */
  fill(durationNs: number): void {
    this.#fullUntilNs = Math.max(this.#fullUntilNs, this.#options.schedule.nowNs + durationNs);
  }

  /** Its host has lost its power: what was under way is not. */
  powerOff(): void {
    this.#isOff = true;
  }

  // ---- what a log asks of it (LogDisk)

  makeFolder(path: string): void {
    this.files.makeFolder(path);
  }

  create(path: string, then: (error: unknown, file: DiskFile) => void): void {
    this.#do(this.#quickNs, () => {
      if (this.#isFull && this.#options.random.chance(0.5)) return () => then(failing('ENOSPC'), -1);
      try {
        const file = this.#opened++;
        this.#open.set(file, this.files.create(path));
        return () => then(undefined, file);
      } catch (error) {
        return () => then(error, -1);
      }
    });
  }

  write(file: DiskFile, bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void {
    const { random, changed } = this.#options;
    this.#do(this.#quickNs, () => {
      const open = this.#fileOf(file);
      assert(at === open.bytes.length, 'a segment is written from its end on');
      // Where there is no room for all there may be for some; the rest is asked for again, and told of then.
      const most = this.#isFull ? random.below(bytes.length) : bytes.length;
      const written = most > 1 && random.chance(0.05) ? random.between(1, most) : most;
      const longer = new Uint8Array(at + written);
      longer.set(open.bytes);
      longer.set(bytes.subarray(0, written), at);
      open.bytes = longer;
      changed();
      return () => (written === 0 ? then(failing('ENOSPC'), 0) : then(undefined, written));
    });
  }

  sync(file: DiskFile, then: Done): void {
    const open = this.#fileOf(file);
    const { length } = open.bytes;
    this.#do(this.#options.syncNs, () => {
      open.syncedBytes = Math.max(open.syncedBytes, length);
      this.#options.changed();
      return () => then(undefined);
    });
  }

  syncNames(folder: string, then: Done): void {
    this.#do(this.#quickNs, () => {
      this.files.syncNames(folder);
      this.#options.changed();
      return () => then(undefined);
    });
  }

  close(file: DiskFile, then: Done): void {
    this.#open.delete(file);
    this.#do(0, () => () => then(undefined));
  }

  unlink(path: string, then: Done): void {
    this.#do(this.#quickNs, () => {
      this.files.remove(path);
      return () => then(undefined);
    });
  }

  removeFolder(path: string, then: Done): void {
    this.#do(this.#quickNs, () => {
      this.files.removeFolder(path);
      return () => then(undefined);
    });
  }

  get #quickNs(): number {
    return this.#options.syncNs / 10;
  }

  #fileOf(file: DiskFile): SimulatedFile {
    const open = this.#open.get(file);
    assert(open !== undefined, 'a file is open while it is written');
    return open;
  }

  get #isFull(): boolean {
    return this.#options.schedule.nowNs < this.#fullUntilNs;
  }

  /** Does it, also when the process that asked is gone; that hears of it when it runs. */
  #do(mostNs: number, act: () => () => void): void {
    const { schedule, random, process } = this.#options;
    const waitNs = Math.max(0, this.#stalledUntilNs - schedule.nowNs);
    schedule.after(waitNs + random.between(1, 1 + mostNs), () => {
      if (this.#isOff) return;
      // It was stalled meanwhile.
      if (schedule.nowNs < this.#stalledUntilNs) {
        this.#do(mostNs, act);
        return;
      }
      const answer = act();
      if (!process.dead) process.do(answer);
    });
  }
}
