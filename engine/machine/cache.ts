// Rewritten modules kept on disk, found by content: what was rewritten once is not rewritten again.
//
// A file's name is SHA-256 of (the module's SHA-256, the options, the code that rewrites), in hexadecimal, and `.rewritten`.
// The code is part of the name rather than a version number: a changed instrumenter never meets its predecessor's work.
// Its content, little endian:
//
//   0   "EPVCACHE"           magic
//   8   format: u32          2
//   12  findings bytes: u32  f
//   16  module bytes: u32    m
//   20  SHA-256 of all that follows, 32 bytes
//   52  findings             f bytes, structured clone of { report, facts }
//   52+f module              m bytes
//
// Writers write a file of their own and rename it, so a reader meets a whole entry or none, and two writers of one entry
// write the same bytes. An entry that is cut short or damaged is a miss, and the next rewriting replaces it. A cache that
// cannot be read or written never fails a run: it only makes it slower.

import { createHash } from 'node:crypto';
import {
  mkdirSync,
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { assert } from '../errors/errors.js';
import type { Continuations } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import type { InstrumentOptions, InstrumentReport } from '../instrument/options.js';
import { type Bell, CloneThread } from './clone-maker.js';

/** What is kept of a rewriting. */
interface Entry {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly report: InstrumentReport;
  /** For suspendable modules. */
  readonly facts: ContinuationFacts | undefined;
}

export interface Rewritten extends Entry {
  /** What makes continuation modules, for suspendable modules. Loads the instrumenter. */
  continuations(): Promise<Continuations>;
  /** The same in a thread of its own, which is started when it is needed first. @param bell rung when it is ready */
  cloneThread(bell?: Bell): CloneThread;
}

const MAGIC = 'EPVCACHE';
const FORMAT = 2;
const HEADER_BYTES = 52;
const SUFFIX = '.rewritten';
const DRAFT = '.draft';

/** All entries together: room for a dozen interpreters of 50 MB, small beside a disk. */
const CACHE_BYTES_MAX = 1 << 30;
/** A draft this old was left by a process that died. */
const DRAFT_AGE_MAX_MS = 3_600_000;

/**
 * What `instrument(bytes, options)` gives, from the cache where it has been computed before.
 *
 * @throws EpochvisorError as `instrument` does; a refused module is not cached
 */
export async function rewriteCached(
  bytes: Uint8Array,
  options: InstrumentOptions,
  { cache }: { readonly cache: boolean },
): Promise<Rewritten> {
  const entry = await entryOf(bytes, options, cache);
  return {
    ...entry,
    cloneThread: bell => {
      assert(entry.facts !== undefined, 'the module is suspendable');
      return new CloneThread(bytes, options, entry.facts, bell);
    },
    continuations: async () => {
      assert(entry.facts !== undefined, 'the module is suspendable');
      const { Continuations } = await import('../instrument/continuation/continuation.js');
      return new Continuations(bytes, options, entry.facts);
    },
  };
}

async function entryOf(bytes: Uint8Array, options: InstrumentOptions, cache: boolean): Promise<Entry> {
  const folder = cache ? cacheFolder() : undefined;
  if (folder === undefined) return rewrite(bytes, options);
  const path = join(folder, entryName(bytes, options));
  const found = readEntry(path);
  if (found !== undefined) return found;
  const rewritten = await rewrite(bytes, options);
  try {
    writeEntry(folder, path, rewritten);
    prune(folder, CACHE_BYTES_MAX);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
  return rewritten;
}

async function rewrite(bytes: Uint8Array, options: InstrumentOptions): Promise<Entry> {
  // Loaded by those who need it: with a filled cache a start is shorter by what the instrumenter is to load.
  const { instrument } = await import('../instrument/instrument.js');
  const { module, report, facts } = instrument(bytes, options);
  return { module: module as Uint8Array<ArrayBuffer>, report, facts };
}

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

function entryName(bytes: Uint8Array, options: InstrumentOptions): string {
  const sorted = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const name = createHash('sha256')
    .update(createHash('sha256').update(bytes).digest())
    .update(JSON.stringify(sorted))
    .update(rewriterHash());
  return name.digest('hex') + SUFFIX;
}

let knownRewriterHash: Buffer | undefined;

/** SHA-256 of the files of the folders that do the rewriting. */
function rewriterHash(): Buffer {
  if (knownRewriterHash === undefined) {
    const hash = createHash('sha256');
    for (const folder of ['wasm', 'instrument']) {
      const path = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
      const files = readdirSync(path, { encoding: 'utf8', recursive: true });
      for (const file of files.sort()) {
        if (!/\.(js|ts)$/.test(file)) continue;
        hash.update(file).update(readFileSync(join(path, file)));
      }
    }
    knownRewriterHash = hash.digest();
  }
  return knownRewriterHash;
}

/** The entry, or undefined if there is none or it is not whole. */
function readEntry(path: string): Entry | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  const entry = decodeEntry(file);
  if (entry === undefined) return undefined;
  try {
    // Read just now: `prune` removes what has not been read for longest.
    utimesSync(path, new Date(), new Date());
  } catch {
    // Pruned by another process meanwhile, or a read-only folder: the entry is good all the same.
  }
  return entry;
}

function encodeEntry({ module, report, facts }: Entry): Buffer {
  const findings = serialize({ report, facts });
  const file = Buffer.alloc(HEADER_BYTES + findings.length + module.length);
  file.write(MAGIC, 0, 'latin1');
  file.writeUInt32LE(FORMAT, 8);
  file.writeUInt32LE(findings.length, 12);
  file.writeUInt32LE(module.length, 16);
  findings.copy(file, HEADER_BYTES);
  file.set(module, HEADER_BYTES + findings.length);
  createHash('sha256').update(file.subarray(HEADER_BYTES)).digest().copy(file, 20);
  return file;
}

function decodeEntry(file: Buffer): Entry | undefined {
  if (file.length < HEADER_BYTES || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (file.readUInt32LE(8) !== FORMAT) return undefined;
  const moduleStart = HEADER_BYTES + file.readUInt32LE(12);
  if (file.length !== moduleStart + file.readUInt32LE(16)) return undefined;
  const sum = createHash('sha256').update(file.subarray(HEADER_BYTES)).digest();
  if (!sum.equals(file.subarray(20, HEADER_BYTES))) return undefined;
  try {
    const findings = deserialize(file.subarray(HEADER_BYTES, moduleStart)) as Pick<Entry, 'report' | 'facts'>;
    return { module: file.subarray(moduleStart) as Uint8Array<ArrayBuffer>, ...findings };
  } catch {
    // Written by a newer V8, whose structured clone this one cannot read.
    return undefined;
  }
}

function writeEntry(folder: string, path: string, entry: Entry): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}${DRAFT}`;
  try {
    writeFileSync(draft, encodeEntry(entry), { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Removes dead drafts, and the entries that were not read for longest until the rest fits in `bytesMax`. */
export function prune(folder: string, bytesMax: number): void {
  const entries: { path: string; stats: Stats }[] = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (name.endsWith(SUFFIX)) entries.push({ path, stats });
    else if (name.endsWith(DRAFT) && Date.now() - stats.mtimeMs > DRAFT_AGE_MAX_MS) rmSync(path, { force: true });
  }
  entries.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
  let bytes = 0;
  for (const { path, stats } of entries) {
    bytes += stats.size;
    if (bytes > bytesMax) rmSync(path, { force: true });
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
