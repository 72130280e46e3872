// However a WASI program ends, what it had written by then is in its folder.

import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { needs } from '../setup/needs.js';
import { builtProgram } from '../wasi/built.js';
import { Bench } from './command.js';

const bench = new Bench();

test.each([
  ['return', 0],
  ['exit', 0],
  ['trap', 134],
])('a WASI program that ends by %s has in its folder all that it had written', needs('c'), async (ending, status) => {
  const folder = bench.file('folder');
  mkdirSync(folder);
  const ended = await bench.run(['run', '--dir', `${folder}::.`, builtProgram('endings'), 'out', ending]);
  expect(ended.status).toBe(status);
  expect(readFileSync(`${folder}/out`).equals(Buffer.alloc(701 * 65536, 'x'))).toBe(true);
});

/** Says a line, raises a signal, and says another one. */
const raising = (signal: number) =>
  wat(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "line\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $raise (i32.const ${signal})))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`);

test.each([
  ['SIGABRT ends', 6, 134, 'line\n'],
  ['SIGTERM ends', 15, 143, 'line\n'],
  ['SIGWINCH does nothing to', 27, 0, 'line\nline\n'],
])('%s a WASI program that raises it', async (_, signal, status, stdout) => {
  writeFileSync(bench.file('raising.wasm'), raising(signal));
  expect(await bench.run(['run', '--quiet', bench.file('raising.wasm')])).toMatchObject({ status, stdout });
});

test('a folder that no replica could hold is refused in one line, before it is read', async () => {
  const folder = bench.file('folder');
  mkdirSync(folder);
  writeFileSync(`${folder}/small`, 'small');
  writeFileSync(`${folder}/tape`, '');
  // Of which no disk has anything.
  truncateSync(`${folder}/tape`, 10 * 2 ** 30);
  writeFileSync(bench.file('raising.wasm'), raising(0));
  const { status, stdout, stderr } = await bench.run(['run', '--dir', folder, bench.file('raising.wasm')]);
  expect(stderr).toMatch(
    /^epochvisor: the files of the folder .* more than 1 GiB together \(at tape\).*\[DIR_TOO_LARGE\].*\n$/,
  );
  expect([status, stdout]).toEqual([2, '']);
});
