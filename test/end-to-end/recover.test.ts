// `epochvisor recover`: every process of a machine is killed, and it goes on: nothing that was put out is lost or doubled.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Bench, type Command, type Ended, guest, until } from './command.js';
import { Gated } from './gated.js';
import { kills } from './tcp-client.js';

const bench = new Bench();

const LINES = 300;
const INPUT = Array.from({ length: LINES }, (_, number) => `line ${number + 1}\n`).join('');
const MILL = [guest('mill'), '200', '1'];

function disk(name: string): string {
  writeFileSync(bench.file(name), '');
  truncateSync(bench.file(name), 1 << 16);
  return bench.file(name);
}

const sizeOf = (name: string): number => {
  try {
    return readFileSync(bench.file(name)).length;
  } catch {
    return 0;
  }
};

async function killed(command: Command): Promise<Ended> {
  command.killGroup('SIGKILL');
  return await command.ended;
}

/** `recover` says that it goes on, and gives the guest what of its input was not read. */
async function recovered(...args: string[]): Promise<Command> {
  const command = bench.start(['recover', ...args], 'pipe');
  const [, read] = await until(() => /stdin was read up to byte (\d+)\n/.exec(command.stderr) ?? undefined);
  command.write(INPUT.slice(Number(read)));
  return command;
}

function expectRefused({ status, stderr }: Ended, code: string, says: RegExp): void {
  expect(stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  expect(stderr).toContain(`[${code}]`);
  expect(stderr).toMatch(says);
  expect(status).toBe(2);
}

const logsIn = (logs: string) => readdirSync(logs).filter(name => /^[0-9a-f-]{36}$/.test(name));

/** A run, then as many recoveries, each of which is killed with all of its processes when it has put something out. */
test.each([
  ['both-disks', 3],
  ['backup-disk', 2],
  ['memory', 1],
] as const)(
  'under %s, all processes are killed %i times: output, disk and teller are those of an undisturbed machine',
  { timeout: 300_000 },
  async (durability, kills) => {
    const logs = bench.file('logs');
    const devices = ['--disk', disk('disk'), '--teller', bench.file('teller')];
    const flags = ['--log', logs, '--durability', durability, '--checkpoint-every', '1', '--stdout', bench.file('out')];
    let machine = bench.start(['run', ...flags, ...devices, ...MILL], 'pipe');
    machine.write(INPUT);
    for (let kill = 0; kill < kills; kill++) {
      const before = sizeOf('out');
      await until(() => (sizeOf('out') > before + 1_000 ? true : undefined));
      await killed(machine);
      // One that is killed before it could go on changes nothing.
      if (kill === 1) await killed(await recovered(logs));
      machine = await recovered(logs);
      expect(machine.stderr).toMatch(/^epochvisor: goes on from .*: from .* to position \d+; /);
    }
    machine.endInput();
    const { status, stderr } = await machine.ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/went live after failover epoch \d+/);
    const plain = bench.startPlain(['--disk', disk('plain-disk'), ...MILL], 'pipe');
    plain.write(INPUT);
    plain.endInput();
    expect(readFileSync(bench.file('out'), 'utf8')).toBe((await plain.ended).stdout);
    expect(readFileSync(bench.file('disk')).equals(readFileSync(bench.file('plain-disk')))).toBe(true);
    // A note for each line, and none twice.
    expect(readFileSync(bench.file('teller'), 'utf8').split('\n')).toHaveLength(LINES + 1);
    expectRefused(await bench.run(['recover', logs]), 'RECOVER_ENDED', /came to its end: exit 0/);
  },
);

test('a log that was overtaken is not gone on from; those that lie elsewhere are, also where they joined', {
  timeout: 180_000,
}, async () => {
  const [logs, away] = [bench.file('logs'), bench.file('away')];
  const gated = new Gated(bench, ['--log', logs, '--durability', 'both-disks', '--stdout', bench.file('out')]);
  await gated.machine.isProtected();
  const first = logsIn(logs);
  expectRefused(await bench.run(['recover', logs]), 'BUS_RUNNING', /a bus runs on .*logs\/bus already/);
  // Both of the first view are replaced, one after the other.
  for (let kill = 0; kill < 2; kill++) await kills(gated.machine, 'primary');
  await gated.machine.isProtected();
  const before = sizeOf('out');
  await until(() => (sizeOf('out') > before ? true : undefined));
  await killed(gated.machine.command);
  mkdirSync(away);
  for (const name of logsIn(logs).filter(name => !first.includes(name))) renameSync(join(logs, name), join(away, name));
  expectRefused(
    await bench.run(['recover', logs]),
    'RECOVER_OVERTAKEN',
    /was overtaken: view \d+ .* belongs to \w{8} and/,
  );
  const machine = bench.start(['recover', '--replicas', '1', logs, away], 'pipe');
  await until(() => (/went live/.test(machine.stderr) ? true : undefined));
  machine.endInput();
  expect((await machine.ended).status).toBe(0);
  const out = readFileSync(bench.file('out'), 'utf8');
  const rounds = /(\d+) rounds\n$/.exec(out)![1]!;
  expect(out).toBe((await bench.runPlain([guest('gated'), '100000', rounds])).stdout);
});

test('what can not be gone on from is told in one line, and changes nothing', { timeout: 180_000 }, async () => {
  const logs = bench.file('logs');
  const run = async (name: string) => {
    const command = bench.start(
      ['run', '--log', bench.file(name), '--durability', 'both-disks', guest('gated'), '100000'],
      'pipe',
    );
    await until(() => (command.stdout.length > 2_000 ? true : undefined));
    await killed(command);
  };
  await run('logs');
  await run('others');
  const refused = async (code: string, says: RegExp, ...args: string[]) =>
    expectRefused(await bench.run(['recover', ...(args.length === 0 ? [logs] : args)]), code, says);
  await refused('LOG_MISSING', /none\/machine\.json can't be read: ENOENT/, bench.file('none'));
  await refused('LOG_MISSING', /machine\.json can't be read: ENOTDIR/, guest('hello'));
  await refused('LOGS_DIFFER', /are the logs of two machines/, logs, bench.file('others'));
  await refused('GUEST_CHANGED', /hello\.wasm is not the guest of the log/, '--guest', guest('hello'), logs);

  const origin = join(logs, 'machine.json');
  const text = readFileSync(origin, 'utf8');
  writeFileSync(origin, text.replace('"version": 1', '"version": 2'));
  await refused('LOG_VERSION', /machine\.json is of version 2, where this is 1/);
  writeFileSync(origin, '{}');
  await refused('LOG_CORRUPT', /machine\.json does not say how a machine was started/);
  writeFileSync(origin, text);

  renameSync(join(logs, 'arbiter'), join(logs, 'gone'));
  await refused('ARBITER_FAILED', /no such folder: .*arbiter/);
  renameSync(join(logs, 'gone'), join(logs, 'arbiter'));

  // Each log: its first segment is gone, damaged, of a newer version; then the logs are.
  const segments = logsIn(logs).map(name => join(logs, name, '00000001.epvlog'));
  const bytes = segments.map(path => readFileSync(path));
  const changed = (change: (bytes: Buffer) => void) => {
    for (const [index, path] of segments.entries()) {
      const other = Buffer.from(bytes[index]!);
      change(other);
      writeFileSync(path, other);
    }
  };
  changed(other => (other[other.length >> 1]! ^= 1));
  await refused('LOG_CORRUPT', /00000001\.epvlog can't be relied on: .*, at byte \d+/);
  changed(other => (other[8] = 2));
  await refused('LOG_VERSION', /00000001\.epvlog is a log of version 2, where this is 1/);
  for (const path of segments) rmSync(path);
  await refused('LOG_MISSING', /no log is in it/);

  changed(() => undefined);
  const machine = bench.start(['recover', '--replicas', '1', logs], 'pipe');
  await until(() => (/went live/.test(machine.stderr) ? true : undefined));
  machine.endInput();
  expect((await machine.ended).status).toBe(0);
});

test('a disk that is full holds outputs back, says so, and loses nothing', { timeout: 180_000 }, async () => {
  // As a full disk says it: a file may have 64 blocks of 512 bytes.
  const [logs, status] = [bench.file('logs'), bench.file('status')];
  const flags = ['--no-cache', '--log', logs, '--durability', 'both-disks', '--status-file', status];
  const full = bench.startByShell('ulimit -f 64; exec "$@"', ['run', ...flags, guest('clock-random'), '20000']);
  await until(() => (full.stderr.includes('[LOG_FULL]') ? true : undefined));
  expect(full.stderr).toMatch(/outputs wait for the log of replica \d+: there is no room for .* \[LOG_FULL\]/);
  await until(() =>
    /"logWaits": "replica \d+: there is no room/.test(readFileSync(status, 'utf8')) ? true : undefined,
  );
  const { stdout } = await killed(full);
  expect(stdout.split('\n').length).toBeLessThan(20_000);
  const { status: exit, stdout: rest } = await bench.run(['recover', '--replicas', '1', logs]);
  const lines = `${stdout}${rest}`.split('\n');
  expect([exit, lines.length]).toEqual([0, 20_001]);
  for (const [index, line] of lines.slice(0, -1).entries()) expect(line.startsWith(`${index + 1} `)).toBe(true);
});

test('a guest that never waits, and of which no checkpoint was taken, is run again from its beginning, and another replica joins', {
  timeout: 180_000,
}, async () => {
  const program = [guest('compute'), '1000', '40'];
  const flags = ['--log', bench.file('logs'), '--stdout', bench.file('out')];
  const machine = bench.start(['run', ...flags, ...program]);
  await until(() => (sizeOf('out') > 8_000 ? true : undefined));
  await killed(machine);
  const { status, stderr } = await bench.run(['recover', bench.file('logs')]);
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/: from the beginning to position \d+; /);
  expect(stderr).toContain('is primary. Protected');
  expect(readFileSync(bench.file('out'), 'utf8')).toBe((await bench.runPlain(program)).stdout);
});

test('a log of which the end was lost, with output that is there, is not gone on from', {
  timeout: 180_000,
}, async () => {
  const logs = bench.file('logs');
  const machine = bench.start(['run', '--log', logs, '--stdout', bench.file('out'), guest('clock-random'), '100000']);
  await until(() => (sizeOf('out') > 50_000 ? true : undefined));
  await killed(machine);
  const before = readFileSync(bench.file('out'));
  // As a loss of power leaves them, where nothing waited for a disk.
  for (const log of logsIn(logs)) truncateSync(join(logs, log, '00000001.epvlog'), 16 << 10);
  const { status, stderr } = await bench.run(['recover', logs]);
  expect(stderr).toMatch(/of the output of stream 1 \d+ have passed, and the log knows of \d+: its end was lost \[/);
  expect(status).toBeGreaterThan(0);
  expect(readFileSync(bench.file('out')).equals(before)).toBe(true);
});
