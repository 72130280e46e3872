// `--metrics` and `--journal` of the parts of a machine on several hosts: what they tell of a failover.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Bench, type Command, guest, until } from './command.js';
import { GATED } from './gated.js';
import { HostedMachine, roles } from './hosted.js';

const bench = new Bench();

const WATCHED = (journal: string) => ['--metrics', '127.0.0.1:0', '--journal', journal];

/** Where the metrics of a part are, as it says. */
function metricsOf(command: Command): Promise<string> {
  return until(() => /metrics at (http:\S+)\n/.exec(command.stderr)?.[1]);
}

async function sample(command: Command, name: string): Promise<number> {
  const text = await (await fetch(await metricsOf(command))).text();
  return Number(new RegExp(`^${name.replace(/[{}"+]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function health(command: Command, path: string): Promise<number> {
  return (await fetch(new URL(path, await metricsOf(command)))).status;
}

/** What is told only once a second. */
async function becomes<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
  await expect.poll(ask, { timeout: 30_000, interval: 200 }).toEqual(wanted);
}

interface Line {
  readonly machine: string;
  readonly part: string;
  readonly event: string;
  readonly rule?: string;
}

function linesOf(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map(line => JSON.parse(line) as Line);
}

const told = (lines: readonly Line[]) => lines.map(({ event, rule = '' }) => `${event} ${rule}`.trimEnd());

test('the survivor of a kill tells of the failover, in its journal and by its metrics, and so does the bus', async () => {
  const machine = new HostedMachine(bench);
  await machine.init(...GATED);
  const journals = ['bus', 'one', 'other'].map(name => bench.file(`${name}.journal`));
  const bus = machine.startBus(WATCHED(journals[0]!));
  const agents = [1, 2].map(at => machine.startReplica(machine.folder, {}, WATCHED(journals[at]!)));
  const { primary, backup } = await roles(agents, { primary: 1, backup: 1 });
  await machine.hasStatus(found => found.protected);
  const before = [primary.report!, backup.report!];

  expect(await sample(primary.command, 'epochvisor_replicas{role="primary"}')).toBe(1);
  expect(await sample(backup.command, 'epochvisor_replicas{role="backup"}')).toBe(1);
  expect(await sample(backup.command, 'epochvisor_replicas{role="primary"}')).toBe(0);
  expect([await health(primary.command, '/primary'), await health(backup.command, '/primary')]).toEqual([200, 503]);
  expect([await health(primary.command, '/live'), await health(backup.command, '/live')]).toEqual([200, 200]);
  await becomes(() => health(bus, '/protected'), 200);
  await becomes(() => health(bus, '/primary'), 200);
  expect(await sample(bus, 'epochvisor_replicas{role="backup"}')).toBe(1);

  process.kill(before[0]!.pid, 'SIGKILL');
  await backup.is('primary');
  await primary.is('backup');
  await until(() => (bus.stdout.length > 1_000 ? true : undefined));
  const { view } = await machine.hasStatus(found => found.protected);

  expect(await sample(backup.command, 'epochvisor_failovers_total')).toBe(1);
  expect(await sample(backup.command, 'epochvisor_replicas{role="primary"}')).toBe(1);
  expect(await sample(backup.command, 'epochvisor_view')).toBe(view);
  expect(await sample(primary.command, 'epochvisor_replicas_lost_total')).toBe(1);
  expect(await sample(primary.command, 'epochvisor_replicas_joined_total')).toBe(1);
  expect([await health(primary.command, '/primary'), await health(backup.command, '/primary')]).toEqual([503, 200]);
  expect(await sample(bus, 'epochvisor_failovers_total')).toBe(1);
  expect(await sample(bus, 'epochvisor_failover_silence_seconds_count')).toBe(1);
  await becomes(() => sample(bus, 'epochvisor_view'), view);
  await becomes(() => health(bus, '/protected'), 200);
  await becomes(async () => (await sample(bus, 'epochvisor_output_hold_seconds_count')) > 0, true);

  bus.endInput();
  expect(await bus.ended).toMatchObject({ status: 0 });
  for (const { command } of agents) expect(await command.ended).toMatchObject({ status: 0 });
  const [ofBus, ...ofAgents] = journals.map(linesOf);
  const ofSurvivor = ofAgents[agents.indexOf(backup)]!;
  const ofOther = ofAgents[agents.indexOf(primary)]!;
  for (const lines of [ofBus!, ofSurvivor, ofOther]) {
    expect(told(lines)[0]).toBe('started');
    expect(told(lines).at(-1)).toBe('ended XT');
  }
  const to = before[1]!.incarnation;
  expect(ofSurvivor.find(({ event }) => event === 'failover')).toMatchObject({
    part: 'replica',
    rule: 'P7',
    view: 2,
    to,
  });
  expect(told(ofSurvivor)).toContain('live P7');
  expect(ofOther.find(({ event }) => event === 'lost')).toMatchObject({ replica: { pid: before[0]!.pid } });
  expect(told(ofOther)).toEqual(expect.arrayContaining(['joining JN', 'joined JN']));
  expect(told(ofOther)).not.toContain('failover P7');
  expect(ofBus!.find(({ event }) => event === 'failover')).toMatchObject({
    ...{ part: 'bus', view: 2, from: before[0]!.incarnation, to },
  });
}, 120_000);

test('what can not be served or written is refused in one line by either part, before anything runs', async () => {
  const machine = new HostedMachine(bench, 'refused');
  await machine.init(...GATED);
  for (const verb of ['replica', 'bus']) {
    const { status, stderr } = await bench.run([verb, '--journal', '/dev/full', machine.folder]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^epochvisor: the journal \/dev\/full can't be written: ENOSPC \[JOURNAL_FILE\][^\n]*\n$/);
    const wrong = await bench.run([verb, '--metrics', '9464', machine.folder]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toMatch(/^epochvisor: .*ADDR:PORT.* \[BAD_USAGE\].*\n$/);
  }
  expect((await machine.status()).parts).toEqual([]);
});

test.each([
  ['memory', /^replica on \S+: writes no log since 20\S+: there is no room for .* \[LOG_FULL\]$/m],
  ['both-disks', /^replica on \S+: outputs wait: there is no room for .* \[LOG_FULL\].*$/m],
])('a log without room is in the status of the machine, under %s', { timeout: 120_000 }, async (durability, line) => {
  const machine = new HostedMachine(bench, `full-${durability}`);
  await machine.init('--durability', durability, '--replicas', '1', guest('clock-random'), '0');
  const bus = machine.startBus();
  // As a full disk says it: a file may have 64 blocks of 512 bytes.
  const flags = ['--address', '127.0.0.1', '--no-cache', '--log', bench.file(`logs-${durability}`)];
  const agent = bench.startByShell('ulimit -f 64; exec "$@"', ['replica', ...flags, machine.folder]);
  const { parts } = await machine.hasStatus(found =>
    found.parts.some(({ report }) => report?.unlogged !== undefined || report?.logWaits !== undefined),
  );
  expect(parts.filter(({ report }) => report?.logWaits !== undefined)).toHaveLength(durability === 'memory' ? 0 : 1);
  expect((await bench.run(['status', machine.folder])).stdout).toMatch(line);
  for (const command of [agent, bus]) {
    command.kill('SIGTERM');
    await command.ended;
  }
});
