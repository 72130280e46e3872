// `run --log` with checkpoints: what is not needed any more is dropped, and what is left can be run again, whatever happened.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { extentOf } from '../../engine/log/chain.js';
import { openLogs } from '../../engine/recording/host-logs.js';
import { Bench, guest } from './command.js';
import { kills } from './tcp-client.js';

const bench = new Bench();
const FOREVER = [guest('clock-random'), '1000000000', '20000'];

/** The numbers of the segments that are there. */
function segmentsIn(folder: string): number[] {
  return readdirSync(folder)
    .map(name => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** Until this replica has dropped segments so often. */
async function drops(folder: string, times: number): Promise<void> {
  const first = () => (statSync(folder, { throwIfNoEntry: false }) === undefined ? 0 : (segmentsIn(folder)[0] ?? 0));
  for (let dropped = 0, before = first(); dropped < times; ) {
    await sleep(50);
    const now = first();
    if (now > before && before > 0) dropped += 1;
    before = now;
  }
}

test('the log of a long run has its last two checkpoints and what follows them, on every replica, after kills, too', {
  timeout: 300_000,
}, async () => {
  const logs = bench.file('logs');
  const machine = bench.startWatched(['--log', logs, '--checkpoint-every', '1s', ...FOREVER]);
  const everyoneDrops = async (times: number) => {
    const { primary, backups } = await machine.isProtected();
    const present = [primary, ...backups].map(({ incarnation }) => join(logs, incarnation));
    await Promise.all(present.map(folder => drops(folder, times)));
    return present;
  };
  const first = await everyoneDrops(2);
  for (const folder of first) expect(segmentsIn(folder).length).toBeLessThanOrEqual(5);
  await kills(machine, 'primary');
  await kills(machine, 'backup');
  const last = await everyoneDrops(2);
  // What the dead have written is not needed any more.
  const besides = ['arbiter', 'bus', 'machine.json'];
  while (readdirSync(logs).length > last.length + besides.length) await sleep(50);
  machine.command.killGroup('SIGINT');
  const { stdout } = await machine.command.ended;
  for (const folder of last) {
    const segments = segmentsIn(folder);
    expect(segments[0]).toBeGreaterThan(1);
    expect(segments.length).toBeLessThanOrEqual(5);
    const [log] = openLogs(folder);
    expect(extentOf(log!).checkpoints.size).toBeGreaterThanOrEqual(2);
  }
  // All of them together, and each survivor's alone.
  for (const folder of [logs, ...last]) {
    const { stdout: again, stderr, status } = await bench.run(['replay', '--guest', guest('clock-random'), folder]);
    expect([stderr, status]).toEqual([expect.stringMatching(/the recording ends here, and the guest had not/), 0]);
    const from = stdout.indexOf(again.slice(0, 200));
    expect(from).toBeGreaterThan(0);
    expect(again.length).toBeGreaterThan(10_000);
    const common = Math.min(again.length, stdout.length - from);
    expect(again.slice(0, common)).toBe(stdout.slice(from, from + common));
  }
  const { stdout: told } = await bench.run(['inspect-log', logs]);
  expect(told).toMatch(/^\d+ checkpoint at instruction \d+, position \d+$/m);
});

test('by how much was logged, and with --keep nothing is dropped', async () => {
  const [logs, kept] = [bench.file('logs'), bench.file('kept')];
  const pace = ['--checkpoint-every', '64K', '--replicas', '1'];
  const dropping = bench.startWatched(['--log', logs, ...pace, ...FOREVER.slice(0, 2), '100']);
  const keeping = bench.startWatched(['--log', kept, ...pace, '--keep', ...FOREVER.slice(0, 2), '100']);
  const [replica] = [(await dropping.status(() => true)).primary.incarnation];
  await drops(join(logs, replica), 2);
  const whole = (await keeping.status(() => true)).primary.incarnation;
  while (segmentsIn(join(kept, whole)).length < 5) await sleep(50);
  for (const { command } of [dropping, keeping]) {
    command.killGroup('SIGINT');
    await command.ended;
  }
  expect(segmentsIn(join(kept, whole))[0]).toBe(1);
  const { stdout } = await bench.run(['replay', '--guest', guest('clock-random'), kept]);
  expect(stdout.startsWith((await keeping.command.ended).stdout)).toBe(true);
});

test('flags that make no sense are refused', async () => {
  for (const [flags, says] of [
    [['--keep', '--record', bench.file('recording')], /--keep is for a log in a folder \[BAD_USAGE\]/],
    [['--log', bench.file('logs'), '--checkpoint-every', '0'], /a time from 1s to 24h, such as 30s or 5m, or a size/],
    [['--log', bench.file('logs'), '--checkpoint-every', '3KB'], /a time from 1s to 24h, such as 30s or 5m, or a size/],
  ] as const) {
    const { status, stderr } = await bench.run(['run', ...flags, guest('hello')]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(says)]);
  }
});
