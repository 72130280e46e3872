// The WebAssembly core test scripts: the files in `core`, read when they are asked for.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from './commands.js';
import { readScript } from './script/read.js';

/** One script, its modules as binaries. */
export interface Script {
  readonly name: string;
  readonly commands: readonly Command[];
}

const FOLDER = join(import.meta.dirname, 'core');

/** Every engine of a test runs all scripts; assembling them takes longer than that. */
const read = new Map<string, Script>();

/** Names of all scripts, sorted. */
export function scriptNames(): string[] {
  return readdirSync(FOLDER)
    .filter(name => name.endsWith('.wast'))
    .map(name => basename(name, '.wast'))
    .sort();
}

/** One script of the suite. */
export function loadScript(name: string): Script {
  let script = read.get(name);
  if (script === undefined) {
    script = loadFile(join(FOLDER, `${name}.wast`));
    read.set(name, script);
  }
  return script;
}

/** A script from anywhere. */
export function loadFile(path: string): Script {
  return { name: basename(path, '.wast'), commands: readScript(readFileSync(path)) };
}
