// Machine code that one run leaves and the next begins with: it changes nothing that anybody sees.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Bench, guest } from './command.js';

const bench = new Bench();
/** A second or two of work. */
const GUEST = [guest('compute'), '3000', '10'];

beforeEach(() => {
  vi.stubEnv('EPOCHVISOR_CACHE', bench.file('cache'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function code(): string[] {
  return readdirSync(bench.file('cache')).filter(name => name.endsWith('.code'));
}

describe('the machine code of a guest', () => {
  test('is there after a run, and a primary that is killed in one that begins with it loses nothing', async () => {
    const first = await bench.run(['run', '--quiet', ...GUEST]);
    expect(first.status).toBe(0);
    expect(code()).toHaveLength(1);
    const machine = bench.startWatched(GUEST);
    const { primary } = await machine.isProtected();
    await machine.wrote(20_000);
    process.kill(primary!.pid, 'SIGKILL');
    const second = await machine.command.ended;
    expect(second.stdout).toBe(first.stdout);
    expect(second.status).toBe(0);
    expect(second.stderr).toMatch(/went live/);
  });

  test('that is damaged is passed over, and made anew', async () => {
    const { stdout } = await bench.run(['run', '--quiet', ...GUEST]);
    const path = join(bench.file('cache'), code()[0]!);
    const damaged = readFileSync(path);
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(path, damaged);
    const again = await bench.run(['run', ...GUEST]);
    expect(again.stdout).toBe(stdout);
    expect(again.status).toBe(0);
    expect(readFileSync(path).equals(damaged)).toBe(false);
  });

  test('is not kept with --no-cache, and a guest that ends at once leaves none', async () => {
    expect((await bench.run(['run', '--no-cache', ...GUEST])).status).toBe(0);
    expect(() => code()).toThrow('ENOENT');
    expect((await bench.run(['run', guest('hello')])).status).toBe(0);
    expect(code()).toEqual([]);
  });
});
