// A machine that heals itself: a replacement joins the running guest, and the next kill is survived as the first was.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Bench, type Ended, guest, isAlive, until, type Watched } from './command.js';
import { Milling } from './milling.js';
import { generator } from './seeds.js';

const bench = new Bench();
const random = generator();

/** Protected in a view above `view`, nobody joining any more. */
const healed = (machine: Watched, view: number) =>
  machine.status(status => status.protected && status.view > view && status.joining.length === 0);

describe('after the death of', () => {
  test.each(['original', 'revised', 'deferred'])(
    'primary, backup, primary: Protected each time, in %s',
    async variant => {
      const milling = new Milling(bench, ['--variant', variant]);
      const { machine } = milling;
      let status = await machine.isProtected();
      for (const victim of ['primary', 'backup', 'primary'] as const) {
        const { pid } = victim === 'primary' ? status.primary : status.backups[0]!;
        await sleep(random() * 200);
        process.kill(pid, 'SIGKILL');
        const after = await machine.status(({ view }) => view > status.view);
        expect(after).toMatchObject({ protected: false });
        status = await healed(machine, after.view);
        const named = [status.primary, ...status.backups];
        expect(named).toHaveLength(2);
        for (const replica of named) expect(isAlive(replica.pid)).toBe(true);
      }
      expect(status.view).toBe(7);
      await milling.endsLikeThePlainMachine();
    },
  );

  test('a backup, then the primary, while nobody reads a full stdout: Protected between, and no byte is lost', async () => {
    const machine = bench.startWatched([guest('echo')], 'pipe');
    const first = await machine.isProtected();
    machine.command.pauseOutput();
    // A pipe's 64 KiB and the bus's window, and as much again.
    const line = 'x'.repeat(1023);
    const lines = 2048;
    machine.command.write(`${line}\n`.repeat(lines));
    await machine.status(({ view, epoch }) => view === first.view && epoch > first.epoch);
    await sleep(500);
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const after = await healed(machine, first.view + 1);
    process.kill(after.primary.pid, 'SIGKILL');
    await healed(machine, after.view);
    machine.command.resumeOutput();
    machine.command.endInput();
    const { status, stdout } = await machine.command.ended;
    const echoed = Array.from({ length: lines }, (_, index) => `${index + 1}: ${line}\n`);
    const expected = `${echoed.join('')}${lines} lines\n`;
    expect([status, stdout.length, stdout === expected]).toEqual([0, expected.length, true]);
  });

  test('a joining replica: another one joins', async () => {
    const milling = new Milling(bench);
    const { machine } = milling;
    const first = await machine.isProtected();
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const joining = await machine.status(status => status.joining.length > 0);
    expect(joining).toMatchObject({ protected: false, reason: 'starting' });
    await sleep(random() * 300);
    const [victim] = joining.joining;
    process.kill(victim!.pid, 'SIGKILL');
    const status = await machine.status(one => one.protected && one.backups[0]!.pid !== victim!.pid);
    expect(status.primary).toEqual(first.primary);
    await milling.endsLikeThePlainMachine();
  });

  test('a joining replica that stands still: it is given up, and another one joins', async () => {
    const milling = new Milling(bench);
    const { machine } = milling;
    const first = await machine.isProtected();
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const { joining } = await machine.status(status => status.joining.length > 0);
    process.kill(joining[0]!.pid, 'SIGSTOP');
    const status = await healed(machine, first.view + 1);
    expect(status.backups[0]!.pid).not.toBe(joining[0]!.pid);
    expect(isAlive(joining[0]!.pid)).toBe(false);
    await milling.endsLikeThePlainMachine();
  });

  test('the primary while a replica joins it: the machine is lost or goes on, and never does a thing twice', async () => {
    const milling = new Milling(bench, ['--quiet']);
    const { machine } = milling;
    const first = await machine.isProtected();
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    await machine.status(status => status.joining.length > 0);
    await sleep(random() * 500);
    process.kill(first.primary.pid, 'SIGKILL');
    let ended: Ended | undefined;
    void machine.command.ended.then(ending => {
      ended = ending;
    });
    const later = await until(() => {
      const { now } = machine;
      return ended ?? (now !== undefined && now.primary.pid !== first.primary.pid ? now : undefined);
    });
    if ('view' in later) return milling.endsLikeThePlainMachine();
    milling.stop();
    expect(later.status).toBe(70);
    expect(later.stderr).toMatch(/^epochvisor: .*\[ALL_REPLICAS_LOST\].*\n$/);
    const numbers = later.stdout
      .split('\n')
      .slice(0, -1)
      .map(line => Number(line.split(' ')[0]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

describe('three replicas', () => {
  test('survive the death of two at once, and heal', async () => {
    const milling = new Milling(bench, ['--replicas', '3']);
    const { machine } = milling;
    const first = await machine.isProtected();
    expect(first.backups).toHaveLength(2);
    process.kill(first.primary.pid, 'SIGKILL');
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const status = await machine.status(one => one.protected && one.view > first.view);
    expect(status.backups).toHaveLength(2);
    expect([status.primary, ...status.backups].map(({ pid }) => pid)).toContain(first.backups[1]!.pid);
    await milling.endsLikeThePlainMachine();
  });

  test('after the death of the primary one backup goes on and the other follows it', async () => {
    const milling = new Milling(bench, ['--replicas', '3', '--no-repair']);
    const { machine } = milling;
    const first = await machine.isProtected();
    process.kill(first.primary.pid, 'SIGKILL');
    // With fewer backups than it is to have it is not called protected.
    const second = await machine.status(one => one.view > first.view && one.reason === 'need secondary');
    expect(new Set([second.primary.pid, second.backups[0]!.pid])).toEqual(new Set(first.backups.map(({ pid }) => pid)));
    await sleep(random() * 300);
    process.kill(second.primary.pid, 'SIGKILL');
    const last = await machine.status(one => one.view > second.view);
    expect(last.primary.pid).toBe(second.backups[0]!.pid);
    await milling.endsLikeThePlainMachine();
  });
});

describe('--no-repair', () => {
  test('starts no replacement', async () => {
    const milling = new Milling(bench, ['--no-repair']);
    const { machine } = milling;
    const { primary } = await machine.isProtected();
    process.kill(primary.pid, 'SIGKILL');
    await machine.status(({ view }) => view === 2);
    await sleep(500);
    expect(await machine.status(() => true)).toMatchObject({
      view: 2,
      reason: 'need secondary',
      joining: [],
      backups: [],
    });
    await milling.endsLikeThePlainMachine();
  });
});
