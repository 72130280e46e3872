// A teller whose process dies: what it has dispensed it does not dispense again.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { STATUS_IO_ERROR } from '../../../devices/device-commands.js';
import { Teller } from '../../../devices/teller/teller.js';
import { TELLER_DISPENSE } from '../../../devices/teller/teller-commands.js';
import { TestFolder } from '../../building/test-folder.js';
import { operation } from '../conformance.js';

const folder = new TestFolder();
const dispense = (id: number, amount: number) => operation(id, TELLER_DISPENSE, { argument: BigInt(amount) });
const journal = () => readFileSync(folder.file('journal'), 'utf8');

/** A process of this machine. */
async function process(...asked: readonly (readonly [number, number])[]): Promise<number[]> {
  const teller = await Teller.open(folder.file('journal'), folder.path);
  const statuses: number[] = [];
  for (const [id, amount] of asked) statuses.push((await teller.perform(dispense(id, amount))).status);
  await teller.close();
  return statuses;
}

test('an operation that another process has performed is answered as it was, and not performed', async () => {
  expect(await process([1, 20], [2, 30])).toEqual([20, 30]);
  expect(await process([2, 30], [3, 40], [1, 20])).toEqual([30, 40, 20]);
  expect(journal()).toBe('1 1 20\n2 2 30\n3 3 40\n');
});

test('what other machines have dispensed under the same numbers is not meant', async () => {
  writeFileSync(folder.file('journal'), '1 1 500\n2 2 500\n');
  expect(await process([1, 20])).toEqual([20]);
  expect(await process([1, 20], [2, 30])).toEqual([20, 30]);
  expect(journal()).toBe('1 1 500\n2 2 500\n1 1 20\n2 2 30\n');
});

test('half a line, cut anywhere, has dispensed nothing', async () => {
  await process([1, 20], [2, 30]);
  const whole = journal();
  for (let length = '1 1 20\n'.length; length < whole.length; length++) {
    writeFileSync(folder.file('journal'), whole.slice(0, length));
    expect(await process([1, 20], [2, 30]), `${length} bytes`).toEqual([20, 30]);
    expect(journal()).toBe(whole);
  }
});

test('of ten times as many as can be asked for again the last are known', async () => {
  const lines = Array.from({ length: 10_240 }, (_, at) => `${at + 1} ${at + 1} 7\n`).join('');
  await process();
  writeFileSync(folder.file('journal'), lines);
  const asked = Array.from({ length: 1024 }, (_, at) => [10_240 - at, 7] as const);
  expect(new Set(await process(...asked))).toEqual(new Set([7]));
  expect(journal()).toBe(lines);
  expect(await process([10_241, 8])).toEqual([8]);
  expect(journal()).toBe(`${lines}10241 10241 8\n`);
});

test('a journal that is shorter than it was, or has other lines, is refused in one line', async () => {
  writeFileSync(folder.file('journal'), '1 1 500\n');
  await process([1, 20]);
  writeFileSync(folder.file('journal'), '1 1');
  await expect(process()).rejects.toMatchObject({ code: 'TELLER_CHANGED' });
  writeFileSync(folder.file('journal'), '1 1 500\n');
  appendFileSync(folder.file('journal'), 'one note\n');
  await expect(process()).rejects.toMatchObject({ code: 'TELLER_CHANGED' });
  writeFileSync(folder.file('teller.json'), '{}');
  await expect(process()).rejects.toMatchObject({ code: 'MEMORY_CORRUPT' });
});

test('where half a line can not be taken back nothing more is dispensed; where it can, the next is whole', async () => {
  const handle = await open(folder.file('other'), 'w');
  const files = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  for (const staysTorn of [true, false]) {
    writeFileSync(folder.file('journal'), '');
    const teller = await Teller.open(folder.file('journal'), folder.path);
    vi.spyOn(files, 'appendFile').mockImplementationOnce(async () => {
      appendFileSync(folder.file('journal'), '1 1');
      throw new Error('ENOSPC');
    });
    if (staysTorn) vi.spyOn(files, 'truncate').mockRejectedValueOnce(new Error('EIO'));
    expect((await teller.perform(dispense(1, 20))).status).toBe(STATUS_IO_ERROR);
    expect((await teller.perform(dispense(2, 30))).status).toBe(staysTorn ? STATUS_IO_ERROR : 30);
    expect(journal()).toBe(staysTorn ? '1 1' : '1 2 30\n');
    vi.restoreAllMocks();
    await teller.close();
  }
});
