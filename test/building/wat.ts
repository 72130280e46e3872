// Modules from the text format, by wat2wasm of Debian's wabt.

import { spawnSync } from 'node:child_process';

/** The binary of a module in text format, names included. Throws where wat2wasm is missing or refuses the text. */
export function wat(text: string): Uint8Array<ArrayBuffer> {
  const flags = ['--enable-tail-call', '--enable-threads', '--enable-exceptions', '--debug-names'];
  const run = spawnSync('wat2wasm', [...flags, '-', '--output=-'], { input: text, maxBuffer: 1 << 26 });
  if (run.error !== undefined) throw new Error(`wat2wasm cannot be run (${run.error.message}): install wabt`);
  if (run.status !== 0) throw new Error(`wat2wasm refused the text: ${run.stderr.toString()}`);
  return new Uint8Array(run.stdout);
}
