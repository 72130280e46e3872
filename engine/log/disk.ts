// What a log asks of a disk, and of time: in production Node's (recording/host-disk.ts), in the simulator a disk that fails.
//
//   create, write, sync, close    files, written from their end on
//   syncNames                     a file that was created has its name for good; one that was not may be lost with the power
//   unlink, removeFolder          what nobody needs any more
//   names, isFolder, open         to read what was written down; they answer at once, for nobody waits behind who reads
//
// Nothing else answers from within the call. What fails says why by a `code`, as the operating system does.

/** A file that is being written. */
export type DiskFile = number;

/** A file that is being read. */
export interface ReadableFile {
  readonly size: number;
  /** @returns how many bytes of it, from `at` on, are in `into` now */
  read(into: Uint8Array, at: number): number;
  close(): void;
}

/** @param error undefined or null: it is done */
export type Done = (error: unknown) => void;

export interface LogDisk {
  /** With those above it, at once; nothing happens where it is there. @throws what the disk says */
  makeFolder(path: string): void;
  /** A new one: none of its name may be there. */
  create(path: string, then: (error: unknown, file: DiskFile) => void): void;
  /** @param then with how many bytes were written, from the first on: at least one, where there is no error */
  write(file: DiskFile, bytes: Uint8Array, at: number, then: (error: unknown, written: number) => void): void;
  /** The disk has all that was written to it. */
  sync(file: DiskFile, then: Done): void;
  /** The disk has the names of what is in the folder. */
  syncNames(folder: string, then: Done): void;
  close(file: DiskFile, then: Done): void;
  unlink(path: string, then: Done): void;
  /** With all that is in it; none of that name is fine. */
  removeFolder(path: string, then: Done): void;
  /** Sorted. @throws what the disk says, ENOTDIR where it is no folder */
  names(folder: string): string[];
  /** Whether it is one; what can't be looked at is none. */
  isFolder(path: string): boolean;
  /** @throws what the disk says */
  open(path: string): ReadableFile;
}

export interface LogTime {
  /** Monotonic, ms; from any origin. */
  nowMs(): number;
  /** Time of day, ms since 1970. */
  dateMs(): number;
  /** After what else comes in this turn. */
  soon(act: () => void): void;
  /** Nothing waits for it at the end of the process. @returns what keeps it from that */
  after(delayMs: number, act: () => void): () => void;
}

/** Where a log is written down. */
export interface LogHost {
  readonly disk: LogDisk;
  readonly time: LogTime;
}

/** Of a path, as `/` parts it. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? path.slice(0, at + 1) : path.slice(0, at);
}

export const within = (folder: string, name: string): string =>
  folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
