// Programs in C with an ordinary libc, on the kernel and on Node's own WASI: the same output, status and files.

import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../setup/needs.js';
import { builtModule, builtProgram } from './built.js';
import { ModelFolder } from './model-folder.js';
import { Exit, ModelMachine } from './model-machine.js';

interface Run {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  readonly tree: unknown;
}

/** On the kernel, in an instance that was not rewritten. */
function onKernel(name: string, { args, env, input }: Run): Outcome {
  const folder = new ModelFolder();
  const machine = new ModelMachine({
    folders: [folder],
    names: ['.'],
    configuration: {
      arguments: [name, ...args],
      environment: Object.entries(env).map(([key, value]) => `${key}=${value}`),
    },
  });
  machine.inbox.push({ kind: 'stream', stream: 0, offset: 0, bytes: new TextEncoder().encode(input), end: true });
  const names = Object.keys(machine.kernel.imports());
  const imports = Object.fromEntries(
    names.map(call => [call, (...values: (number | bigint)[]) => machine.call(call, ...values)]),
  );
  const instance = new WebAssembly.Instance(builtModule(name), { wasi_snapshot_preview1: imports });
  const memory = instance.exports.memory as WebAssembly.Memory;
  machine.memory = () => new Uint8Array(memory.buffer);
  let status = 0;
  try {
    (instance.exports._start as () => void)();
  } catch (thrown) {
    if (!(thrown instanceof Exit)) throw thrown;
    status = thrown.status;
  }
  return { stdout: machine.text(1), stderr: machine.text(2), status, tree: folder.tree() };
}

function treeOf(path: string): Record<string, unknown> {
  return Object.fromEntries(
    readdirSync(path)
      .sort()
      .map(name => {
        const at = join(path, name);
        const status = lstatSync(at);
        if (status.isDirectory()) return [name, treeOf(at)];
        return [name, status.isSymbolicLink() ? { link: readlinkSync(at) } : readFileSync(at, 'latin1')];
      }),
  );
}

/** On Node's own WASI; without V8's fast calls, which corrupt memory in Node 20. */
function onNode(name: string, { args, env, input }: Run): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'wasi-'));
  try {
    const script = join(dirname(fileURLToPath(import.meta.url)), 'node-program.mjs');
    const given = JSON.stringify({ module: builtProgram(name), args: [name, ...args], env, folder });
    const flags = ['--no-turbo-fast-api-calls', '--no-warnings', script, given];
    const { stdout, stderr, status } = spawnSync(process.execPath, flags, { input, encoding: 'latin1' });
    return { stdout, stderr, status: status ?? -1, tree: treeOf(folder) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const lines = Array.from(
  { length: 300 },
  (_, k) => `${String.fromCharCode(97 + ((k * 7) % 26))} line ${k * 31}\n`,
).join('');

/** Where Node is not right, and what is. */
const DIFFERENCES: readonly (readonly [string, string])[] = [
  // The public test suite of WASI wants a directory to list itself and the one it is in.
  ['.: a.txt', '.: . .. a.txt'],
  ['.: h l', '.: . .. h l'],
  ['moved: e', 'moved: . .. e'],
  ['moved/e: b', 'moved/e: . .. b'],
  // EPERM, as wasmtime answers.
  ['outside: -1 Capabilities insufficient', 'outside: -1 Operation not permitted'],
  // POSIX says EISDIR, and ELOOP: O_NOFOLLOW is to follow no link.
  ['read a directory: -1 Bad file descriptor', 'read a directory: -1 Is a directory'],
  ['open not following: 4', 'open not following: -1 Symbolic link loop'],
];

describe('a program does on the kernel what it does on Node', needs('c'), () => {
  beforeAll(() => {
    for (const name of ['files', 'sorter', 'process']) builtProgram(name);
  });

  test('sorting lines from stdin into files', () => {
    const run = { args: ['one', 'two words'], env: {}, input: lines };
    const outcome = onKernel('sorter', run);
    expect(outcome).toEqual(onNode('sorter', run));
    expect(outcome.stdout).toMatch(/^300 lines, 900 words/);
  });

  test('being told nothing', () => {
    const run = { args: [], env: {}, input: '' };
    expect(onKernel('sorter', run)).toEqual(onNode('sorter', run));
  });

  test('arguments, variables, clocks, sleeping and waiting', () => {
    const run = { args: ['x', ''], env: { A: 'b=c', EMPTY: '' }, input: 'typed' };
    const outcome = onKernel('process', run);
    expect([outcome.status, outcome.stdout]).toEqual([42, expect.stringContaining('long enough: 1')]);
    // A busy host makes Node's own sleep too short, now and then.
    const node = onNode('process', run);
    expect(outcome).toEqual({ ...node, stdout: node.stdout.replace('long enough: 0', 'long enough: 1') });
  });

  test('files', () => {
    const run = { args: [], env: {}, input: '' };
    const node = onNode('files', run);
    const stdout = DIFFERENCES.reduce((text, [wrong, right]) => {
      expect(text).toContain(wrong);
      return text.replaceAll(wrong, right);
    }, node.stdout);
    expect(onKernel('files', run)).toEqual({ ...node, stdout });
  });
});
