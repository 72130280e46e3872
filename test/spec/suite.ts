// Where the WebAssembly core test scripts are, and their conversion to JSON and binaries by wast2json.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from './commands.js';

/** One converted script: its commands, and the folder that holds the binaries they name. */
export interface Script {
  readonly name: string;
  readonly commands: readonly Command[];
  readonly folder: string;
}

/** The folder of `.wast` files: EPOCHVISOR_SPEC, or `../shared/spec` beside the repository. Throws when it is absent. */
export function suiteFolder(): string {
  const folder = resolve(process.env.EPOCHVISOR_SPEC ?? join('..', 'shared', 'spec'));
  if (!existsSync(join(folder, 'i32.wast'))) {
    throw new Error(
      `the WebAssembly core test scripts are not in ${folder}: ` +
        'clone https://github.com/WebAssembly/testsuite and point EPOCHVISOR_SPEC at it',
    );
  }
  return folder;
}

/** Names of all scripts, sorted. */
export function scriptNames(): string[] {
  return readdirSync(suiteFolder())
    .filter(name => name.endsWith('.wast'))
    .map(name => basename(name, '.wast'))
    .sort();
}

/** Reads one script of the suite. */
export function loadScript(name: string): Script {
  return convertScript(join(suiteFolder(), `${name}.wast`), resolve('.cache', 'spec', name));
}

/** Reads a script, converting it first unless `folder` holds a conversion younger than the source. */
export function convertScript(source: string, folder: string): Script {
  const json = join(folder, 'script.json');
  if (!existsSync(json) || statSync(json).mtimeMs < statSync(source).mtimeMs) convert(source, folder);
  const { commands } = JSON.parse(readFileSync(json, 'utf8')) as { commands: Command[] };
  return { name: basename(source, '.wast'), commands, folder };
}

/** Converts into a folder of this process's own and renames it: several test processes may convert at once. */
function convert(source: string, folder: string): void {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const run = spawnSync('wast2json', [source, '-o', join(draft, 'script.json')], { encoding: 'utf8' });
  if (run.error !== undefined) {
    throw new Error(`wast2json cannot be run (${run.error.message}): install wabt, for example apt-get install wabt`);
  }
  if (run.status !== 0) throw new Error(`wast2json failed on ${source}: ${run.stderr}`);
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(join(folder, 'script.json'))) throw error;
    rmSync(draft, { recursive: true, force: true });
  }
}
