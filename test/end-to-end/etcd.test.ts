// Machines whose arbiter is an etcd: kills of replicas, and an etcd that is not there when it is wanted.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtcdArbiter } from '../../engine/arbiter/etcd-arbiter.js';
import { Door } from '../arbiter/door.js';
import { ask, EtcdCluster, makeCertificates } from '../arbiter/etcd-cluster.js';
import { needs } from '../setup/needs.js';
import { Bench, until, Watched } from './command.js';
import { GATED, Gated } from './gated.js';

const bench = new Bench();

describe('a machine whose arbiter is an etcd', needs('etcd'), () => {
  let cluster: EtcdCluster;
  let door: Door;
  let address: string;
  beforeEach(async () => {
    cluster = await EtcdCluster.start(1);
    door = await Door.to(cluster.members[0]!.port);
    address = cluster.newAddress([door.address]);
  });
  afterEach(async () => {
    await door.close();
    await cluster.stop();
  });

  test('goes on when its primary is killed, heals, and leaves no member behind', async () => {
    const gated = new Gated(bench, ['--arbiter', address]);
    const { machine } = gated;
    const { primary, backups, machine: id } = await machine.isProtected();
    await machine.wrote(2_000);
    process.kill(primary.pid, 'SIGKILL');
    const healed = await machine.status(({ view, protected: safe }) => view === 3 && safe);
    expect(healed.primary).toEqual(backups[0]);
    const arbiter = new EtcdArbiter(address);
    expect(await arbiter.latest(id)).toMatchObject({ number: 3, primary: healed.primary.incarnation });
    const members = await arbiter.members(id);
    const living = [healed.primary, ...healed.backups].map(({ incarnation }) => incarnation);
    expect(members.filter(({ kind }) => kind === 'replica').map(({ incarnation }) => incarnation)).toEqual(
      expect.arrayContaining(living),
    );
    await gated.endsUndisturbed();
    expect(await arbiter.members(id)).toEqual([]);
  });

  test('waits with a claim while etcd stands still, and goes on when etcd does', async () => {
    const gated = new Gated(bench, ['--arbiter', address, '--no-repair']);
    const { machine } = gated;
    const { primary, backups } = await machine.isProtected();
    await machine.wrote(2_000);
    const [etcd] = cluster.members;
    const claims = () => door.times('POST /v3/kv/txn');
    const before = claims();
    etcd!.signal('SIGSTOP');
    process.kill(primary.pid, 'SIGKILL');
    // The backup has claimed, and again.
    await until(() => (claims() >= before + 2 ? true : undefined));
    expect(machine.now).toMatchObject({ view: 1 });
    const held = machine.command.stdout.length;
    await until(() => (claims() >= before + 3 ? true : undefined));
    expect(machine.command.stdout.length, 'nobody is primary, nothing is put out').toBe(held);
    etcd!.signal('SIGCONT');
    const after = await machine.status(({ view }) => view === 2);
    expect(after.primary).toEqual(backups[0]);
    await gated.endsUndisturbed();
  });

  test('needs no etcd while its view is as it is', async () => {
    const gated = new Gated(bench, ['--arbiter', address]);
    const { machine } = gated;
    await machine.isProtected();
    await cluster.members[0]!.kill();
    await machine.wrote(machine.command.stdout.length + 20_000);
    expect(machine.now).toMatchObject({ view: 1, protected: true });
    await gated.endsUndisturbed();
  });

  test('that asks for user and password gets them, and no process is started with them', async () => {
    const [etcd] = cluster.members;
    await ask(etcd!, '/v3/auth/user/add', { name: 'root', password: 'sesame' });
    await ask(etcd!, '/v3/auth/role/add', { name: 'root' });
    await ask(etcd!, '/v3/auth/user/grant', { user: 'root', role: 'root' });
    await ask(etcd!, '/v3/auth/enable', {});
    const env = { ETCDCTL_USER: 'root', ETCDCTL_PASSWORD: 'sesame' };
    const status = bench.file('status.json');
    const command = bench.start(['run', '--status-file', status, '--arbiter', address, ...GATED], 'pipe', env);
    const machine = new Watched(command, status);
    const { primary } = await machine.isProtected();
    await machine.wrote(2_000);
    const commandLines = bench.marked().map(pid => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    expect(commandLines.length).toBeGreaterThan(2);
    expect(commandLines.join()).not.toContain('sesame');
    process.kill(primary.pid, 'SIGKILL');
    await machine.status(({ view, protected: safe }) => view === 3 && safe);
    command.endInput();
    expect(await command.ended).toMatchObject({ status: 0 });
  });
});

describe('a machine whose etcd asks for certificates', needs('etcd'), () => {
  test('shows its own, each of its processes', needs('openssl'), async () => {
    const folder = mkdtempSync(join(tmpdir(), 'epochvisor-certificates-'));
    const { client, ...server } = makeCertificates(folder);
    const cluster = await EtcdCluster.start(1, server);
    try {
      const files = ['--etcd-cacert', server.cacert, '--etcd-cert', client.cert, '--etcd-key', client.key];
      const gated = new Gated(bench, ['--arbiter', cluster.newAddress(), ...files, '--no-repair']);
      const { primary } = await gated.machine.isProtected();
      await gated.machine.wrote(2_000);
      process.kill(primary.pid, 'SIGKILL');
      await gated.machine.status(({ view }) => view === 2);
      await gated.endsUndisturbed();
    } finally {
      await cluster.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
