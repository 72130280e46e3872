// A machine whose channel is encrypted, in real processes: kill -9, repair, and what a stranger on its host can hear of it.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Bench, guest } from './command.js';
import { Milling } from './milling.js';

const bench = new Bench();

/** Where the members of the one machine of an arbiter's folder listen. */
function addresses(arbiter: string): string[] {
  const files = readdirSync(arbiter, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
  return texts.flatMap(text => /"address":"([^"]+)"/.exec(text)?.[1] ?? []);
}

/** What a listener says to a stranger that asks it for a WebSocket. */
function answer(port: number): Promise<string> {
  return new Promise(resolve => {
    const heard: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      ),
    );
    socket.on('error', () => undefined);
    socket.on('data', chunk => heard.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(heard).toString('latin1')));
  });
}

test('primary and backup are killed and replaced, and nobody outside can tell', async () => {
  const arbiter = bench.file('arbiter');
  mkdirSync(arbiter);
  const milling = new Milling(bench, ['--encrypt', '--arbiter', arbiter]);
  const { machine } = milling;
  let status = await machine.isProtected();
  const members = addresses(arbiter);
  expect(members.length).toBeGreaterThanOrEqual(3);
  for (const address of members) expect(address).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/);
  for (const address of members) expect(await answer(Number(new URL(address).port))).not.toContain('HTTP');
  for (const victim of ['primary', 'backup', 'primary'] as const) {
    const { view } = status;
    process.kill(victim === 'primary' ? status.primary.pid : status.backups[0]!.pid, 'SIGKILL');
    status = await machine.status(now => now.protected && now.view > view + 1 && now.joining.length === 0);
  }
  await milling.endsLikeThePlainMachine();
});

test('a snapshot is resumed with its channel encrypted', async () => {
  const machine = bench.startWatched(['--encrypt', guest('echo')], 'pipe');
  await machine.isProtected();
  machine.command.write('one\n');
  await machine.wrote(7);
  const saved = bench.file('saved');
  expect((await bench.run(['snapshot', '--status-file', machine.statusFile, saved])).status).toBe(0);
  machine.command.kill('SIGINT');
  await machine.command.ended;
  const resumed = bench.startWatched(['--encrypt', saved], 'pipe', 'resume');
  process.kill((await resumed.isProtected()).primary.pid, 'SIGKILL');
  resumed.command.write('two\n');
  resumed.command.endInput();
  expect(await resumed.command.ended).toMatchObject({ status: 0, stdout: '2: two\n2 lines\n' });
});
