// Each bench, in its tiny size, as a real process: so that none rots between two measurements. No figure is looked at.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BENCHES } from '../../bench/benches.js';
import { Bench } from '../end-to-end/command.js';
import { needs } from '../setup/needs.js';

/** Some seconds on a quiet host. */
const PATIENCE_MS = 180_000;
const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));

const bench = new Bench();

const kept = () => readdirSync(RESULTS).map(name => [name, statSync(join(RESULTS, name)).mtimeMs]);

describe('a tiny bench prints its table, keeps nothing and leaves nothing behind', () => {
  for (const [name, { needs: needed }] of Object.entries(BENCHES)) {
    test(name, { timeout: PATIENCE_MS, ...(needed === undefined ? {} : needs(needed)) }, async () => {
      const before = kept();
      const { status, stdout, stderr } = await bench.startProgram('bench/main.js', [name, '--tiny']).ended;
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^\|( :?-+:? \|)+$/m);
      expect(kept()).toEqual(before);
      expect(bench.temporaryFiles()).toEqual([]);
    });
  }
});

test('a bench that does not exist is said, with those that do', async () => {
  const { status, stderr } = await bench.startProgram('bench/main.js', ['spede']).ended;
  expect(status).toBe(2);
  expect(stderr).toBe(`bench: no bench 'spede'; there are ${Object.keys(BENCHES).join(', ')}\n`);
});
