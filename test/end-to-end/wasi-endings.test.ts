// However a WASI program ends, what it had written by then is in its folder.

import { mkdirSync, readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { builtProgram } from '../wasi/built.js';
import { Bench } from './command.js';

const bench = new Bench();
let program: string;
beforeAll(() => {
  program = builtProgram('endings');
});

test.each([
  ['return', 0],
  ['exit', 0],
  ['trap', 134],
])('by %s', async (ending, status) => {
  const folder = bench.file('folder');
  mkdirSync(folder);
  const ended = await bench.run(['run', '--dir', `${folder}::.`, program, 'out', ending]);
  expect(ended.status).toBe(status);
  expect(readFileSync(`${folder}/out`).equals(Buffer.alloc(701 * 65536, 'x'))).toBe(true);
});
