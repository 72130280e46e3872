// The folder of what can be made anew: where it is, and how files come into it, are found, and go.
//
// Writers write a file of their own and rename it, so a reader meets a whole file or none, and two writers of one name leave
// what one of them wrote. A folder that cannot be read or written never fails a run: it only makes it slower.

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** How names of rewritten modules (rewritten-modules.ts) and of machine code (optimised-code.ts) end. */
export const REWRITTEN = '.rewritten';
export const CODE = '.code';
const DRAFT = '.draft';

/** Group and others, in a file's mode. */
const OTHERS_WRITE = 0o022;

/** All files together: room for a dozen interpreters of 50 MB, small beside a disk. */
const CACHE_BYTES_MAX = 1 << 30;
/** A draft this old was left by a process that died. */
const DRAFT_AGE_MAX_MS = 3_600_000;

/** EPOCHVISOR_CACHE, or `epochvisor` in XDG_CACHE_HOME or ~/.cache; undefined where there is no home. */
export function cacheFolder(): string | undefined {
  const { EPOCHVISOR_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && own !== '') return own;
  if (shared !== undefined && shared !== '') return join(shared, 'epochvisor');
  try {
    return join(homedir(), '.cache', 'epochvisor');
  } catch {
    return undefined;
  }
}

/**
 * What is kept under this name; undefined if there is nothing.
 * @param ours whether it must be the user's own, and nobody else's to write to
 */
export function readCached(path: string, ours = false): Buffer | undefined {
  let file: Buffer;
  try {
    const descriptor = openSync(path, 'r');
    try {
      if (ours && !isOurs(fstatSync(descriptor))) return undefined;
      file = readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
  try {
    // Read just now: `prune` removes what has not been read for longest.
    utimesSync(path, new Date(), new Date());
  } catch {
    // Pruned by another process meanwhile, or a read-only folder: what was read is good all the same.
  }
  return file;
}

function isOurs({ uid, mode }: Stats): boolean {
  return (process.getuid === undefined || uid === process.getuid()) && (mode & OTHERS_WRITE) === 0;
}

/** Keeps `content` under this name, where that is possible. */
export function writeCached(path: string, content: Uint8Array): void {
  const folder = dirname(path);
  try {
    makeFolder(folder);
    writeWhole(path, content);
    prune(folder, CACHE_BYTES_MAX);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** With those around it. Not by Node's `recursive`, which tries for ever where a folder is there and takes no other (/proc). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
  }
}

function writeWhole(path: string, content: Uint8Array): void {
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}${DRAFT}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Removes dead drafts, and the files that were not read for longest until the rest fits in `bytesMax`. */
export function prune(folder: string, bytesMax: number): void {
  const entries: { path: string; stats: Stats }[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (name.endsWith(REWRITTEN) || name.endsWith(CODE)) entries.push({ path, stats });
    else if (name.endsWith(DRAFT) && Date.now() - stats.mtimeMs > DRAFT_AGE_MAX_MS) rmSync(path, { force: true });
  }
  entries.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
  let bytes = 0;
  for (const { path, stats } of entries) {
    bytes += stats.size;
    if (bytes > bytesMax) rmSync(path, { force: true });
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
