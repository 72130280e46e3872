// `failover --live`: a replica of a machine that runs is killed, and its clients are none the wiser.

import { expect, test } from 'vitest';
import type { LiveTestReport } from '../../engine/parts/live-test.js';
import { Bench, guest, until } from './command.js';
import { HostedMachine, roles } from './hosted.js';

const bench = new Bench();

test('the primary, and the backup, of a machine with a client, which hears nothing of it', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('ticks'), '1000000', '5');
  const stdout = bench.file('stdout.txt');
  const bus = machine.startBus(['--stdout', stdout]);
  const agents = [machine.startReplica(), machine.startReplica()];
  const { primary, backup } = await roles(agents, { primary: 1, backup: 1 });
  await machine.hasStatus(found => found.protected);

  const killed = primary.report!.pid;
  const first = await bench.run(['failover', '--live', machine.folder]);
  expect(first, first.stderr).toMatchObject({ status: 0, stderr: '' });
  expect(first.stdout).toMatch(
    /^view 1: the primary \(.*\) was killed\nview \d+: .* is primary; the bus heard nothing of one for \d+ ms\nconnections of clients: 0 before, 0 after\nProtected again after \d+ ms: .* is the backup\n$/,
  );
  expect(first.stdout).toContain(`pid ${killed}`);
  // It was killed, and its agent has another.
  expect(primary.command.stderr).toMatch(/is gone: killed by SIGKILL/);
  await backup.is('primary');
  await until(() => (primary.report?.role === 'backup' ? true : undefined));

  const secondary = primary.report!.pid;
  const second = await bench.run(['failover', '--live', '--restart-secondary', '--json', machine.folder]);
  expect(second, second.stderr).toMatchObject({ status: 0, stderr: '' });
  const report = JSON.parse(second.stdout) as LiveTestReport;
  expect(report).toMatchObject({
    protected: true,
    silenceMs: 0,
    killed: { role: 'backup', report: { pid: secondary } },
  });
  expect(backup.report!.role).toBe('primary');

  await machine.stop();
  await bus.ended;
  for (const { command } of agents) await command.ended;
}, 90_000);

test('what is no test is refused in one line', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('ticks'));
  const refused = async (...args: readonly string[]) => {
    const { status, stdout, stderr } = await bench.run(['failover', ...args]);
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return { status, stderr };
  };
  const unprotected = await refused('--live', machine.folder);
  expect(unprotected.status).toBe(2);
  expect(unprotected.stderr).toMatch(/the machine is not protected \(not started\).*\[NOT_PROTECTED\]/);
  expect((await refused('--live', machine.folder, 'more')).stderr).toMatch(
    /takes a folder, and nothing after it: more/,
  );
  expect((await refused('--restart-secondary', guest('ticks'))).stderr).toMatch(/give --live and its folder/);
  expect((await refused('--live', bench.file('nothing'))).status).toBe(2);
  await machine.stop();
});
