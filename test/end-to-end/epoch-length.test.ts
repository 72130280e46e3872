// Machines whose epoch length follows the guest (EL): real pairs, of which nobody can tell how long their epochs were.

import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { wat } from '../building/wat.js';
import { Bench } from './command.js';
import { Gated } from './gated.js';
import { endsUndisturbed, launchGated, writesOn } from './gated-machine.js';

const bench = new Bench();

/** Where boundaries are round trips, the first length is too short on any host. */
const AUTO = ['--epoch-length', 'auto', '--variant', 'original'];
const FIRST = 100_000;

describe('epochs of a length that follows the guest', () => {
  test('change on both replicas: killed and killed again, whoever is left has it, and the output is whole', async () => {
    await using machine = await launchGated({ epochLength: 'auto', variant: 'original' });
    const before = await machine.until(now => now.protected && now.epochLength > FIRST);
    await machine.killPrimary();
    // The survivor goes on with the length that it had, and with one of its own from where it is the primary.
    const after = await machine.until(now => now.view > before.view && now.epoch > before.epoch);
    expect(after.epochLength).toBeGreaterThan(FIRST);
    const joined = await machine.until(now => now.protected && now.view > after.view);
    await machine.killPrimary();
    await machine.until(now => now.view > joined.view && now.epoch > joined.epoch);
    await endsUndisturbed(machine);
  });

  test.each(['revised', 'deferred'] as const)('in the variant %s, with a bound that is hard to meet', async variant => {
    await using machine = await launchGated({ epochLength: 'auto', maxLatency: 0.05, variant });
    await machine.whenProtected();
    await writesOn(machine, 1_000);
    await machine.killPrimary();
    await machine.until(now => now.view === 2);
    await endsUndisturbed(machine);
  });

  test('go on in what is resumed from a snapshot', async () => {
    const gated = new Gated(bench, AUTO);
    const { machine } = gated;
    await machine.status(now => now.protected && now.epochLength > FIRST);
    const file = bench.file('guest.snapshot');
    expect(await bench.run(['snapshot', '--status-file', machine.statusFile, file])).toMatchObject({ status: 0 });
    await gated.endsUndisturbed();
    const resumed = new Gated(bench, ['--replicas', '1'], file);
    const now = await resumed.machine.status(({ instructions }) => instructions > 0);
    expect(now.epochLength).toBeGreaterThan(1_000);
    await resumed.machine.wrote(100);
    const expected = await resumed.undisturbed();
    const { stdout } = await resumed.machine.command.ended;
    expect(expected.endsWith(stdout)).toBe(true);
  });

  test('count as any others: a guest fails after the same instructions', async () => {
    const file = bench.file('counts.wasm');
    writeFileSync(file, await wat(COUNTS));
    const flags = [['--epoch-length', '1_000_000'], ['--epoch-length', 'auto', '--replicas', '1'], AUTO];
    const said = [];
    for (const each of flags) said.push((await bench.run(['run', ...each, file])).stderr);
    expect(said[0]).toMatch(/after \d{9,} instructions/);
    expect(new Set(said).size).toBe(1);
  });
});

/** Some hundred milliseconds of counting, and then a trap. */
const COUNTS = `(module
  (memory (export "memory") 1)
  (func $count (export "_start") (local $n i32)
    (loop $more
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 100000000))))
    (unreachable)))`;
