// What a user can learn of a machine while it runs.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Bench, guest, isAlive } from './command.js';
import { Milling } from './milling.js';

const bench = new Bench();

describe('the status file', () => {
  test('names the view, the replicas and where they are, and whether the machine is protected', async () => {
    const machine = bench.startWatched([guest('spin')]);
    const status = await machine.status(one => one.protected && one.instructions > 0);
    expect(status).toMatchObject({
      view: 1,
      epoch: expect.any(Number),
      instructions: expect.any(Number),
      protected: true,
      reason: '',
      primary: { pid: expect.any(Number), incarnation: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      backups: [{ pid: expect.any(Number), incarnation: expect.stringMatching(/^[0-9a-f-]{36}$/) }],
    });
    expect(isAlive(status.primary.pid) && isAlive(status.backups[0]!.pid)).toBe(true);
    // It is kept current.
    const later = await machine.status(one => one.instructions > status.instructions);
    expect(later.epoch).toBeGreaterThan(status.epoch);
    machine.command.kill('SIGTERM');
    await machine.command.ended;
    // Who kills what it names must not hit processes that have the same numbers by then.
    expect(machine.now).toBeUndefined();
  });

  test('says how thoroughly the replicas were compared, and so does the end', async () => {
    const milling = new Milling(bench, ['--verify', '5%']);
    const { verification } = await milling.machine.status(one => one.verification.everyMs !== null);
    expect(verification).toMatchObject({ share: 0.05, covered: 1, divergences: 0 });
    expect(verification.comparisons).toBeGreaterThan(0);
    expect(verification.last).toMatch(/^20\d\d-.*Z$/);
    await milling.endsLikeThePlainMachine();
    expect(milling.machine.command.stderr).toMatch(
      /^epochvisor: state compared \d+ times, last at \S+: all of memory, again after \d+ ms \(.* of the time, at most 5 %\)$/m,
    );
  });

  test('says why a machine is not protected', async () => {
    const machine = bench.startWatched(['--replicas', '1', guest('spin')]);
    const status = await machine.status(one => one.instructions > 0);
    expect(status).toMatchObject({ view: 1, protected: false, reason: 'disabled', backups: [] });
    machine.command.kill('SIGTERM');
    await machine.command.ended;
  });

  test('begins with a machine that is starting', async () => {
    const machine = bench.startWatched([guest('spin')]);
    const first = await machine.status(() => true);
    if (!first.protected) expect(first.reason).toBe('starting');
    await machine.isProtected();
    machine.command.kill('SIGTERM');
    await machine.command.ended;
  });
});

test('an idle pair uses next to no processor time', async () => {
  const machine = bench.startWatched([guest('echo')], 'pipe');
  await machine.isProtected();
  await sleep(500);
  const pids = bench.marked();
  expect(pids).toHaveLength(3);
  const before = ticks(pids);
  await sleep(2000);
  // 100 ticks are a second: a guest that spins instead of waiting would use 200 on each replica.
  expect(ticks(pids) - before).toBeLessThan(40);
  machine.command.endInput();
  expect((await machine.command.ended).stdout).toBe('0 lines\n');
});

/** Processor time used so far, in ticks of 10 ms. */
function ticks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}
