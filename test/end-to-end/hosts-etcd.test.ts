// A machine in a folder whose arbiter is an etcd: started before it, running without it, going on after it.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtcdCluster } from '../arbiter/etcd-cluster.js';
import { needs } from '../setup/needs.js';
import { Bench, until } from './command.js';
import { GATED } from './gated.js';
import { HostedMachine, roles } from './hosted.js';

const bench = new Bench();

describe('with etcd as the arbiter', needs('etcd'), () => {
  let etcd: EtcdCluster;
  beforeEach(async () => {
    etcd = await EtcdCluster.start(1);
  });
  afterEach(() => etcd.stop());

  test('parts wait for it, a pair runs without it, and a death is survived once it is back', async () => {
    const machine = new HostedMachine(bench, 'machine', etcd.newAddress());
    await machine.init(...GATED);
    const [member] = etcd.members;
    await member!.kill();
    const bus = machine.startBus();
    const agents = [machine.startReplica(), machine.startReplica(), machine.startReplica()];
    for (const command of [bus, ...agents.map(agent => agent.command)]) {
      await until(() => (/epochvisor: waits: .*ECONNREFUSED/.test(command.stderr) ? true : undefined));
    }
    member!.start();
    const { primary, backup, spares } = await roles(agents, { primary: 1, backup: 1, joining: 1 });
    await machine.hasStatus(found => found.protected);

    await member!.kill();
    const { length } = bus.stdout;
    await until(() => (bus.stdout.length > length + 10_000 ? true : undefined));
    expect((await bench.run(['status', machine.folder])).stderr).toMatch(/^epochvisor: [^\n]*\[ARBITER_UNREACHABLE\]/);
    // Nobody can know who is to go on until it can be asked.
    primary.command.kill('SIGKILL');
    await primary.command.ended;
    await sleep(1_500);
    expect(backup.report).not.toMatchObject({ role: 'primary' });
    member!.start();
    await backup.is('primary');
    await spares[0]!.is('backup');

    bus.endInput();
    expect(await bus.ended).toMatchObject({ status: 0 });
    for (const { command } of [backup, spares[0]!]) expect(await command.ended).toMatchObject({ status: 0 });
    const { rounds } = /(?<rounds>\d+) rounds\n$/.exec(bus.stdout)!.groups!;
    expect(bus.stdout).toBe((await bench.runPlain([...GATED, rounds!])).stdout);
    // The record of the dead goes with its lease.
    await machine.hasStatus(found => found.parts.length === 0 && found.reason === 'ended: exit 0');
  }, 90_000);
});
