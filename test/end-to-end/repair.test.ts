// A machine that heals itself: a replacement joins the running guest, and the next kill is survived as the first was.

import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { Bench, guest, isAlive, PLAIN, sleep, type Watched } from './command.js';
import { generator } from './seeds.js';

const bench = new Bench();
const COMPUTE = [guest('compute'), '400', '20'];
const random = generator();
let expected = '';

beforeAll(() => {
  expected = execFileSync(process.execPath, [PLAIN, ...COMPUTE]).toString();
});

/** Protected by replicas of a view above `view`, nobody joining any more. */
const healed = (machine: Watched, view: number) =>
  machine.status(status => status.protected && status.view > view && status.joining.length === 0);

describe('after the death of', () => {
  test.each(['original', 'revised', 'deferred'])(
    'primary, backup, primary: Protected each time, in %s',
    async variant => {
      const machine = bench.startWatched(['--variant', variant, ...COMPUTE]);
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
      const ended = await machine.command.ended;
      expect(ended.stdout).toBe(expected);
      expect(ended.status).toBe(0);
    },
  );

  test('a joining replica: another one joins', async () => {
    const machine = bench.startWatched(COMPUTE);
    const first = await machine.isProtected();
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const joining = await machine.status(status => status.joining.length > 0);
    expect(joining).toMatchObject({ protected: false, reason: 'starting' });
    await sleep(random() * 300);
    process.kill(joining.joining[0]!.pid, 'SIGKILL');
    const status = await healed(machine, first.view);
    expect(status.primary).toEqual(first.primary);
    const ended = await machine.command.ended;
    expect(ended).toMatchObject({ status: 0, stdout: expected });
  });

  test('the primary while a replica joins it: the machine is lost, and says so', async () => {
    const machine = bench.startWatched(['--quiet', ...COMPUTE]);
    const first = await machine.isProtected();
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    await machine.status(status => status.joining.length > 0);
    process.kill(first.primary.pid, 'SIGKILL');
    const ended = await machine.command.ended;
    expect(ended.status).toBe(70);
    expect(ended.stderr).toMatch(/^epochvisor: .*\n$/);
    // What it has written it has written once.
    expect(expected.startsWith(ended.stdout)).toBe(true);
  });
});

describe('three replicas', () => {
  test('survive the death of two at once, and heal', async () => {
    const machine = bench.startWatched(['--replicas', '3', ...COMPUTE]);
    const first = await machine.status(status => status.protected && status.backups.length === 2);
    process.kill(first.primary.pid, 'SIGKILL');
    process.kill(first.backups[0]!.pid, 'SIGKILL');
    const status = await machine.status(one => one.protected && one.backups.length === 2 && one.view > first.view);
    expect([status.primary, ...status.backups].map(({ pid }) => pid)).toContain(first.backups[1]!.pid);
    const ended = await machine.command.ended;
    expect(ended).toMatchObject({ status: 0, stdout: expected });
  });

  test('after the death of the primary one backup goes on and the other follows it', async () => {
    const machine = bench.startWatched(['--replicas', '3', '--no-repair', ...COMPUTE]);
    const first = await machine.status(status => status.protected && status.backups.length === 2);
    const backups = first.backups.map(({ pid }) => pid);
    process.kill(first.primary.pid, 'SIGKILL');
    const second = await machine.status(one => one.protected && one.view > first.view);
    expect(backups).toContain(second.primary.pid);
    expect(backups).toContain(second.backups[0]!.pid);
    process.kill(second.primary.pid, 'SIGKILL');
    const last = await machine.status(one => one.view > second.view);
    expect(last.primary.pid).toBe(second.backups[0]!.pid);
    const ended = await machine.command.ended;
    expect(ended).toMatchObject({ status: 0, stdout: expected });
  });
});

describe('--no-repair', () => {
  test('starts no replacement', async () => {
    const machine = bench.startWatched(['--no-repair', ...COMPUTE]);
    const { primary } = await machine.isProtected();
    process.kill(primary.pid, 'SIGKILL');
    const after = await machine.status(({ view }) => view === 2);
    await sleep(500);
    expect(await machine.status(() => true)).toMatchObject({ reason: 'need secondary', joining: [], backups: [] });
    expect(after.view).toBe(2);
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: expected });
  });
});
