// Memory that grows between two calls: the kernel's views of it follow, whatever kind of memory it is.

import { expect, test } from 'vitest';
import { ModelMachine } from './model-machine.js';
import { Program } from './program.js';

const PAGE_BYTES = 65_536;

const CALLS: readonly [name: string, at: (page: number) => readonly (number | bigint)[]][] = [
  ['clock_time_get', page => [1, 0n, page]],
  ['random_get', page => [page, 16]],
  ['args_sizes_get', page => [page, page + 4]],
  ['fd_fdstat_get', page => [1, page]],
  ['poll_oneoff', page => [page, page + 1024, 1, page + 2048]],
];

test.each(
  [false, true].flatMap(shared => CALLS.map(([name, at]) => [name, shared ? 'shared' : 'unshared', at] as const)),
)('%s reaches a page that a memory (%s) has grown by', (name, kind, at) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 8, shared: kind === 'shared' });
  const machine = new ModelMachine();
  machine.memory = () => new Uint8Array(memory.buffer);
  const p = new Program(machine);
  const before = p.call(name, ...at(0x1000));
  expect(p.call(name, ...at(PAGE_BYTES))).toBe('EFAULT');
  memory.grow(1);
  expect(p.call(name, ...at(PAGE_BYTES))).toBe(before);
  expect(p.call(name, ...at(2 * PAGE_BYTES))).toBe('EFAULT');
});
