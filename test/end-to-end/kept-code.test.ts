// Machine code that one run leaves and the next begins with: it changes nothing that anybody sees.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Bench, guest } from './command.js';
import { Gated } from './gated.js';

const bench = new Bench();
/** V8 has optimised what is hot by then, and the guest has run for long enough that its code is worth keeping. */
const HOT = { bytes: 10_000, ms: 1000 };

/** A machine whose guest has got hot. */
async function hot(flags: readonly string[] = []): Promise<Gated> {
  const gated = new Gated(bench, flags);
  await gated.machine.wrote(1);
  await sleep(HOT.ms);
  await gated.machine.wrote(HOT.bytes);
  return gated;
}

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
    await (await hot()).endsUndisturbed();
    expect(code()).toHaveLength(1);
    const second = new Gated(bench);
    const { primary } = await second.machine.isProtected();
    await second.machine.wrote(HOT.bytes);
    process.kill(primary!.pid, 'SIGKILL');
    expect((await second.endsUndisturbed()).stderr).toMatch(/went live/);
  });

  test('that is damaged is passed over, and made anew', async () => {
    await (await hot()).endsUndisturbed();
    const path = join(bench.file('cache'), code()[0]!);
    const damaged = readFileSync(path);
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(path, damaged);
    await (await hot()).endsUndisturbed();
    expect(readFileSync(path).equals(damaged)).toBe(false);
  });

  test('is not kept with --no-cache, and a guest that ends at once leaves none', async () => {
    await (await hot(['--no-cache'])).endsUndisturbed();
    expect(() => code()).toThrow('ENOENT');
    expect((await bench.run(['run', guest('hello')])).status).toBe(0);
    expect(code()).toEqual([]);
  });
});
