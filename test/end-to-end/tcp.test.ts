// TCP clients of a guest on a pair: whatever happens to the replicas, no client sees a reset, a lost byte or a doubled one.

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench, guest, isAlive, until, type Watched } from './command.js';
import { Client, kills, question } from './tcp-client.js';

const bench = new Bench();

/** Compiled by the first who asks. */
const echoes = () => buildProgram('echoes.c');

async function listening(flags: readonly string[] = []): Promise<{ machine: Watched; path: string }> {
  const path = bench.file('socket');
  const machine = bench.startWatched([...flags, '--listen', `unix:${path}`, echoes()]);
  await machine.wrote('listening\n'.length);
  await machine.isProtected();
  return { machine, path };
}

/** The guest is told to end, and does. */
async function ends(machine: Watched, path: string): Promise<void> {
  const client = new Client(path);
  client.socket.write('quit');
  expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'listening\n' });
  client.socket.destroy();
}

describe('clients of a WASI program that listens', needs('c'), () => {
  test.each([
    ['original', 6, 100],
    ['revised', 6, 100],
    ['deferred', 6, 100],
    ['deferred', 3, 200_000],
  ])('in %s notice no death: %i of them, %i bytes a question', async (variant, count, bytes) => {
    const { machine, path } = await listening(['--variant', variant]);
    let over = false;
    const clients = Array.from({ length: count }, async (_, index) => {
      const client = new Client(path);
      let round = 0;
      while (!over) await client.asks(question(index, round++, bytes));
      await client.leaves();
      return round;
    });
    for (const role of ['primary', 'backup', 'primary'] as const) await kills(machine, role);
    over = true;
    for (const rounds of await Promise.all(clients)) expect(rounds).toBeGreaterThan(3);
    await ends(machine, path);
  });

  test('that come while there is no primary are served', async () => {
    const { machine, path } = await listening();
    const { primary } = await machine.isProtected();
    process.kill(primary.pid, 'SIGSTOP');
    const client = new Client(path);
    await client.asks(question(0, 0, 100));
    process.kill(primary.pid, 'SIGCONT');
    await until(() => (isAlive(primary.pid) ? undefined : true));
    await client.asks(question(0, 1, 100));
    await client.leaves();
    await ends(machine, path);
  });

  test('that have ended their side get the rest of the answer across a death, and the end', async () => {
    const { machine, path } = await listening();
    const client = new Client(path);
    const long = question(0, 0, 3_000_000);
    client.socket.pause();
    client.socket.end(long);
    await sleep(200);
    await kills(machine, 'primary');
    client.socket.resume();
    await until(() => client.ended);
    expect([client.ended, client.received.equals(long)]).toEqual(['end', true]);
    client.socket.destroy();
    await ends(machine, path);
  });

  test("over TCP, at a port of the kernel's choice, are served as well", async () => {
    const machine = bench.startWatched(['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0', echoes()]);
    const port = await until(() => /listens on 127\.0\.0\.1:(\d+)\n/.exec(machine.command.stderr)?.[1]);
    const client = new Client(Number(port));
    await client.asks(question(0, 0, 100_000));
    await kills(machine, 'primary');
    await client.asks(question(0, 1, 100_000));
    await client.leaves();
    const last = new Client(Number(port));
    last.socket.write('quit');
    expect(await machine.command.ended).toMatchObject({ status: 0 });
    last.socket.destroy();
  });

  test('are reset where the machine is resumed from a snapshot, and new ones are served', async () => {
    const { machine, path } = await listening();
    const client = new Client(path);
    await client.asks(question(0, 0, 1_000));
    const file = bench.file('snapshot');
    expect(await bench.run(['snapshot', '--status-file', machine.statusFile, file])).toMatchObject({ status: 0 });
    await client.asks(question(0, 1, 1_000));
    await client.leaves();
    await ends(machine, path);
    const resumed = bench.startWatched([file], 'ignore', 'resume');
    await resumed.isProtected();
    const other = new Client(path);
    await other.asks(question(1, 0, 1_000));
    await kills(resumed, 'primary');
    await other.asks(question(1, 1, 1_000));
    await other.leaves();
    const last = new Client(path);
    last.socket.write('quit');
    expect(await resumed.command.ended).toMatchObject({ status: 0, stdout: '' });
    last.socket.destroy();
  });

  test('that read nothing hold up nobody else, nor a repair', async () => {
    const { machine, path } = await listening();
    const stopped = new Client(path);
    stopped.socket.pause();
    stopped.socket.write(question(0, 0, 2_000_000));
    const other = new Client(path);
    await other.asks(question(1, 0, 100_000));
    await kills(machine, 'backup');
    await other.asks(question(1, 1, 100_000));
    await kills(machine, 'primary');
    await other.asks(question(1, 2, 100_000));
    await other.leaves();
    stopped.socket.destroy();
    await ends(machine, path);
  });

  test('that break off in the middle, or say nothing, are forgotten', async () => {
    const { machine, path } = await listening();
    for (let count = 0; count < 50; count++) {
      const client = new Client(path);
      if (count % 2 === 0) client.socket.write(question(0, count, 100_000));
      await until(() => (client.socket.connecting ? undefined : true));
      client.socket.destroy();
      if (count === 25) await kills(machine, 'primary');
    }
    const client = new Client(path);
    await client.asks(question(1, 0, 100));
    await client.leaves();
    await ends(machine, path);
  });
});

describe('an HTTP server in C', needs('c'), () => {
  let http: string;
  beforeAll(() => {
    http = buildProgram('http.c');
  });

  test('keeps the connections of its clients open across deaths, and answers each request once', async () => {
    const socketPath = bench.file('socket');
    const machine = bench.startWatched(['--listen', `unix:${socketPath}`, http]);
    await machine.wrote('listening\n'.length);
    const agent = new Agent({ keepAlive: true, maxSockets: 3 });
    const sockets = new Set<unknown>();
    const ask = async (method: string, path: string, body = ''): Promise<[number | undefined, string]> => {
      const asked = request({ agent, socketPath, method, path, headers: { 'content-length': body.length } });
      asked.on('socket', socket => sockets.add(socket));
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      return [answer.statusCode, Buffer.concat(parts).toString()];
    };
    let over = false;
    const chunks = Array.from({ length: 3_000 }, (_, number) => `chunk ${number}\n`).join('');
    const clients = [0, 1, 2].map(async client => {
      for (let round = 0; !over; round++) {
        const body = question(client, round, 5_000).toString();
        expect(await ask('POST', '/echo', body)).toEqual([200, body]);
        expect(await ask('GET', '/hello')).toEqual([200, 'hello\n']);
        expect(await ask('GET', '/chunks/3000')).toEqual([200, chunks]);
      }
    });
    for (const role of ['primary', 'backup', 'primary'] as const) await kills(machine, role);
    over = true;
    await Promise.all(clients);
    expect(sockets.size).toBe(3);
    expect(await ask('GET', '/nowhere')).toEqual([404, '']);
    expect(await ask('POST', '/quit')).toEqual([200, '']);
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'listening\n' });
    agent.destroy();
  });

  test('answers garbage with 400 and an end, and serves the others', async () => {
    const path = bench.file('socket');
    const machine = bench.startWatched(['--listen', `unix:${path}`, http]);
    await machine.isProtected();
    const garbage = new Client(path);
    garbage.socket.write('\0garbage\r\n\r\n');
    await until(() => garbage.ended);
    expect(garbage.received.toString()).toMatch(/^HTTP\/1\.1 400 /);
    const endless = new Client(path);
    endless.socket.write('x'.repeat(3_000_000));
    await until(() => endless.ended);
    const half = new Client(path);
    half.socket.write('POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf');
    const last = new Client(path);
    last.socket.write('POST /quit HTTP/1.1\r\n\r\n');
    expect(await machine.command.ended).toMatchObject({ status: 0 });
    for (const { socket } of [garbage, endless, half, last]) socket.destroy();
  });
});

describe('a server in Rust', needs('rust'), () => {
  test('has its listener from a pre-opened descriptor, and outlives its primary', async () => {
    const path = bench.file('socket');
    const machine = bench.startWatched(['--listen', `unix:${path}`, buildProgram('greeter.rs')]);
    const greets = async (name: string) => {
      const client = new Client(path);
      client.socket.write(`${name}\n`);
      await until(() => client.ended);
      expect(client.received.toString()).toBe(`hello ${name}\n`);
      client.socket.destroy();
    };
    await machine.isProtected();
    await greets('one');
    await kills(machine, 'primary');
    await greets('two');
    await greets('quit');
    expect(await machine.command.ended).toMatchObject({ status: 0 });
  });
});

describe('--listen', () => {
  test.each([
    ['no address', ['--listen', '6379', guest('hello')], /ADDR:PORT/],
    ['an address of another host', ['--listen', '192.0.2.1:80', guest('hello')], /LISTEN_FAILED/],
  ])('is refused in one line with %s', async (_, args, message) => {
    const { status, stderr } = await bench.run(['run', ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('is refused where somebody listens already, and no process is left', needs('c'), async () => {
    const { machine, path } = await listening();
    const { status, stderr } = await bench.run(['run', '--listen', `unix:${path}`, echoes()]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('LISTEN_IN_USE')]);
    await ends(machine, path);
  });
});
