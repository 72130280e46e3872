// Connections that guests make, to the addresses that were named: across deaths no byte of them is lost or doubled.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench, guest, until } from './command.js';
import { Client, kills, question } from './tcp-client.js';

const bench = new Bench();

/** What guests connect to: it answers each byte with that byte, and an end with an end. */
let upstream: Server;
let reached: Socket[];
let address: string;

beforeEach(async () => {
  reached = [];
  upstream = createServer({ allowHalfOpen: true }, socket => {
    reached.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const socket of reached) socket.destroy();
  upstream.close();
  await once(upstream, 'close');
});

/** Connections that fill a backlog of 1. */
const FILLING = 2;

/** A server whose backlog is full: who dials waits, until it is freed. It counts its connections, and echoes. */
async function busyServer(): Promise<{ port: number; frees: () => void; ends: () => Promise<string> }> {
  const source = `require('net').createServer({ allowHalfOpen: true }, socket => {
    process.stdout.write('x');
    socket.on('error', () => undefined).pipe(socket);
  }).listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { process.stdout.write(this.address().port + '\\n'); })`;
  const busy = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  busy.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [line, port] = (await until(() => /^(\d+)\n/.exec(said) ?? undefined)) as string[];
  busy.kill('SIGSTOP');
  const filling = Array.from({ length: FILLING }, () => createConnection(Number(port), '127.0.0.1'));
  await Promise.all(filling.map(socket => once(socket, 'connect')));
  return {
    port: Number(port),
    frees: () => void busy.kill('SIGCONT'),
    ends: async () => {
      for (const socket of filling) socket.destroy();
      busy.kill('SIGKILL');
      await once(busy, 'close');
      return said.slice(line!.length);
    },
  };
}

describe('a bare guest', () => {
  test('converses across deaths of either replica, over one connection', async () => {
    const machine = bench.startWatched(['--connect', `there=${address}`, guest('caller')], 'pipe');
    let said = '';
    for (const role of ['primary', 'backup', 'primary'] as const) {
      for (let round = 0; round < 20; round++) {
        const line = `${role}, round ${round}\n`;
        said += line;
        machine.command.write(line);
        if (round === 10) await kills(machine, role);
      }
      await until(() => (machine.command.stdout === said ? true : undefined));
    }
    machine.command.endInput();
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: said });
    expect(reached).toHaveLength(1);
  });

  test('is told that nobody answers, and that the other side has broken off', async () => {
    const refused = await bench.run(['run', '--connect', `there=unix:${bench.file('none')}`, guest('caller')]);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('nobody answers there')]);
    const machine = bench.startWatched(['--connect', `there=${address}`, guest('caller')], 'pipe');
    const [socket] = await until(() => (reached.length > 0 ? reached : undefined));
    // A connection that is reset at once may never have stood for who dialled.
    machine.command.write('line\n');
    await machine.wrote('line\n'.length);
    socket!.resetAndDestroy();
    machine.command.write('another\n');
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'line\ngone\n' });
  });

  test('without an address has nobody to connect to', async () => {
    const { status, stderr } = await bench.run(['run', guest('caller')]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('--connect NAME=HOST:PORT')]);
  });
});

describe('a WASI program', needs('c'), () => {
  async function relaying(to: string): Promise<{ machine: ReturnType<Bench['startWatched']>; path: string }> {
    const path = bench.file('socket');
    const flags = ['--listen', `unix:${path}`, '--connect', `upstream=${to}`, '--dir', `${bench.folder}::/data`];
    const machine = bench.startWatched([...flags, buildProgram('relay.c')]);
    await machine.wrote('listening\n'.length);
    return { machine, path };
  }

  test('relays between a client and an address across deaths: each client has one connection there', async () => {
    const { machine, path } = await relaying(address);
    for (const role of ['primary', 'backup', 'primary'] as const) {
      const client = new Client(path);
      let over = false;
      const asking = (async () => {
        for (let round = 0; !over; round++) await client.asks(question(0, round, 100_000));
        await client.leaves();
      })();
      await kills(machine, role);
      over = true;
      await asking;
    }
    expect(reached).toHaveLength(3);
    upstream.close();
    for (const socket of reached) socket.destroy();
    const last = new Client(path);
    expect(await machine.command.ended).toMatchObject({ status: 3, stdout: 'listening\nConnection refused\n' });
    last.socket.destroy();
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
  });

  test('whose primary dies while it dials, and nobody answers yet, has one connection in the end', async () => {
    const server = await busyServer();
    const { machine, path } = await relaying(`127.0.0.1:${server.port}`);
    await machine.isProtected();
    const client = new Client(path);
    await machine.status(status => status.outstanding > 0);
    await kills(machine, 'primary');
    server.frees();
    await client.asks(question(0, 0, 1_000));
    await client.leaves();
    machine.command.kill('SIGTERM');
    await machine.command.ended;
    expect(await server.ends()).toBe('x'.repeat(FILLING + 1));
  });

  test('finds its connections reset where it is resumed from a snapshot, and connects anew', async () => {
    const { machine, path } = await relaying(address);
    const client = new Client(path);
    await client.asks(question(0, 0, 1_000));
    const file = bench.file('snapshot');
    expect(await bench.run(['snapshot', '--status-file', machine.statusFile, file])).toMatchObject({ status: 0 });
    machine.command.kill('SIGTERM');
    await machine.command.ended;
    client.socket.destroy();
    const resumed = bench.startWatched([file], 'ignore', 'resume');
    await resumed.isProtected();
    const other = new Client(path);
    await other.asks(question(1, 0, 1_000));
    expect(reached).toHaveLength(2);
    resumed.command.kill('SIGTERM');
    await resumed.command.ended;
    other.socket.destroy();
  });
});

describe('--connect', () => {
  test.each([
    ['no name', ['there']],
    ['no port', ['there=127.0.0.1']],
    ['a name with a slash', ['a/b=127.0.0.1:1']],
    ['a name given twice', ['a=127.0.0.1:1', '--connect', 'a=127.0.0.1:2']],
    ['port 0, where nobody can listen', ['a=127.0.0.1:0']],
  ])('is refused in one line with %s', async (_, words) => {
    const { status, stderr } = await bench.run(['run', '--connect', ...words, guest('caller')]);
    expect([status, stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
    expect(stderr).toContain('--connect');
  });
});
