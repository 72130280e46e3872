// Several hosts, each with a member of etcd: any of them dies whole, without a word, and comes back.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUS_HOST, HostedMachine } from '../../bench/hosts/hosted-machine.js';
import { needs } from '../setup/needs.js';

describe('hosts that die whole', needs('namespaces'), () => {
  let machine: HostedMachine | undefined;

  beforeAll(async () => {
    machine = await HostedMachine.start({ etcd: ['A', 'B', 'C'] });
  }, 60_000);
  afterAll(async () => machine?.close());

  test.each(['primary', 'backup', 'primary'] as const)('that of the %s', { timeout: 90_000 }, async role => {
    const host = (await machine!.roles())[role];
    await machine!.killHost(host);
    // The client hears nothing of it.
    await machine!.progresses();
    machine!.revive(host);
    await machine!.isProtected();
    await machine!.progresses();
  });

  test('that of the bus and the client: nobody fails over, and another client finds all that was answered', {
    timeout: 90_000,
  }, async () => {
    const { view } = await machine!.isProtected();
    await machine!.progresses();
    await machine!.killHost(BUS_HOST);
    const { last } = machine!;
    machine!.revive(BUS_HOST);
    const status = await machine!.isProtected();
    expect(status.view).toBe(view);
    machine!.startClient();
    await machine!.progresses();
    // The question that was under way may have been asked, or not.
    expect(machine!.first - last).toBeGreaterThanOrEqual(1);
    expect(machine!.first - last).toBeLessThanOrEqual(2);
  });
});
