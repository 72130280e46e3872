// Links the Ruby interpreter of npm's @ruby/3.4-wasm-wasi into a plain WASI command: `ruby SCRIPT.rb ARGS...`.
//
// The package's module is made for a JavaScript host, which initialises it and lends it functions. What is written here
// imports nothing but wasi_snapshot_preview1, and exports `_start` and `memory`.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import initialise from 'wabt';
import { decodeModule, SECTION_EXPORT } from '../../../engine/wasm/decode.js';
import { writeExport } from '../../../engine/wasm/encode.js';
import type { Range } from '../../../engine/wasm/module.js';
import { Reader } from '../../../engine/wasm/reader.js';
import { Writer } from '../../../engine/wasm/writer.js';
import { ADAPTER, BRIDGES, bridge } from './adapter.js';

const MERGE = createRequire(import.meta.url).resolve('binaryen/bin/wasm-merge');
/** What the interpreter is compiled with. */
const FEATURES = [
  'bulk-memory',
  'sign-ext',
  'nontrapping-float-to-int',
  'mutable-globals',
  'reference-types',
  'multivalue',
];
const HEADER_BYTES = 8;
const EXPORTS: ReadonlySet<string> = new Set(['_start', 'memory']);

const wabt = await initialise();

/**
 * @param interpreter path of the package's `ruby.wasm` or `ruby+stdlib.wasm`
 * @param target path of the command to be written
 */
export function linkRuby(interpreter: string, target: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-ruby-'));
  try {
    const ruby = decodeModule(readFileSync(interpreter));
    const inputs = BRIDGES.flatMap(name => [assembled(folder, name, bridge(ruby, name)), name]);
    const adapter = assembled(folder, 'adapter', ADAPTER);
    const merged = join(folder, 'merged.wasm');
    const files = [...inputs, interpreter, 'ruby', adapter, 'adapter'];
    const flags = ['-o', merged, '-g', ...FEATURES.map(feature => `--enable-${feature}`)];
    execFileSync(process.execPath, [MERGE, ...files, ...flags], { stdio: 'pipe' });
    writeFileSync(target, withoutOtherExports(readFileSync(merged)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The path of a module that was a text. */
function assembled(folder: string, name: string, text: string): string {
  const path = join(folder, `${name}.wasm`);
  const module = wabt.parseWat(`${name}.wat`, text);
  writeFileSync(path, module.toBinary({}).buffer);
  module.destroy();
  return path;
}

/** The module with those exports only that a command has. Nothing else is touched: code has no use for export names. */
function withoutOtherExports(bytes: Uint8Array): Uint8Array {
  const kept = decodeModule(bytes).exports.filter(item => EXPORTS.has(item.name));
  const content = new Writer();
  content.u32(kept.length);
  for (const item of kept) writeExport(content, item);
  const section = new Writer();
  section.byte(SECTION_EXPORT);
  section.u32(content.length);
  section.append(content.bytes);
  const { start, end } = exportSection(bytes);
  return Buffer.concat([bytes.subarray(0, start), section.bytes, bytes.subarray(end)]);
}

/** Where the export section is, its id and size included. */
function exportSection(bytes: Uint8Array): Range {
  const reader = new Reader(bytes, HEADER_BYTES);
  for (;;) {
    const start = reader.pos;
    const id = reader.byte();
    reader.skip(reader.u32());
    if (id === SECTION_EXPORT) return { start, end: reader.pos };
  }
}
