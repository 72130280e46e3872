// Each bench, in its tiny size, as a real process: so that none rots between two measurements. No figure is looked at.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BENCHES, SWEEPS } from '../../bench/benches.js';
import { TINY_VARIABLE } from '../../bench/host.js';
import { Bench, type Ended } from '../end-to-end/command.js';
import { needs } from '../setup/needs.js';

/** Some seconds on a quiet host. */
const PATIENCE_MS = 180_000;
const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));

const bench = new Bench();

const kept = () => readdirSync(RESULTS).map(name => [name, statSync(join(RESULTS, name)).mtimeMs]);

async function expectTable(run: () => Promise<Ended>): Promise<void> {
  const before = kept();
  const { status, stdout, stderr } = await run();
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^\|( :?-+:? \|)+$/m);
  expect(kept()).toEqual(before);
  expect(bench.temporaryFiles()).toEqual([]);
}

describe('a tiny bench prints its table, keeps nothing and leaves nothing behind', () => {
  for (const [name, { needs: needed }] of Object.entries(BENCHES)) {
    test(name, { timeout: PATIENCE_MS, ...(needed === undefined ? {} : needs(needed)) }, async () => {
      await expectTable(() => bench.startProgram('bench/main.js', [name, '--tiny']).ended);
    });
  }
  for (const [program, { tiny, needs: needed }] of Object.entries(SWEEPS)) {
    test(program, { timeout: PATIENCE_MS, ...(needed === undefined ? {} : needs(needed)) }, async () => {
      await expectTable(() => bench.startProgram(`bench/${program}`, tiny, { [TINY_VARIABLE]: '1' }).ended);
    });
  }
});

test('a bench that does not exist is said, with those that do', async () => {
  const { status, stderr } = await bench.startProgram('bench/main.js', ['spede']).ended;
  expect(status).toBe(2);
  expect(stderr).toBe(`bench: no bench 'spede'; there are ${Object.keys(BENCHES).join(', ')}\n`);
});
