// However a WASI program ends, what it had written by then is in its folder.

import { mkdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
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
