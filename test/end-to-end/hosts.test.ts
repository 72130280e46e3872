// A machine described in a folder, and its parts as processes of their own that no parent holds together.

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import type { MachineStatus } from '../../engine/parts/machine-status.js';
import { needs } from '../setup/needs.js';
import { libfaketime } from '../setup/requirements.js';
import { Bench, guest, isAlive, until } from './command.js';
import { GATED } from './gated.js';
import { type Agent, HostedMachine, roles } from './hosted.js';
import { Client, question } from './tcp-client.js';

const bench = new Bench();

const ROUNDS = /(?<rounds>\d+) rounds\n$/;

/** What an undisturbed machine writes in as many rounds. */
async function undisturbed(stdout: string): Promise<string> {
  const { rounds } = ROUNDS.exec(stdout)?.groups ?? {};
  expect(rounds, 'the number of rounds in the last line').toBeDefined();
  return (await bench.runPlain([...GATED, rounds!])).stdout;
}

async function endWith(agents: readonly Agent[], status: number): Promise<void> {
  for (const { command } of agents) expect(await command.ended, command.stderr).toMatchObject({ status });
}

test.each(['first', 'between', 'last'])(
  'a bus that is started %s and two replicas run a guest to its end',
  async when => {
    const machine = new HostedMachine(bench);
    await machine.init(...GATED);
    expect(await machine.status()).toMatchObject({ view: 0, protected: false, reason: 'not started', parts: [] });
    const early = when === 'first' ? machine.startBus() : undefined;
    const one = machine.startReplica();
    if (when !== 'first') await one.is('starting');
    const between = when === 'between' ? machine.startBus() : undefined;
    const other = machine.startReplica();
    if (when === 'last') await roles([one, other], { primary: 1, backup: 1 });
    const bus = early ?? between ?? machine.startBus();
    // Parts are asked one by one, and the backup may be asked before it has said that it is one.
    const rolesOf = ({ parts }: MachineStatus) => parts.map(({ role }) => role).join();
    const status = await machine.hasStatus(found => found.protected && rolesOf(found) === 'bus,primary,backup');
    expect(status.parts.map(({ report }) => report?.pid)).toContain(bus.pid);
    await until(() => (bus.stdout.length > 1_000 ? true : undefined));
    bus.endInput();
    expect(await bus.ended).toMatchObject({ status: 0 });
    await endWith([one, other], 0);
    expect(bus.stdout).toBe(await undisturbed(bus.stdout));
    expect(await machine.status()).toMatchObject({ protected: false, reason: 'ended: exit 0', parts: [] });
    // Its id is used up.
    const late = machine.startReplica();
    expect(await late.command.ended).toMatchObject({ status: 0 });
    expect(late.command.stderr).toMatch(/has ended: exit 0/);
  },
  60_000,
);

describe('clocks that are minutes apart', needs('faketime'), () => {
  /** The time of day alone is wrong: a host's monotonic clock counts from its start anyway. */
  const off = (by: string) => ({ LD_PRELOAD: libfaketime(), FAKETIME: by, DONT_FAKE_MONOTONIC: '1' });

  test('hold nobody up: nobody is suspected for them, and the one takes over from the other', async () => {
    const machine = new HostedMachine(bench);
    await machine.init(...GATED);
    const bus = machine.startBus();
    const agents = [machine.startReplica(machine.folder, off('+7m')), machine.startReplica(machine.folder, off('-9m'))];
    const { primary, backup } = await roles(agents, { primary: 1, backup: 1 });
    const { view } = await machine.hasStatus(found => found.protected);
    const replica = primary.report!.pid;
    expect(readFileSync(`/proc/${replica}/environ`, 'latin1')).toContain('FAKETIME=');
    await until(() => (bus.stdout.length > 1_000 ? true : undefined));
    expect((await machine.hasStatus(found => found.protected)).view).toBe(view);
    process.kill(replica, 'SIGKILL');
    await backup.is('primary');
    await primary.is('backup');
    bus.endInput();
    expect(await bus.ended).toMatchObject({ status: 0 });
    await endWith(agents, 0);
    expect(bus.stdout).toBe(await undisturbed(bus.stdout));
  }, 120_000);
});

test('whoever is killed, agent or replica, primary, backup or spare, the output is that of an undisturbed machine', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const stdout = bench.file('stdout.txt');
  const bus = machine.startBus(['--stdout', stdout]);
  const agents = [machine.startReplica(), machine.startReplica(), machine.startReplica()];
  let { primary, backup, spares } = await roles(agents, { primary: 1, backup: 1, joining: 1 });
  await machine.hasStatus(found => found.protected);

  // The primary's agent: its replica goes with it, the backup goes on, and the spare joins.
  const replica = primary.report!.pid;
  primary.command.kill('SIGKILL');
  await primary.command.ended;
  await backup.is('primary');
  await until(() => (isAlive(replica) ? undefined : true));
  await spares[0]!.is('backup');

  // Its records of the dead are hints, and a new agent joins.
  agents.push(machine.startReplica());
  const living = agents.filter(agent => agent !== primary);
  ({ primary, backup, spares } = await roles(living, { primary: 1, backup: 1, joining: 1 }));

  // The primary's process: the spare is there at once, and the agent's next one is the spare.
  process.kill(primary.report!.pid, 'SIGKILL');
  await backup.is('primary');
  ({ primary, backup, spares } = await roles(living, { primary: 1, backup: 1, joining: 1 }));

  process.kill(backup.report!.pid, 'SIGKILL');
  await spares[0]!.is('backup');
  ({ primary, backup, spares } = await roles(living, { primary: 1, backup: 1, joining: 1 }));

  const { view } = await machine.hasStatus(found => found.protected);
  const spare = spares[0]!.report!.pid;
  process.kill(spare, 'SIGKILL');
  await spares[0]!.is('joining', report => report.pid !== spare);
  // Nobody else has noticed.
  expect((await machine.hasStatus(found => found.protected)).view).toBe(view);

  bus.endInput();
  expect(await bus.ended).toMatchObject({ status: 0, stdout: '' });
  await endWith(living, 0);
  const written = readFileSync(stdout, 'latin1');
  expect(written).toBe(await undisturbed(written));
  // One first view, and one of each number after it.
  expect(machine.views()).toHaveLength(Number((await machine.status()).view) + 1);
}, 120_000);

test('a replica that hangs is replaced by the spare, and ended by its agent, which starts another', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const bus = machine.startBus();
  const agents = [machine.startReplica(), machine.startReplica(), machine.startReplica()];
  const { primary, backup, spares } = await roles(agents, { primary: 1, backup: 1, joining: 1 });
  await machine.hasStatus(found => found.protected);
  const { pid } = primary.report!;
  process.kill(pid, 'SIGSTOP');
  await backup.is('primary');
  await spares[0]!.is('backup');
  await primary.is('joining');
  expect(isAlive(pid)).toBe(false);
  bus.endInput();
  expect(await bus.ended).toMatchObject({ status: 0 });
  expect(bus.stdout).toBe(await undisturbed(bus.stdout));
  await endWith(agents, 0);
}, 60_000);

test('an agent that is told to end takes its replica and its record away, and the others go on', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const bus = machine.startBus();
  const agents = [machine.startReplica(), machine.startReplica()];
  const { primary, backup } = await roles(agents, { primary: 1, backup: 1 });
  await machine.hasStatus(found => found.protected);
  primary.command.kill('SIGTERM');
  expect(await primary.command.ended).toMatchObject({ status: 143 });
  await backup.is('primary', report => report.reason === 'need secondary');
  const status = await machine.hasStatus(found => found.reason === 'need secondary');
  expect(status.parts.map(({ role }) => role)).toEqual(['bus', 'primary']);
  bus.endInput();
  expect(await bus.ended).toMatchObject({ status: 0 });
  expect(bus.stdout).toBe(await undisturbed(bus.stdout));
  await endWith([backup], 0);
}, 60_000);

describe('stop', () => {
  test('ends every part, and says what was not known to have ended', async () => {
    const machine = new HostedMachine(bench);
    await machine.init(guest('spin'));
    const bus = machine.startBus();
    const agents = [machine.startReplica(), machine.startReplica(), machine.startReplica()];
    const { spares } = await roles(agents, { primary: 1, backup: 1, joining: 1 });
    // It answers nobody, and looks at nothing.
    process.kill(spares[0]!.command.pid, 'SIGSTOP');
    process.kill(spares[0]!.report!.pid, 'SIGSTOP');
    const stopped = await machine.stop('--timeout', '3');
    expect(stopped.status).toBe(1);
    expect(stopped.stderr).toMatch(
      /^epochvisor: machine \S+ has ended: it was stopped\nepochvisor: the replica at wss:\S+ .*not known to have ended: .*\n$/,
    );
    expect(await bus.ended).toMatchObject({ status: 0 });
    await endWith(
      agents.filter(agent => agent !== spares[0]),
      0,
    );
    process.kill(spares[0]!.report!.pid, 'SIGCONT');
    process.kill(spares[0]!.command.pid, 'SIGCONT');
    await endWith([spares[0]!], 0);
    expect(await machine.stop()).toMatchObject({ status: 0 });
    expect(await machine.status()).toMatchObject({ reason: 'ended: it was stopped', parts: [] });
  }, 60_000);
});

describe('clients of a program that listens', needs('c'), () => {
  test('stay connected when the primary dies, and when the one after it does', async () => {
    const machine = new HostedMachine(bench);
    const path = bench.file('socket');
    await machine.init('--listen', `unix:${path}`, buildProgram('echoes.c'));
    const bus = machine.startBus();
    const agents = [machine.startReplica(), machine.startReplica(), machine.startReplica()];
    await machine.hasStatus(found => found.protected);
    const client = new Client(path);
    await client.asks(question(0, 0, 100_000));
    for (let round = 1; round <= 2; round++) {
      const { primary, backup } = await roles(agents, { primary: 1, backup: 1, joining: 1 });
      process.kill(primary.report!.pid, 'SIGKILL');
      await client.asks(question(0, round, 100_000));
      await backup.is('primary');
      await machine.hasStatus(found => found.protected);
    }
    await client.leaves();
    const last = new Client(path);
    last.socket.write('quit');
    expect(await bus.ended).toMatchObject({ status: 0, stdout: 'listening\n' });
    last.socket.destroy();
    await endWith(agents, 0);
  }, 90_000);
});

test('a bus that is killed and started again goes on where it was, and nobody fails over for it', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const stdout = bench.file('stdout.txt');
  const agents = [machine.startReplica(), machine.startReplica()];
  for (let restart = 0; restart < 3; restart++) {
    const bus = machine.startBus(['--stdout', stdout]);
    await machine.hasStatus(found => found.protected);
    const { size } = statSync(stdout);
    await until(() => (statSync(stdout).size > size ? true : undefined));
    bus.kill('SIGKILL');
    await bus.ended;
  }
  const last = machine.startBus(['--stdout', stdout]);
  expect((await machine.hasStatus(found => found.protected)).view).toBe(1);
  last.endInput();
  expect(await last.ended).toMatchObject({ status: 0 });
  await endWith(agents, 0);
  const written = readFileSync(stdout, 'latin1');
  expect(written).toBe(await undisturbed(written));
}, 90_000);

test('a host whose folder has no module is given it, and keeps it', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const lacking = bench.file('lacking');
  cpSync(machine.folder, lacking, { recursive: true });
  rmSync(join(lacking, 'module.wasm'));
  rmSync(join(lacking, 'arbiter'), { recursive: true });
  const description = join(lacking, 'machine.json');
  writeFileSync(
    description,
    readFileSync(description, 'utf8').replace('"folder:arbiter"', JSON.stringify(machine.arbiter)),
  );
  const other = machine.startReplica(lacking);
  await until(() => (/nobody who has it answers/.test(other.command.stderr) ? true : undefined));
  const bus = machine.startBus();
  const one = machine.startReplica();
  await roles([one, other], { primary: 1, backup: 1 });
  expect(readFileSync(join(lacking, 'module.wasm'))).toEqual(readFileSync(join(machine.folder, 'module.wasm')));
  bus.endInput();
  expect(await bus.ended).toMatchObject({ status: 0 });
  await endWith([one, other], 0);
}, 60_000);

test('a second bus is refused while the first answers; one that slept while another came gives way to it', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('hello'));
  const first = machine.startBus();
  await machine.hasStatus(({ parts }) => parts.some(({ role }) => role === 'bus'));
  const second = machine.startBus();
  const ended = await second.ended;
  expect(ended.stderr).toMatch(/^epochvisor: the machine has a bus already \([^\n]*\) \[BUS_RUNNING\][^\n]*\n$/);
  expect(ended.status).toBe(2);
  // It answers nobody; but it has the memory, and its host knows that it lives.
  first.kill('SIGSTOP');
  const locked = await machine.startBus().ended;
  expect(locked.stderr).toMatch(/^epochvisor: [^\n]*\[BUS_RUNNING\][^\n]*\n$/);
  expect(locked.status).toBe(2);
  // To one on another host it is as good as dead, until it wakes up.
  const third = machine.startBus(['--memory', bench.file('elsewhere')]);
  await machine.hasStatus(({ parts }) => parts.some(({ report }) => report?.pid === third.pid));
  first.kill('SIGCONT');
  const superseded = await first.ended;
  expect(superseded.stderr).toMatch(/\n[^\n]*the machine has a bus already [^\n]*\[BUS_RUNNING\][^\n]*\n$/);
  expect(superseded.status).toBe(70);
  const agents = [machine.startReplica(), machine.startReplica()];
  expect(await third.ended).toMatchObject({ status: 0 });
  expect(third.stdout).toMatch(/Hello/);
  await endWith(agents, 0);
}, 60_000);

test('five agents that are started at once, where two are wanted, make one first view and one primary', async () => {
  for (let repetition = 0; repetition < 3; repetition++) {
    const machine = new HostedMachine(bench, `machine-${repetition}`);
    await machine.init(guest('spin'));
    const agents = Array.from({ length: 5 }, () => machine.startReplica());
    const bus = machine.startBus();
    await roles(agents, { primary: 1, backup: 1, joining: 3 });
    const status = await machine.hasStatus(found => found.protected && found.parts.length === 6);
    expect(status.view).toBe(1);
    expect(machine.views()).toHaveLength(2);
    expect(await machine.stop()).toMatchObject({ status: 0 });
    await endWith(agents, 0);
    await bus.ended;
  }
}, 120_000);

test('where all replicas have died the machine is finished: nobody begins anew, and it is said', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('spin'));
  const bus = machine.startBus();
  const first = machine.startReplica();
  // Nobody else comes: it begins alone after some seconds.
  await first.is('primary');
  first.command.kill('SIGKILL');
  await first.command.ended;
  const late = [machine.startReplica(), machine.startReplica()];
  for (const { command } of late) {
    await until(() => (/no replica that has the state of the machine answers/.test(command.stderr) ? true : undefined));
  }
  expect(machine.views()).toHaveLength(2);
  expect(await machine.status()).toMatchObject({ view: 1, reason: 'the primary does not answer' });
  expect(await machine.stop()).toMatchObject({ status: 0 });
  await endWith(late, 0);
  await bus.ended;
}, 90_000);

test('nothing begins where the arbiter does not know the machine, as one that is not mounted', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(guest('hello'));
  for (const name of readdirSync(machine.arbiter)) rmSync(join(machine.arbiter, name));
  const agents = [machine.startReplica(), machine.startReplica()];
  for (const { command } of agents) {
    await until(() => (/the arbiter has no record of this machine/.test(command.stderr) ? true : undefined));
    command.kill('SIGINT');
    expect(await command.ended).toMatchObject({ status: 130 });
  }
  expect(machine.views()).toEqual([]);
  rmSync(machine.arbiter, { recursive: true });
  const refused = machine.startReplica();
  expect(await refused.command.ended).toMatchObject({ status: 2 });
  expect(refused.command.stderr).toMatch(/\[ARBITER_UNREACHABLE\]/);
  expect(existsSync(machine.arbiter)).toBe(false);
}, 60_000);
