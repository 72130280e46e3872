// A bus that is killed, again and again, and started anew: guests wait, nothing is lost or doubled, and nobody fails over (RB).

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { FIRST_LISTENING } from '../../devices/connection/connection-streams.js';
import { FIRST_DIRECTORY } from '../../devices/directory/directory-commands.js';
import { FIRST_DISK } from '../../devices/disk/disk-commands.js';
import { TELLER } from '../../devices/teller/teller-commands.js';
import { needs } from '../setup/needs.js';
import { Bench, guest, until } from './command.js';
import { type MachineParts, RestartedMachine, SUSPICION_MS } from './restarted.js';
import { generator } from './seeds.js';
import { Client, question } from './tcp-client.js';

// A bus is away for seconds, several times.
vi.setConfig({ testTimeout: 180_000 });

const bench = new Bench();
const random = generator();
let machine: RestartedMachine | undefined;
afterEach(async () => {
  await machine?.stop();
  machine = undefined;
});

async function started(parts: MachineParts): Promise<RestartedMachine> {
  machine = new RestartedMachine(bench, parts);
  await machine.start();
  return machine;
}

/**
 * Kills the bus some moments after it serves, for as long as there is a machine. Once it is away for longer than it takes to suspect
 * a replica, which a pair could mistake for a death; a survivor that is alone does once, too (`alone`).
 * @param primaryAt the kill with which the primary dies, too
 */
async function killUntilEnded(
  of: RestartedMachine,
  killsMax: number,
  primaryAt?: number,
  alone = false,
): Promise<void> {
  const isLong = primaryAt === undefined || alone;
  while (of.kills < killsMax) {
    const over = await Promise.race([of.bus.ended, sleep(20 + random() * 200)]);
    if (over !== undefined) return;
    if (of.kills === primaryAt) of.killPrimary();
    await of.kill();
    await sleep(isLong && of.kills === 3 ? 1.2 * SUSPICION_MS : random() * 100);
    of.startBus();
    await of.serves();
  }
}

const BOTH = [
  ['the bus alone', undefined],
  ['the bus, and with it once the primary', 2],
] as const;

function expectNobodyFailedOver(of: RestartedMachine, primaryAt: number | undefined): void {
  if (primaryAt === undefined) expect(of.changes).toEqual([]);
  else expect(of.changes.some(({ type }) => type === 'live')).toBe(true);
}

describe.each(BOTH)('%s is killed', (_, primaryAt) => {
  test('a teller dispenses each note once, and its guest prints each line once', async () => {
    const notes = 1500;
    const of = await started({
      guest: guest('teller'),
      arguments: [`${notes}`],
      sources: [{ kind: 'teller', path: bench.file('teller.journal') }],
      devices: [{ number: TELLER, kind: 'teller', sizeBytes: 0 }],
    });
    await killUntilEnded(of, 12, primaryAt, true);
    const { status, stderr } = await of.ended();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = Array.from({ length: notes }, (_note, at) => `note ${at + 1} dispensed\n`);
    expect(of.stdout).toBe(lines.join(''));
    const journal = readFileSync(bench.file('teller.journal'), 'utf8').trimEnd().split('\n');
    expect(journal.map(line => line.split(' ')[2])).toEqual(lines.map((_line, at) => `${at + 1}`));
    expect(journal.map(line => line.split(' ')[0])).toEqual(lines.map((_line, at) => `${at + 1}`));
    expect(of.kills).toBeGreaterThan(2);
    expectNobodyFailedOver(of, primaryAt);
  });

  test('a log on a disk has each record once, and nothing acknowledged is missing', async () => {
    const records = 600;
    writeFileSync(bench.file('disk'), new Uint8Array(512 * (records + 8)));
    const of = await started({
      guest: guest('disk-log'),
      arguments: [`${records}`],
      sources: [{ kind: 'disk', path: bench.file('disk') }],
      devices: [{ number: FIRST_DISK, kind: 'disk', sizeBytes: 512 * (records + 8) }],
    });
    await killUntilEnded(of, 6, primaryAt);
    expect(await of.ended()).toMatchObject({ status: 0, stderr: '' });
    const acknowledged = [...of.stdout.matchAll(/^appended (\d+) /gm)].map(([, at]) => Number(at));
    expect(acknowledged).toEqual(Array.from({ length: records }, (_record, at) => at));
    // Another guest reads the log to its end.
    const { stdout } = await bench.runPlain(['--disk', bench.file('disk'), guest('disk-log'), '0']);
    expect(stdout).toBe(`found ${records} records ${/ (\w+)\n$/.exec(of.stdout)?.[1]}\n`);
    expect(of.kills).toBeGreaterThan(2);
    expectNobodyFailedOver(of, primaryAt);
  });

  test('what a guest prints is in the file as a plain machine prints it', async () => {
    const kibibytes = 30_000;
    const of = await started({ guest: guest('flood'), arguments: [`${kibibytes}`] });
    await killUntilEnded(of, 6, primaryAt);
    expect(await of.ended()).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = await bench.runPlain([guest('flood'), `${kibibytes}`]);
    expect(of.stdout.length).toBe(stdout.length);
    expect(of.stdout === stdout).toBe(true);
    expectNobodyFailedOver(of, primaryAt);
  });
});

describe('a folder of a program', needs('c'), () => {
  const LINES = 60;

  function folder(name: string): string {
    mkdirSync(bench.file(name));
    for (const file of ['old', 'theirs']) writeFileSync(join(bench.file(name), file), `${file}\n`);
    return bench.file(name);
  }

  /** All that is in a folder, by its path in there. */
  function contents(path: string): Record<string, string> {
    const names = readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    return Object.fromEntries(
      names.map(({ parentPath, name }) => [
        relative(path, join(parentPath, name)),
        readFileSync(join(parentPath, name), 'utf8'),
      ]),
    );
  }

  test.each(BOTH)('%s is killed: it is as a plain machine leaves it', async (_, primaryAt) => {
    const [plain, path] = [folder('plain'), folder('folder')];
    const program = buildProgram('journal.c');
    const { stdout } = await bench.runPlain(['--dir', `${plain}::/d`, program, '/d', `${LINES}`]);
    const of = await started({
      guest: program,
      arguments: ['/d', `${LINES}`],
      sources: [{ kind: 'directory', path, guestPath: '/d' }],
      wasi: {
        environment: [],
        terminals: [false, false, false],
        directories: [{ guestPath: '/d', device: FIRST_DIRECTORY, readOnly: false }],
        filesBytesMax: 1 << 30,
      },
    });
    // As early as when the folder is being loaded, and its files are given their names.
    await of.kill();
    of.startBus();
    await of.serves();
    await killUntilEnded(of, 8, primaryAt);
    expect(await of.ended()).toMatchObject({ status: 0, stderr: '' });
    expect([of.stdout, of.stderr]).toEqual([stdout, '']);
    expect(contents(path)).toEqual(contents(plain));
    expectNobodyFailedOver(of, primaryAt);
  });
});

describe('clients of a program that listens', needs('c'), () => {
  test.each(BOTH)('%s is killed: they see a reset, and are served when they come again', async (_, primaryAt) => {
    const of = await started({
      guest: buildProgram('echoes.c'),
      wasi: { environment: [], terminals: [false, false, false], directories: [], filesBytesMax: 1 << 20 },
      sockets: { listeners: [FIRST_LISTENING], connectors: [] },
      listen: [{ kind: 'unix', path: bench.file('socket') }],
    });
    await until(() => (of.stdout === 'listening\n' ? true : undefined));
    let over = false;
    let [resets, answers] = [0, 0];
    const clients = Array.from({ length: 5 }, async (_client, index) => {
      for (let round = 0; !over; ) {
        const client = new Client(bench.file('socket'));
        // A question is answered as it was asked, or not at all: nothing of another connection, nothing twice.
        while (!over && client.ended === undefined) {
          const asked = question(index, round++, 200);
          const from = client.received.length;
          client.socket.write(asked);
          await until(() => (client.ended !== undefined || client.received.length - from >= 200 ? true : undefined));
          const answer = client.received.subarray(from);
          expect(asked.subarray(0, answer.length).equals(answer)).toBe(true);
          if (answer.length === 200) answers += 1;
        }
        if (client.ended !== undefined) resets += 1;
        client.socket.destroy();
        await sleep(10);
      }
    });
    while (of.kills < 5) {
      const before = answers;
      await until(() => (answers > before + 50 ? true : undefined));
      if (of.kills === primaryAt) of.killPrimary();
      await of.kill();
      of.startBus();
      await of.serves();
    }
    const before = answers;
    await until(() => (answers > before + 50 ? true : undefined));
    over = true;
    await Promise.all(clients);
    expect(resets).toBeGreaterThanOrEqual(5);
    const last = new Client(bench.file('socket'));
    last.socket.write('quit');
    expect(await of.ended()).toMatchObject({ status: 0, stderr: '' });
    last.socket.destroy();
    expect(of.stdout).toBe('listening\n');
    expectNobodyFailedOver(of, primaryAt);
  });
});

describe('a second bus, one of another machine, and a damaged memory', () => {
  test('are each refused in one line', async () => {
    const of = await started({ guest: guest('spin') });
    const first = of.bus;
    const second = await of.startBus().ended;
    of.bus = first;
    expect(second.status).toBe(2);
    expect(second.stderr).toMatch(/^a bus runs on .*memory already \[BUS_RUNNING\]: end that one first\n$/);
    await of.kill();
    const journal = join(of.memory, 'journal');
    const bytes = readFileSync(journal);
    bytes[30]! ^= 1;
    writeFileSync(journal, Buffer.concat([bytes, bytes.subarray(8)]));
    const damaged = await of.startBus().ended;
    expect(damaged).toMatchObject({ status: 2, stdout: '' });
    expect(damaged.stderr).toMatch(/^.*journal can't be relied on: .* \[MEMORY_CORRUPT\]: .*\n$/);
  });
});
