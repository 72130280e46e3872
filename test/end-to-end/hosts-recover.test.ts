// A machine on several hosts whose replicas write down what they log: all of them are killed, and one host goes on from its log.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, guest, until } from './command.js';
import { type Agent, HostedMachine, roles } from './hosted.js';

const bench = new Bench();

const LINES = 300;
const INPUT = Array.from({ length: LINES }, (_, number) => `line ${number + 1}\n`).join('');
const MILL = [guest('mill'), '200', '1'];

const sizeOf = (name: string): number => {
  try {
    return readFileSync(bench.file(name)).length;
  } catch {
    return 0;
  }
};

async function killed(agent: Agent): Promise<void> {
  const { report } = agent;
  agent.command.killGroup('SIGKILL');
  await agent.command.ended;
  // Its replica ends with it, or by this.
  if (report !== undefined) {
    try {
      process.kill(report.pid, 'SIGKILL');
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
    }
  }
}

test.each([
  ['lives on', false],
  ['is killed, too', true],
])(
  'both replicas are killed -9, twice, and a bus %s: what comes out is what an undisturbed machine writes',
  async (_, isBusKilled) => {
    const machine = new HostedMachine(bench);
    const [a, b] = [bench.file('a'), bench.file('b')];
    const teller = bench.file('teller');
    const waits = ['--durability', 'both-disks', '--checkpoint-every', '64KB'];
    for (const name of ['disk', 'plain-disk']) {
      writeFileSync(bench.file(name), '');
      truncateSync(bench.file(name), 1 << 16);
    }
    await machine.init(...waits, '--teller', teller, '--disk', bench.file('disk'), ...MILL);
    const files = ['--stdout', bench.file('out'), '--memory', bench.file('memory')];
    let bus = machine.startBus(files);
    bus.write(INPUT.slice(0, 1_500));
    let agents = [
      machine.startReplica(machine.folder, {}, ['--log', a]),
      machine.startReplica(machine.folder, {}, ['--log', b]),
    ];
    let given = 1_500;
    for (const [kill, own, other] of [
      [0, b, a],
      [1, a, b],
    ] as const) {
      await roles(agents, { primary: 1, backup: 1 });
      const before = sizeOf('out');
      bus.write(INPUT.slice(given, given + 500));
      given += 500;
      await until(() => (sizeOf('out') > before ? true : undefined));
      for (const agent of agents) await killed(agent);
      if (isBusKilled) {
        bus.killGroup('SIGKILL');
        await bus.ended;
        bus = machine.startBus(files);
      }
      // Of one host the log alone is there, of the other both.
      const logs = kill === 0 ? [own] : [own, other];
      const first = machine.startReplica(machine.folder, {}, ['--log', own, '--recover', ...logs]);
      await first.is('primary');
      expect(first.command.stderr).toMatch(/goes on from .*: from .* to position \d+/);
      agents = [first, machine.startReplica(machine.folder, {}, ['--log', other])];
    }
    await roles(agents, { primary: 1, backup: 1 });
    bus.write(INPUT.slice(given));
    bus.endInput();
    expect(await bus.ended, bus.stderr).toMatchObject({ status: 0 });
    for (const { command } of agents) expect(await command.ended, command.stderr).toMatchObject({ status: 0 });
    const plain = bench.startPlain(['--disk', bench.file('plain-disk'), ...MILL], 'pipe');
    plain.write(INPUT);
    plain.endInput();
    expect(readFileSync(bench.file('out'), 'utf8')).toBe((await plain.ended).stdout);
    expect(readFileSync(bench.file('disk')).equals(readFileSync(bench.file('plain-disk')))).toBe(true);
    expect(readFileSync(teller, 'utf8').split('\n')).toHaveLength(LINES + 1);
  },
  240_000,
);
