// The teller: a journal in which doubles are seen.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Teller } from '../../../devices/teller/teller.js';
import { TELLER_DISPENSE } from '../../../devices/teller/teller-commands.js';
import { operation } from '../conformance.js';

let folder: string;
let journal: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'epochvisor-teller-'));
  journal = join(folder, 'journal');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const dispense = (id: number, amount: number | bigint) => operation(id, TELLER_DISPENSE, { argument: BigInt(amount) });

describe('a teller', () => {
  test('writes a line for each dispense, in order, and does it again when it is asked again', async () => {
    const teller = await Teller.open(journal);
    const asked = [dispense(7, 20), dispense(8, 50), dispense(7, 20)].map(what => teller.perform(what));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([20, 50, 20]);
    await teller.close();
    expect(await readFile(journal, 'utf8')).toBe('1 7 20\n2 8 50\n3 7 20\n');
  });

  test.each([0, -1, 1_000_001])('refuses to dispense %i', async amount => {
    const teller = await Teller.open(journal);
    expect((await teller.perform(dispense(1, amount))).status).toBe(-1);
    await teller.close();
    expect(await readFile(journal, 'utf8')).toBe('');
  });

  test('dispenses nothing that it cannot write down', async () => {
    const teller = await Teller.open('/dev/full');
    expect((await teller.perform(dispense(1, 5))).status).toBe(-5);
    await teller.close();
  });

  test('says that its journal cannot be opened', async () => {
    await expect(Teller.open(join(folder, 'none', 'journal'))).rejects.toMatchObject({ code: 'TELLER_UNUSABLE' });
  });
});
