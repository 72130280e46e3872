// Several hosts, their cables cut: a client on the host of the bus counts on, and never hears a number twice or misses one.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HAPPENINGS, happen } from '../../bench/hosts/cuts.js';
import { ARBITER_HOST, HostedMachine } from '../../bench/hosts/hosted-machine.js';
import { needs } from '../setup/needs.js';

describe('a machine whose network is cut', needs('namespaces'), () => {
  let machine: HostedMachine | undefined;

  beforeAll(async () => {
    machine = await HostedMachine.start({ etcd: [ARBITER_HOST] });
  }, 60_000);
  afterAll(async () => machine?.close());

  test.each(HAPPENINGS)('$name', { timeout: 90_000 }, async happening => {
    const { answers } = machine!;
    // It fails where the client hears what it should not, or nothing, or somebody acts who may not.
    await happen(machine!, happening);
    expect(machine!.answers).toBeGreaterThan(answers);
  });
});
