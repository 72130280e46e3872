// Redis' own clients on the key-value guest, and clients of the appendable file: across deaths each answer is given once.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { needs } from '../setup/needs.js';
import { Bench, guest, until, type Watched } from './command.js';
import { Client, kills } from './tcp-client.js';

const bench = new Bench();

async function serving(program: string): Promise<{ machine: Watched; port: number }> {
  const machine = bench.startWatched(['--listen', '127.0.0.1:0', guest(program)]);
  const port = await until(() => /listens on 127\.0\.0\.1:(\d+)\n/.exec(machine.command.stderr)?.[1]);
  await machine.wrote('ready\n'.length);
  return { machine, port: Number(port) };
}

/** A client that says something; whatever it is answered is in `received`. */
function saying(port: number, text: string): Client {
  const client = new Client(port);
  client.socket.write(Buffer.from(text, 'latin1'));
  return client;
}

const received = (client: Client): string => client.received.toString('latin1');

/** Waits for an answer, and for no more than that. */
async function answered(client: Client, text: string): Promise<void> {
  await until(() => (client.received.length >= text.length || client.ended ? true : undefined));
  expect(received(client)).toBe(text);
}

/** The server is told to end, and does. */
async function shutsDown({ machine, port }: { machine: Watched; port: number }): Promise<void> {
  const client = saying(port, 'SHUTDOWN\r\n');
  expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'ready\n' });
  client.socket.destroy();
}

/** A program of Redis', all that it says, and its end. */
function program(name: string, args: readonly string[]) {
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { text: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    said.text += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    said.text += bytes.toString();
  });
  const ended = once(child, 'close').then(([status]) => status as number);
  return { child, said, ended };
}

describe('the key-value guest', () => {
  test('has a dialogue with redis-cli, in the middle of which its primary dies', needs('redis'), async () => {
    const server = await serving('keyvalue');
    const { child, said, ended } = program('redis-cli', ['-p', String(server.port)]);
    child.stdin.write('SET key before\nMULTI\nINCR n\n');
    await until(() => (said.text === 'OK\nOK\nQUEUED\n' ? true : undefined));
    await kills(server.machine, 'primary');
    child.stdin.end('EXEC\nGET key\nAPPEND key -and-after\nGET key\nCLIENT ID\n');
    expect(await ended).toBe(0);
    // Client 1 still: it was never connected anew.
    expect(said.text).toBe('OK\nOK\nQUEUED\n1\nbefore\n16\nbefore-and-after\n1\n');
    await shutsDown(server);
  });

  test('serves redis-benchmark, which meets no error while primaries die', needs('redis'), async () => {
    const server = await serving('keyvalue');
    const tests = 'ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,lrange,mset';
    const flags = ['-p', String(server.port), '-t', tests, '-c', '20', '-P', '4', '-n', '4000', '-r', '1000', '--csv'];
    const { said, ended } = program('redis-benchmark', flags);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    let killed = 0;
    for (const role of ['primary', 'backup', 'primary'] as const) {
      if (isOver) break;
      await kills(server.machine, role);
      killed++;
    }
    expect(await ended, said.text).toBe(0);
    expect(killed).toBeGreaterThan(0);
    expect(said.text).not.toMatch(/error/i);
    // A line a test, four of LRANGE and its preparation, and the header.
    expect(said.text.trimEnd().split('\n')).toHaveLength(19);
    await shutsDown(server);
  });

  test('is a Redis to ioredis', async () => {
    const server = await serving('keyvalue');
    const redis = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await redis.set('text', bytes, 'EX', 100)).toBe('OK');
    expect(await redis.getBuffer('text')).toEqual(bytes);
    expect(await redis.ttl('text')).toBeGreaterThan(0);
    expect(await redis.incrby('n', 41)).toBe(41);
    expect(await redis.hset('hash', { a: '1', b: '2' })).toBe(2);
    await kills(server.machine, 'primary');
    expect(await redis.hgetall('hash')).toEqual({ a: '1', b: '2' });
    expect(await redis.rpush('list', 'a', 'b', 'c')).toBe(3);
    expect(await redis.lrange('list', 0, -1)).toEqual(['a', 'b', 'c']);
    expect(await redis.sadd('set', 'x', 'y')).toBe(2);
    expect((await redis.smembers('set')).sort()).toEqual(['x', 'y']);
    expect((await redis.keys('*')).sort()).toEqual(['hash', 'list', 'n', 'set', 'text']);
    const piped = redis.pipeline();
    for (let n = 0; n < 1_000; n++) piped.incr('n');
    const results = piped.exec();
    await kills(server.machine, 'primary');
    expect((await results)!.map(([, value]) => value)).toEqual(Array.from({ length: 1_000 }, (_, n) => 42 + n));
    expect(await redis.multi().incr('n').lpush('n', 'x').get('n').exec()).toEqual([
      [null, 1042],
      [expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE /) })],
      [null, '1042'],
    ]);
    await expect(redis.call('nonsense', 'x')).rejects.toThrow("unknown command 'nonsense'");
    expect(await redis.client('ID')).toBe(1);
    await redis.quit();
    await shutsDown(server);
  });

  test('lets keys go when their time is over, across a death', async () => {
    const server = await serving('keyvalue');
    const client = saying(server.port, 'SET short x PX 300\r\nSET long x EX 1000\r\n');
    await answered(client, '+OK\r\n+OK\r\n');
    await kills(server.machine, 'primary');
    await until(() => {
      if (/:1\r\n$/.test(received(client))) return true;
      client.socket.write('DBSIZE\r\n');
      return undefined;
    });
    client.socket.destroy();
    await shutsDown(server);
  });

  test('answers garbage with an error and an end, waits for half a command, and serves the others', async () => {
    const server = await serving('keyvalue');
    const half = saying(server.port, '*2\r\n$3\r\nGET\r\n$3\r\nke');
    const garbage = saying(server.port, '*1\r\n+PING\r\n');
    await until(() => garbage.ended);
    expect(received(garbage)).toBe("-ERR Protocol error: expected '$', got '+'\r\n");
    await kills(server.machine, 'primary');
    half.socket.write('y\r\n');
    await answered(half, '$-1\r\n');
    for (const { socket } of [half, garbage]) socket.destroy();
    await shutsDown(server);
  });

  test('refuses 100 MB without the end of a line after the first of them', async () => {
    const server = await serving('keyvalue');
    const socket = createConnection(server.port, '127.0.0.1');
    let isOver = false;
    let written = 0;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        isOver = true;
      });
    socket.resume();
    const piece = Buffer.alloc(1 << 20, 'x');
    for (; written < 100 && !isOver; written++) {
      if (!socket.write(piece))
        await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    }
    await until(() => (isOver ? true : undefined));
    expect(written).toBeLessThan(100);
    const info = saying(server.port, 'INFO\r\n');
    await until(() => /used_memory:\d+/.exec(received(info)) ?? undefined);
    expect(Number(/used_memory:(\d+)/.exec(received(info))![1])).toBeLessThan(4 << 20);
    info.socket.destroy();
    await shutsDown(server);
  });

  test('outlives clients that break off in the middle of an answer, and thousands that only look in', async () => {
    const server = await serving('keyvalue');
    const large = 'x'.repeat(2_000_000);
    const first = saying(server.port, `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${large.length}\r\n${large}\r\n`);
    await answered(first, '+OK\r\n');
    for (let count = 0; count < 10; count++) {
      const client = saying(server.port, 'GET k\r\n');
      await until(() => (client.received.length > 0 ? true : undefined));
      client.socket.resetAndDestroy();
    }
    for (let round = 0; round < 50; round++) {
      const visitors = Array.from({ length: 100 }, () => saying(server.port, 'PING\r\n'));
      for (const visitor of visitors) await answered(visitor, '+PONG\r\n');
      for (const [at, { socket }] of visitors.entries()) at % 2 === 0 ? socket.destroy() : socket.resetAndDestroy();
      if (round === 25) await kills(server.machine, 'primary');
    }
    const info = saying(server.port, '');
    await until(() => {
      if (/connected_clients:2\r\n/.test(received(info))) return true;
      info.socket.write('INFO\r\n');
      return undefined;
    });
    for (const { socket } of [first, info]) socket.destroy();
    await shutsDown(server);
  });
});

describe('the appendable file', () => {
  test('takes an append once, which a client repeats over another connection after a death', async () => {
    const { machine, port } = await serving('appendable');
    const first = saying(port, 'append me 1 5\nhello');
    await answered(first, 'ok 0\n');
    first.socket.write('append me 2 6\n world');
    // It does not wait for the answer: whether it came before the death is not known.
    await kills(machine, 'primary');
    first.socket.destroy();
    const second = saying(port, 'append me 2 6\n worldappend other 1 1\n!append me 1 5\nhelloread\n');
    await answered(second, 'ok 5\nok 11\nold\n12\nhello world!');
    await kills(machine, 'primary');
    const third = saying(port, 'append me 2 6\n worldread\nquit\n');
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'ready\n' });
    await answered(third, 'ok 5\n12\nhello world!');
    for (const { socket } of [second, third]) socket.destroy();
  });
});
