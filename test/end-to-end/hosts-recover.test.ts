// A machine on several hosts whose replicas write down what they log: all of them are killed, and one host goes on from its log.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, type Ended, guest, until } from './command.js';
import { type Agent, HostedMachine, roles } from './hosted.js';
import { Client } from './tcp-client.js';

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

function expectRefused({ status, stderr }: Ended, code: string, says: RegExp): void {
  expect(stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  expect(stderr).toContain(`[${code}]`);
  expect(stderr).toMatch(says);
  expect(status).toBe(2);
}

test('what can not be gone on from, or would be overtaken, is refused in one line', { timeout: 180_000 }, async () => {
  const machine = new HostedMachine(bench);
  const log = bench.file('log');
  await machine.init('--durability', 'both-disks', '--listen', `unix:${bench.file('socket')}`, guest('keyvalue'));
  const refused = async (code: string, says: RegExp, ...flags: readonly string[]) =>
    expectRefused(await bench.run(['replica', '--address', '127.0.0.1', machine.folder, ...flags]), code, says);
  const asked = async (question: string, answer: string) => {
    const client = new Client(bench.file('socket'));
    client.socket.write(question);
    await until(() => (client.received.toString() === answer ? true : undefined));
    return client;
  };
  const recover = ['--log', bench.file('other'), '--recover', log];
  await refused('LOG_WANTED', /wait for disks \("durability": "both-disks"\)/);
  await refused('BAD_USAGE', /--recover is for a replica that goes on writing a log/, '--recover', log);
  await refused('LOG_FOLDER', /machine\.json can't be used/, '--log', `${machine.folder}/machine.json`);
  await refused('RECOVER_UNKNOWN', /says that this machine has not begun/, ...recover);

  const bus = machine.startBus();
  const agents = [0, 1].map(() => machine.startReplica(machine.folder, {}, ['--log', log]));
  await roles(agents, { primary: 1, backup: 1 });
  await refused('RECOVER_ALIVE', /a replica of view 1 lives/, ...recover);
  const client = await asked('SET a 1\r\n', '+OK\r\n');
  for (const agent of agents) await killed(agent);
  await refused('RECOVER_CONNECTED', /the bus has 1 connections of the replicas that are dead/, ...recover);
  bus.killGroup('SIGKILL');
  await bus.ended;
  const again = machine.startBus();
  await until(() => (again.stderr.includes('is here') ? true : undefined));
  await refused(
    'LOG_MISSING',
    /no log is in it|can't be read/,
    '--log',
    bench.file('other'),
    '--recover',
    bench.file('none'),
  );
  const description = `${machine.folder}/machine.json`;
  const text = readFileSync(description, 'utf8');
  writeFileSync(description, text.replace('both-disks', 'memory'));
  await refused('DESCRIPTION_DIFFERS', /says what outputs wait for/, ...recover);
  writeFileSync(description, text);

  const on = machine.startReplica(machine.folder, {}, recover);
  await on.is('primary');
  client.socket.destroy();
  (await asked('GET a\r\n', '$1\r\n1\r\n')).socket.destroy();
  expect((await machine.stop()).status).toBe(0);
  await Promise.all([on.command.ended, again.ended]);
});
