// `epochvisor status` on one host: it finds the machines that run, tells of their failovers, and sweeps what dead ones left.

import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../engine/observe/status.js';
import { Bench, guest, until } from './command.js';

const bench = new Bench();

/** A death is noticed at once; a busy host is not to look like one. */
const CALM = ['--suspicion', '20000'];

/** What `status --json` prints. */
async function told<Told>(...args: string[]): Promise<{ status: number | null; told: Told }> {
  const { status, stdout, stderr } = await bench.run(['status', '--json', ...args]);
  expect(stderr).toBe('');
  return { status, told: JSON.parse(stdout) as Told };
}

/** Asks until it fits. */
async function toldWhen(fits: (status: Status) => boolean, ...args: string[]): Promise<Status> {
  for (;;) {
    const { told: status } = await told<Status>(...args);
    if (fits(status)) return status;
  }
}

const entries = () => bench.temporaryFiles().filter(name => name.startsWith('epochvisor-machines-'));

describe('status without arguments', () => {
  test('says that no machine runs, and is not protected', async () => {
    const { status, stdout } = await bench.run(['status']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: 'no machine of yours runs on this host\n' });
    expect(await told()).toEqual({ status: 1, told: [] });
  });

  test('lists each machine with its guest, roles and figures, and nothing is left of them', async () => {
    const [one, two] = [
      bench.startWatched([...CALM, guest('spin')]),
      bench.startWatched(['--replicas', '1', guest('echo')], 'pipe'),
    ];
    const { launcher, machine } = await one.isProtected();
    await two.status(({ reason }) => reason === 'disabled');
    const { status, told: all } = await told<Status[]>();
    expect(status).toBe(1);
    expect(all.map(({ protected: is, launcher: of }) => [is, of?.guest.split('/').at(-1)])).toEqual([
      [true, 'spin.wasm'],
      [false, 'echo.wasm'],
    ]);
    expect(all[0]!.launcher).toEqual(launcher);
    expect(all[0]!.replicas.map(({ role }) => role)).toEqual(['primary', 'backup']);
    // By the pid, and by how the id begins, in words.
    for (const name of [String(launcher!.pid), machine.slice(0, 8)]) {
      const named = await bench.run(['status', name]);
      expect(named.status).toBe(0);
      expect(named.stdout).toMatch(/^machine \S+ {2}spin\.wasm {2}pid \d+ {2}view 1 {2}Protected\n {2}ROLE +PID/);
    }
    two.command.endInput();
    one.command.kill('SIGTERM');
    await Promise.all([one.command.ended, two.command.ended]);
    expect(entries()).toEqual([]);
  });

  test('tells what a running guest does, and what its processes take', async () => {
    const machine = bench.startWatched([...CALM, guest('spin')]);
    const { launcher } = await machine.isProtected();
    const figures = (status: Status) =>
      status.instructionsPerSecond > 1e6 &&
      status.logBytesPerSecond > 0 &&
      status.replicas.every(one => one.rssBytes > 2 ** 20);
    const status = await toldWhen(figures, String(launcher!.pid));
    expect(status.replicas.every(({ epoch, instructions }) => epoch > 0 && instructions > 0)).toBe(true);
    expect(status).toMatchObject({ failovers: 0, lastFailover: null });
    machine.command.kill('SIGTERM');
    await machine.command.ended;
  });

  test('sweeps what a launcher that was killed has left', async () => {
    const machine = bench.startWatched([...CALM, guest('spin')]);
    await machine.isProtected();
    expect(entries()).toHaveLength(1);
    machine.command.kill('SIGKILL');
    await machine.command.ended;
    expect(readdirSync(bench.file(`tmp/${entries()[0]}`))).toHaveLength(1);
    expect((await told()).told).toEqual([]);
    expect(entries()).toEqual([]);
  });

  test('says that a launcher does not answer, which is stopped, and leaves it there', async () => {
    const machine = bench.startWatched([...CALM, guest('spin')]);
    await machine.isProtected();
    machine.command.kill('SIGSTOP');
    const { status, stdout } = await bench.run(['status']);
    machine.command.kill('SIGCONT');
    expect(status).toBe(1);
    expect(stdout).toMatch(new RegExp(`^machine of process ${machine.command.pid}: .*\\[CONTROL_SOCKET\\]`));
    expect((await told<Status[]>()).told).toHaveLength(1);
    machine.command.kill('SIGTERM');
    await machine.command.ended;
  });

  test('refuses a machine that it does not know, in one line', async () => {
    const { status, stdout, stderr } = await bench.run(['status', 'nobody']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^epochvisor: no machine of yours is nobody.* \[MACHINE_UNKNOWN\].*\n$/);
  });
});

test('a failover is told: when it was, how long nothing was heard, and what ended uncertain', async () => {
  const machine = bench.startWatched([...CALM, guest('spin')]);
  const { primary } = await machine.isProtected();
  const before = new Date().toISOString();
  process.kill(primary.pid, 'SIGKILL');
  const { lastFailover, failovers } = await machine.status(one => one.lastFailover?.uncertain === 0 && one.protected);
  expect(failovers).toBe(1);
  expect(lastFailover).toMatchObject({ view: 2, silentMs: expect.any(Number), failoverEpoch: expect.any(Number) });
  expect(lastFailover!.at > before).toBe(true);
  const { stdout } = await bench.run(['status']);
  expect(stdout).toMatch(
    /^ {2}last failover \d+ s ago \(20\S+Z\): view 2, after \d+ ms of silence, epoch \d+, 0 operations uncertain$/m,
  );
  machine.command.kill('SIGTERM');
  await machine.command.ended;
});

test('watched in a pipe it prints a line for each change, and ends with the machine', async () => {
  const machine = bench.startWatched([...CALM, guest('spin')]);
  const { primary, launcher } = await machine.isProtected();
  const watching = bench.start(['status', '--watch', String(launcher!.pid)]);
  await until(() => watching.stdout.includes('\n') || undefined);
  process.kill(primary.pid, 'SIGKILL');
  await machine.status(({ view, protected: is }) => view === 3 && is);
  await until(() => /view 3 {2}Protected\n/.test(watching.stdout) || undefined);
  machine.command.kill('SIGTERM');
  const { status, stdout } = await watching.ended;
  await machine.command.ended;
  expect(status).toBe(1);
  const lines = stdout.split('\n').slice(0, -1);
  expect(lines[0]).toMatch(/view 1 {2}Protected$/);
  expect(lines.at(-1)).toMatch(/^machine \S+ has ended$/);
  expect(new Set(lines).size).toBe(lines.length);
});

test('output that waits for a backup is told as held, with its age', async () => {
  const machine = bench.startWatched(['--suspicion', '60000', guest('gated'), '100000'], 'pipe');
  const { backups } = await machine.isProtected();
  await machine.wrote(20);
  process.kill(backups[0]!.pid, 'SIGSTOP');
  const held = await machine.status(({ heldMs }) => heldMs > 200);
  expect(held.heldBytes).toBeGreaterThan(0);
  expect(held.lagEntries).toBeGreaterThan(0);
  process.kill(backups[0]!.pid, 'SIGCONT');
  await machine.status(({ heldMs }) => heldMs < 200);
  machine.command.endInput();
  expect((await machine.command.ended).status).toBe(0);
});
