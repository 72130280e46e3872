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
// An entry that is cut short or damaged is a miss, and the next rewriting replaces it.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { assert } from '../errors/errors.js';
import type { Continuations } from '../instrument/continuation/continuation.js';
import type { ContinuationFacts } from '../instrument/continuation/facts.js';
import type { InstrumentOptions, InstrumentReport } from '../instrument/options.js';
import type { Bell } from '../suspend/clone-messages.js';
import { CloneThread } from '../suspend/clone-thread.js';
import { CODE, cacheFolder, REWRITTEN, readCached, writeCached } from './cache-folder.js';
import { OptimisedCode } from './optimised-code.js';

/** What is kept of a rewriting. */
interface Entry {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly report: InstrumentReport;
  /** For suspendable modules. */
  readonly facts: ContinuationFacts | undefined;
}

export interface Rewritten extends Entry {
  /** What compiles the module. */
  readonly code: OptimisedCode;
  /** What makes continuation modules, for suspendable modules. Loads the instrumenter. */
  continuations(): Promise<Continuations>;
  /** The same in a thread of its own, started when it is needed first. @param bell rung when it is ready @param stays while it rests */
  cloneThread(bell?: Bell, stays?: boolean): CloneThread;
}

/**
 * Whether rewritten modules are kept. `rewriter`: what `rewriterHash` gives, of who has it already (a launcher, for its replicas):
 * reading all that code takes as long as reading a small guest.
 */
export type ModuleCache = boolean | { readonly rewriter: string };

const MAGIC = 'EPVCACHE';
const FORMAT = 2;
const HEADER_BYTES = 52;

/**
 * What `instrument(bytes, options)` gives, from the cache where it has been computed before.
 *
 * @throws EpochvisorError as `instrument` does; a refused module is not cached
 */
export async function rewriteCached(
  bytes: Uint8Array,
  options: InstrumentOptions,
  { cache }: { readonly cache: ModuleCache },
): Promise<Rewritten> {
  const folder = cache === false ? undefined : cacheFolder();
  const rewriter = typeof cache === 'object' ? cache.rewriter : undefined;
  const path = folder && join(folder, entryName(bytes, options, rewriter ?? rewriterHash()));
  const entry = await entryOf(bytes, options, path && path + REWRITTEN);
  return {
    ...entry,
    code: new OptimisedCode(entry.module, path && `${path}.${process.versions.v8}-${process.arch}${CODE}`),
    cloneThread: (bell, stays) => {
      assert(entry.facts !== undefined, 'the module is suspendable');
      return new CloneThread(bytes, options, entry.facts, bell, stays);
    },
    continuations: async () => {
      assert(entry.facts !== undefined, 'the module is suspendable');
      const { Continuations } = await import('../instrument/continuation/continuation.js');
      return new Continuations(bytes, options, entry.facts);
    },
  };
}

async function entryOf(bytes: Uint8Array, options: InstrumentOptions, path: string | undefined): Promise<Entry> {
  if (path === undefined) return rewrite(bytes, options);
  const found = readEntry(path);
  if (found !== undefined) return found;
  const rewritten = await rewrite(bytes, options);
  writeCached(path, encodeEntry(rewritten));
  return rewritten;
}

async function rewrite(bytes: Uint8Array, options: InstrumentOptions): Promise<Entry> {
  // Loaded by those who need it: with a filled cache a start is shorter by what the instrumenter is to load.
  const { instrument } = await import('../instrument/instrument.js');
  const { module, report, facts } = instrument(bytes, options);
  return { module: module as Uint8Array<ArrayBuffer>, report, facts };
}

function entryName(bytes: Uint8Array, options: InstrumentOptions, rewriter: string): string {
  const sorted = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const name = createHash('sha256')
    .update(createHash('sha256').update(bytes).digest())
    .update(JSON.stringify(sorted))
    .update(rewriter);
  return name.digest('hex');
}

let knownRewriterHash: string | undefined;

/** SHA-256 of the files of the folders that do the rewriting, in hexadecimal. */
export function rewriterHash(): string {
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
    knownRewriterHash = hash.digest('hex');
  }
  return knownRewriterHash;
}

/** The entry, or undefined if there is none or it is not whole. */
function readEntry(path: string): Entry | undefined {
  const file = readCached(path);
  return file && decodeEntry(file);
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
