// The commands of the tutorial, and of the page about guests, as a reader runs them: in a shell, one after the other, in the
// root of a checkout (of which this has what they use).

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { rustc } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench, type Ended, MAIN } from './command.js';

const ROOT = resolve(import.meta.dirname, '../..');
const bench = new Bench();
const PATIENCE_MS = 300_000;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Blocks of a page that are for a shell, of this kind: "```sh KIND". */
function blocks(page: string, kind = ''): string[] {
  const tag = kind === '' ? 'sh' : `sh ${kind}`;
  return [...read(page).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].flatMap(([, is, text]) => (is === tag ? [text!] : []));
}

/** In the root of the package itself npx knows the package by its name; here that is said. */
const NPX = `#!/bin/sh
if [ "$1" = epochvisor ]; then shift; exec '${process.execPath}' '${MAIN}' "$@"; fi
exec '${ROOT}/node_modules/.bin/'"$@"
`;

function reader(commands: readonly string[]): Promise<Ended> {
  const checkout = bench.file('checkout');
  mkdirSync(checkout);
  for (const name of ['dist', 'examples', 'guest', 'node_modules', 'package.json', 'test']) {
    symlinkSync(join(ROOT, name), join(checkout, name));
  }
  mkdirSync(bench.file('bin'));
  writeFileSync(bench.file('bin/npx'), NPX, { mode: 0o755 });
  const script = bench.file('commands.sh');
  writeFileSync(script, `set -e\ncd '${checkout}'\nPATH='${bench.file('bin')}':$PATH\n${commands.join('\n')}`);
  // As at a terminal: each job is a process group, which `kill %1` is for.
  return bench.startByShell(`exec bash -m '${script}'`, []).ended;
}

/** One that the kernel finds free. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

test('the tutorial', { timeout: PATIENCE_MS }, async () => {
  const commands = blocks('docs/tutorial.md');
  expect(commands).toHaveLength(7);
  const port = await freePort();
  const { status, stdout, stderr } = await reader(commands.map(text => text.replaceAll(':7000', `:${port}`)));
  expect(stdout, stderr).toMatch(/^no answer lost, none twice$/m);
  expect(stderr.match(/is gone: killed by SIGKILL$/gm)).toHaveLength(2);
  expect(stderr).toMatch(/^the slowest answer took \d+ ms$/m);
  expect(stdout).toMatch(/^10 points: 10 same;/m);
  expect(status, stderr).toBe(0);
});

test('the tutorial shows the server that it runs', () => {
  expect(read('docs/tutorial.md')).toContain(`\`\`\`ts\n${read('examples/tutorial/counter.ts')}\`\`\``);
});

test('guests in AssemblyScript', { timeout: PATIENCE_MS }, async () => {
  const { status, stdout, stderr } = await reader(blocks('docs/guests.md'));
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^refused +none$/m);
});

test('guests in C', { ...needs('c'), timeout: PATIENCE_MS }, async () => {
  const { status, stderr } = await reader(blocks('docs/guests.md', 'c'));
  expect(status, stderr).toBe(0);
});

test('guests in Rust', { ...needs('rust'), timeout: PATIENCE_MS }, async () => {
  const { status, stdout, stderr } = await reader(
    blocks('docs/guests.md', 'rust').map(text => text.replace('rustc ', `${rustc()} `)),
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^refused +none$/m);
});

test('the programs of the page about embedding', { timeout: PATIENCE_MS }, async () => {
  const commands = blocks('docs/embedding.md');
  expect(commands).toHaveLength(2);
  const { status, stdout, stderr } = await reader(commands);
  expect(stdout, stderr).toBe('each report once, and in order; exit 0\ntotal 45150 after 300 deposits\nexit 0\n');
  expect(status).toBe(0);
});
