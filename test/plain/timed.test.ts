// Timed plain runs: a guest that ends, one that prints, and one that would go on for ever.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import type { DeviceSource } from '../../devices/device-kind.js';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import type * as Timed from '../../engine/plain/timed.js';
import { TestFolder } from '../building/test-folder.js';
import { needs } from '../setup/needs.js';

const root = join(import.meta.dirname, '../..');

// Timed runs start a thread, which needs the compiled files.
const { timedPlainRun } = (await import(join(root, 'dist/engine/plain/timed.js'))) as typeof Timed;

const folder = new TestFolder();

function timed(guest: string, args: readonly string[], until: Parameters<typeof timedPlainRun>[1]) {
  const module = readFileSync(join(root, 'guest/build', guest));
  return timedPlainRun({ module, arguments: ['guest', ...args], disks: [] }, until);
}

describe('a timed plain run', () => {
  it('says when a guest ended and what it had printed', async () => {
    const { marks, endMs } = await timed('hello.wasm', [], () => false);
    expect(marks.at(-1)?.[1]).toBe('Hello from a machine that does not fail.\n'.length);
    expect(endMs).toBeGreaterThanOrEqual(marks.at(-1)?.[0] ?? Number.NaN);
  });

  it('stops a guest that runs for ever', async () => {
    const { marks, endMs } = await timed('spin.wasm', [], ({ ms }) => ms > 100);
    expect(marks).toEqual([]);
    expect(endMs).toBeUndefined();
  });

  it('gives a guest that asks for input the end of it', async () => {
    const { endMs } = await timed('echo.wasm', [], () => false);
    expect(endMs).toBeGreaterThan(0);
  });

  it('runs a WASI program: its output is counted, its input empty, its folder changed', needs('c'), async () => {
    const run = (program: string, args: readonly string[], folders: readonly DeviceSource[] = []) => {
      const directories = folders.map(({ guestPath = '' }, index) => {
        return { guestPath, device: FIRST_DIRECTORY + index, readOnly: false };
      });
      const wasi = { environment: [], terminals: [false, false, false] as const, directories, filesBytesMax: 1 << 24 };
      const module = readFileSync(buildProgram(program));
      return timedPlainRun({ module, arguments: ['program', ...args], disks: [], wasi, folders }, () => false);
    };
    const { marks, endMs } = await run('words.c', []);
    expect(marks.at(-1)?.[1]).toBe('0 lines, 0 words, 0 bytes, 0 different words\n'.length);
    expect(endMs).toBeGreaterThan(0);
    const source = { kind: 'directory', path: folder.path, guestPath: '/data' };
    expect((await run('probe.c', ['append', '/data/log'], [source])).endMs).toBeGreaterThan(0);
    expect(existsSync(folder.file('log'))).toBe(true);
    await expect(run('probe.c', [], [{ ...source, path: folder.file('nowhere') }])).rejects.toThrow('does not exist');
  });

  it('tells how the output grew', async () => {
    const { marks } = await timed('compute.wasm', ['100000', '1'], ({ ms }) => ms > 300);
    expect(marks.length).toBeGreaterThan(2);
    for (const [index, [ms, bytes]] of marks.entries()) {
      if (index === 0) continue;
      expect(ms).toBeGreaterThan(marks[index - 1]?.[0] ?? Number.NaN);
      expect(bytes).toBeGreaterThan(marks[index - 1]?.[1] ?? Number.NaN);
    }
  });
});
