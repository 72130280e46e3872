// `run --record`, `replay`, `inspect-log`: whatever happened to the replicas, a recording runs again as the guest ran.

import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import type { Status } from '../../engine/observe/status.js';
import type { LogEntry } from '../../engine/protocol/vocabulary.js';
import { openLogFile } from '../../engine/recording/host-logs.js';
import { openRecording } from '../../engine/recording/recording.js';
import { entriesOf, rewriteEntries } from '../recording/changed-recording.js';
import { needs } from '../setup/needs.js';
import { Bench, type Ended, guest, Watched } from './command.js';
import { Gated } from './gated.js';
import { Client, kills, question } from './tcp-client.js';

const bench = new Bench();

/** The lines of a recording, by kind. */
async function told(path: string, ...flags: string[]): Promise<string[]> {
  const { stdout, stderr, status } = await bench.run(['inspect-log', ...flags, path]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').slice(0, -1);
}

/** Of a machine that runs: what its replicas are writing may be cut short anywhere. */
function checkpointsIn(logs: string): number {
  return [...openRecording(logs).records()].filter(({ record }) => record.type === 'checkpoint').length;
}

/** Each failover is told, and who was primary after it. */
async function tellsFailovers(path: string, count: number): Promise<void> {
  const failovers = await told(path, '--kind', 'failover,view');
  expect(failovers.filter(line => /^\d+ failover: live after this epoch/.test(line)).length).toBeGreaterThanOrEqual(
    count,
  );
  expect(failovers[0]).toMatch(/^0 view 1: primary \w{8}, backup .* \(the machine begins\)/);
  expect(failovers.some(line => /^\d+ view 2: primary \w{8}, (no )?backup/.test(line))).toBe(true);
}

function expectRefused(ended: Ended, code: string, says: RegExp): void {
  expect(ended.stderr).toMatch(/^epochvisor: [^\n]*\n$/);
  expect(ended.stderr).toContain(`[${code}]`);
  expect(ended.stderr).toMatch(says);
  expect(ended.status).toSatisfy(status => typeof status === 'number' && status > 0 && status < 128);
}

describe('a run of which the primary was killed, twice, with replacements', () => {
  test('of a bare guest with clock and random numbers, ended by Ctrl-C, is run again as far as it came', {
    timeout: 180_000,
  }, async () => {
    const [file, logs] = [bench.file('recording'), bench.file('logs')];
    const flags = ['--record', file, '--log', logs, '--checkpoint-every', '1'];
    const machine = bench.startWatched([...flags, guest('clock-random'), '1000000000', '20000']);
    for (let kill = 0; kill < 2; kill++) await kills(machine, 'primary');
    await machine.wrote(machine.command.stdout.length + 10_000);
    while (checkpointsIn(logs) < 3) await sleep(200);
    machine.command.killGroup('SIGINT');
    const { stdout, stderr, status } = await machine.command.ended;
    expect(status).toBe(130);
    expect(stderr).toContain(`${file} has the run (`);
    const replayed = await bench.run(['replay', file]);
    expect(replayed.stdout.slice(0, stdout.length)).toBe(stdout);
    expect(replayed.stderr).toMatch(/^epochvisor: the recording ends here, and the guest had not: epoch \d+, .*\n$/);
    expect(replayed.status).toBe(0);
    await tellsFailovers(file, 2);

    // The logs say the same, and need the guest.
    expectRefused(await bench.run(['replay', logs]), 'GUEST_MISSING', /the guest is not in .*logs/);
    expectRefused(await bench.run(['replay', '--guest', guest('hello'), logs]), 'GUEST_CHANGED', /hello\.wasm is not/);
    const fromLogs = await bench.run(['replay', '--quiet', '--guest', guest('clock-random'), logs]);
    expect(fromLogs).toEqual({ ...replayed, stderr: '' });
    expect(readdirSync(logs).filter(name => !['arbiter', 'bus', 'machine.json'].includes(name))).toHaveLength(4);

    // Any instruction is reached from a checkpoint, and is the same one from the beginning.
    const checkpoints = await told(file, '--kind', 'checkpoint');
    expect(checkpoints.length).toBeGreaterThanOrEqual(3);
    const epoch = Number(/^\d+/.exec(checkpoints.at(-2)!)?.[0]) + 3;
    const stop = (...more: string[]) => bench.run(['replay', ...more, '--output', 'none', '--to', `${epoch}:1000`]);
    const stopped = await stop(file);
    expect(stopped.stderr).toMatch(
      new RegExp(
        `^epochvisor: stopped at ${epoch}:1\\d\\d\\d, \\d+ instructions since the start\n.*\n.* SHA-256 \\w{64}\n$`,
      ),
    );
    expect([stopped.status, stopped.stdout]).toEqual([0, '']);
    const without = bench.file('without');
    rewriteEntries(file, without, entriesOf(file), ({ type }) => !['begins', 'piece', 'checkpoint'].includes(type));
    expect(await told(without, '--kind', 'checkpoint')).toEqual([]);
    expect(await stop(without)).toEqual(stopped);
    expectRefused(
      await bench.run(['replay', '--output', 'none', '--to', '999999999:0', file]),
      'REPLAY_SHORT',
      /does not reach 999999999:0: it ends in epoch \d+/,
    );
  });

  test.each(['original', 'revised'])(
    'of a WASI program with a folder, in %s, ends again as it did',
    needs('c'),
    async variant => {
      const [file, folder] = [bench.file('recording'), bench.file('folder')];
      mkdirSync(folder);
      for (const name of ['theirs', 'old']) writeFileSync(`${folder}/${name}`, name);
      const flags = ['--record', file, '--variant', variant, '--dir', `${folder}::/data`];
      const machine = bench.startWatched([...flags, buildProgram('journal.c'), '/data'], 'pipe');
      for (let kill = 0; kill < 2; kill++) await kills(machine, 'primary');
      machine.command.endInput();
      const { stdout, status } = await machine.command.ended;
      expect([status, stdout]).toEqual([0, expect.stringMatching(/^line 0\n/)]);
      expect(await bench.run(['replay', '--quiet', file])).toMatchObject({ status, stdout, stderr: '' });
      await tellsFailovers(file, 2);
      expect((await told(file)).at(-1)).toMatch(
        /^contains of the guest: its code, 2 arguments, .* [1-9]\d* bytes that devices/,
      );
    },
  );

  test('of three replicas, all of which were killed with their launcher, has left its logs beside the file', async () => {
    const machine = bench.startWatched([
      ...['--replicas', '3', '--record', bench.file('recording')],
      ...[guest('clock-random'), '1000000000', '20000'],
    ]);
    await kills(machine, 'primary');
    await machine.wrote(machine.command.stdout.length + 10_000);
    machine.command.killGroup('SIGKILL');
    const { stdout } = await machine.command.ended;
    const [logs, ...others] = readdirSync(bench.folder).filter(name => name.startsWith('recording'));
    expect([logs, others]).toEqual([expect.stringMatching(/^recording\.log-/), []]);
    const replayed = await bench.run(['replay', '--guest', guest('clock-random'), bench.file(logs!)]);
    expect(replayed.stdout.slice(0, stdout.length)).toBe(stdout);
    await tellsFailovers(bench.file(logs!), 1);
  });

  test('of a guest that went on from a snapshot begins there', async () => {
    const [snapshot, file] = [bench.file('snapshot'), bench.file('recording')];
    const gated = new Gated(bench);
    await gated.machine.wrote(1_000);
    await gated.machine.isProtected();
    expect(await bench.run(['snapshot', '--status-file', gated.machine.statusFile, snapshot])).toMatchObject({
      status: 0,
    });
    await gated.ended();
    const resumed = new Gated(bench, ['--record', file], snapshot);
    for (let kill = 0; kill < 2; kill++) await kills(resumed.machine, 'primary');
    const { stdout, status } = await resumed.ended();
    expect(await bench.run(['replay', '--quiet', file])).toMatchObject({ status, stdout, stderr: '' });
    expect((await told(file, '--kind', 'view,checkpoint'))[0]).toMatch(
      /^[1-9]\d* checkpoint at instruction \d+, position \d+$/,
    );
  });

  test('of a program with TCP clients is run again without them', needs('c'), async () => {
    const [file, path] = [bench.file('recording'), bench.file('socket')];
    const machine = bench.startWatched(['--record', file, '--listen', `unix:${path}`, buildProgram('echoes.c')]);
    await machine.wrote('listening\n'.length);
    let over = false;
    const clients = Array.from({ length: 4 }, async (_, index) => {
      const client = new Client(path);
      for (let round = 0; !over; round++) await client.asks(question(index, round, 10_000));
      await client.leaves();
    });
    for (let kill = 0; kill < 2; kill++) await kills(machine, 'primary');
    over = true;
    await Promise.all(clients);
    const last = new Client(path);
    last.socket.write('quit');
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'listening\n' });
    last.socket.destroy();
    const replayed = await bench.run(['replay', file]);
    expect(replayed).toMatchObject({ status: 0, stdout: 'listening\n' });
    expect(replayed.stderr).toMatch(/^epochvisor: the guest ended as then: exit 0, in epoch \d+\n$/);
    await tellsFailovers(file, 2);
    const events = (await told(file, '--json', '--kind', 'interrupt')).map(
      line => JSON.parse(line) as { interrupt: string },
    );
    expect(events.filter(({ interrupt }) => interrupt === 'opened')).toHaveLength(5);
  });
});

describe('a recording', () => {
  const record = async (file: string, ...command: string[]) => {
    const ended = await bench.run(['run', '--quiet', '--epoch-length', '100000', '--record', file, ...command]);
    expect(ended.stderr).toBe('');
    return ended;
  };

  test('of a guest that traps, and of one that runs alone, ends as that did', async () => {
    const file = bench.file('recording');
    const trapped = await bench.run(['run', '--record', file, guest('trap')]);
    expect(trapped.status).toBe(134);
    const again = await bench.run(['replay', file]);
    expect(again).toMatchObject({ status: 134, stdout: trapped.stdout });
    expect(again.stderr).toMatch(/^epochvisor: the guest ended as then: trap: .*\n$/);
    // A survivor whose primary had not told of it came to the end by itself.
    const untold = bench.file('untold');
    const logged = entriesOf(file);
    expect(logged.at(-1)).toMatchObject({ type: 'final', outcome: { kind: 'trap' } });
    rewriteEntries(file, untold, logged.slice(0, -1));
    expect(await bench.run(['replay', untold])).toEqual(again);
    const alone = await record(file, '--replicas', '1', guest('clock-random'), '50');
    expect(await bench.run(['replay', '--quiet', file])).toMatchObject({ status: 0, stdout: alone.stdout });
    const some = await told(file, '--from', '1', '--to', '2', '--kind', 'end, empty,output');
    expect(some.length).toBeGreaterThan(0);
    for (const line of some) expect(line).toMatch(/^[12] (end at|empty epoch|output stdout, at)/);
  });

  test('in which something was changed is run as far as the epoch of it, which is named', async () => {
    const [file, changed] = [bench.file('recording'), bench.file('changed')];
    const { stdout } = await record(file, guest('clock-random'), '100', '20000');
    const entries = entriesOf(file);
    const random = entries.flatMap((entry, at) => (entry.type === 'value' && entry.source === 2 ? [at] : []));
    const [a, b] = [random[50]!, random[51]!];
    const epoch = entries.slice(0, a).reduce((sum, entry) => sum + epochsOf(entry), 0);
    const exchanged = entries.with(a, entries[b]!).with(b, entries[a]!);
    rewriteEntries(file, changed, exchanged);
    const differs = await bench.run(['replay', changed]);
    expectRefused(differs, 'REPLAY_DIFFERS', new RegExp(`in epoch (${epoch}|${epoch + 1}): `));
    expect(stdout.startsWith(differs.stdout)).toBe(true);
    expect(differs.stdout.length).toBeLessThan(stdout.length);

    rewriteEntries(file, changed, entries.slice(0, a));
    const early = await bench.run(['replay', changed]);
    expectRefused(early, 'REPLAY_DIFFERS', /the machine came to its end there, and the guest has not/);
    expect(stdout.startsWith(early.stdout)).toBe(true);

    writeFileSync(bench.file('input'), 'a line\n');
    const input = bench.file('input');
    const echoed = await bench.run(['run', '--quiet', '--record', file, guest('echo')], openSync(input, 'r'));
    expect(echoed).toMatchObject({ status: 0, stdout: expect.stringContaining('a line') });
    const heard = entriesOf(file);
    const at = heard.findIndex(entry => entry.type === 'end' && entry.interrupts.length > 0);
    const end = heard[at] as LogEntry & { type: 'end' };
    rewriteEntries(file, changed, heard.with(at, { ...end, interrupts: [] }));
    const deaf = await bench.run(['replay', changed]);
    expectRefused(deaf, 'REPLAY_DIFFERS', new RegExp(`in epoch (${end.epoch}|${end.epoch + 1}): `));
  });

  test('that is damaged, cut short, of a newer version, or none is told in one line', async () => {
    const [file, other] = [bench.file('recording'), bench.file('other')];
    const { stdout } = await record(file, guest('clock-random'), '50');
    const bytes = readFileSync(file);
    const changedAt = (at: number) => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      writeFileSync(other, changed);
      return other;
    };
    for (const verb of ['replay', 'inspect-log']) {
      expectRefused(
        await bench.run([verb, changedAt(bytes.length - 400)]),
        'LOG_CORRUPT',
        /other can't be .* at byte \d+/,
      );
      expectRefused(
        await bench.run([verb, changedAt(8)]),
        'LOG_VERSION',
        /other is a log of version 0, where this is 1/,
      );
      expectRefused(await bench.run([verb, bench.file('none')]), 'LOG_MISSING', /none can't be read: ENOENT/);
      expectRefused(await bench.run([verb, guest('hello')]), 'LOG_CORRUPT', /hello\.wasm can't be .*: it is no log/);
      expectRefused(await bench.run([verb, bench.folder]), 'LOG_MISSING', /no log is in it/);
    }
    // Its end is not known then, and what comes before is.
    writeFileSync(other, bytes);
    truncateSync(other, [...openLogFile(file).records()].findLast(({ record }) => record.type === 'log')!.at + 20);
    const cut = await bench.run(['replay', other]);
    expect(cut.stderr).toMatch(/the recording ends here, and the guest had not/);
    expect(stdout.startsWith(cut.stdout)).toBe(true);
    expect(cut.status).toBe(0);
  });

  test('that can not be written is refused before anything runs; where room ends later the run goes on', async () => {
    const nowhere = bench.file('none/recording');
    expectRefused(
      await bench.run(['run', '--record', nowhere, guest('hello')]),
      'RECORDING_FILE',
      /can't be written: ENOENT/,
    );
    expectRefused(await bench.run(['run', '--log', bench.folder, guest('hello')]), 'LOG_FOLDER', /is not empty: /);
    // Where the system says ENOENT though the parent is there.
    expectRefused(
      await bench.run(['run', '--log', '/proc/none', guest('hello')]),
      'LOG_FOLDER',
      /can't be used: ENOENT/,
    );
    const above = bench.file('above/it');
    expect((await bench.run(['run', '--log', above, guest('hello')])).status).toBe(0);
    expect(existsSync(above)).toBe(true);
    expectRefused(
      await bench.run(['run', '--checkpoint-every', '1', guest('hello')]),
      'BAD_USAGE',
      /is for a run that is/,
    );
    // As a full disk says it: a file may have 64 blocks of 512 bytes.
    const flags = ['--no-cache', '--log', bench.file('logs'), '--status-file', bench.file('status')];
    const args = ['run', ...flags, guest('clock-random'), '0'];
    const command = bench.startByShell('ulimit -f 64; exec "$@"', args, 'pipe');
    const machine = new Watched(command, bench.file('status'));
    // The status says so of each, for as long as it lives; nobody ends for it.
    const all = ({ primary, backups }: Status) => [primary, ...backups].map(({ unlogged }) => unlogged);
    const status = await machine.status(one => all(one).length === 2 && all(one).every(why => why !== undefined));
    for (const unlogged of all(status)) {
      expect(unlogged).toMatchObject({ code: 'LOG_FULL', why: expect.stringMatching(/^there is no room for .*logs/) });
      expect(unlogged!.since).toMatch(/^20\d\d-\d\d-\d\dT.*Z$/);
    }
    await machine.status(({ epoch, protected: isProtected }) => isProtected && epoch > status.epoch);
    command.endInput();
    const ended = await command.ended;
    expect(ended.stderr).toMatch(
      /^epochvisor: replica \d+ logs nothing any more: there is no room for .* \[LOG_FULL\]/,
    );
    expect(ended.status).toBe(0);
    const logged = await bench.run(['replay', '--guest', guest('clock-random'), bench.file('logs')]);
    expect(ended.stdout.startsWith(logged.stdout)).toBe(true);
    expect([logged.status, logged.stdout.length > 1_000]).toEqual([0, true]);
  });
});

function epochsOf(entry: LogEntry): number {
  if (entry.type === 'empty') return entry.epochs;
  return entry.type === 'end' ? 1 : 0;
}
