// What `npm pack` makes of the tree, in an empty folder of somebody else's: it is found, and what it needs is in it.

import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { expect, test } from 'vitest';
import { Bench, guest } from './command.js';

const bench = new Bench();
const ROOT = resolve(import.meta.dirname, '../..');

const execute = promisify(execFile);

/** What a command prints that is run in a folder. */
async function at(folder: string, command: string, args: readonly string[]): Promise<string> {
  return (await execute(command, args, { cwd: folder })).stdout;
}

/** As `npm install` of the tarball leaves it, with the packages that it depends on; no other. */
async function installed(): Promise<string> {
  const folder = bench.file('theirs');
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'epochvisor');
  mkdirSync(own, { recursive: true });
  mkdirSync(join(modules, '.bin'));
  const flags = ['--ignore-scripts', '--json', '--pack-destination', bench.folder];
  const [packed] = JSON.parse(await at(ROOT, 'npm', ['pack', ...flags])) as [{ readonly filename: string }];
  await at(own, 'tar', ['xzf', bench.file(packed.filename), '--strip-components=1']);
  const { bin, dependencies } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  for (const [name, path] of Object.entries(bin)) {
    chmodSync(join(own, path), 0o755);
    symlinkSync(join(own, path), join(modules, '.bin', name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

test('runs a guest by npx, shows the demo, and is imported; its manifest is sound', { timeout: 300_000 }, async () => {
  const folder = await installed();
  copyFileSync(guest('hello'), join(folder, 'hello.wasm'));
  const epochvisor = (...args: string[]) => at(folder, 'npx', ['--no-install', 'epochvisor', ...args]);
  expect(await epochvisor('run', '--quiet', 'hello.wasm')).toBe('Hello from a machine that does not fail.\n');
  expect(await epochvisor('demo')).toMatch(/Not a byte lost or doubled\.\n$/);
  const script = `import { launch } from 'epochvisor/testing';
import { instrument } from 'epochvisor';
console.log(typeof launch, typeof instrument);`;
  expect(await at(folder, process.execPath, ['--input-type=module', '--eval', script])).toBe('function function\n');
  const { messages } = await publint({ pkgDir: join(folder, 'node_modules/epochvisor'), pack: false, strict: true });
  expect(messages).toEqual([]);
});
