// Redis' own clients on the key-value guest, and clients of the appendable file: across deaths each answer is given once.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { launch, type MachineClient, type TestedMachine } from 'epochvisor/testing';
import { Redis } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import { needs } from '../setup/needs.js';
import { guest } from './command.js';
import { killsSoon } from './gated-machine.js';

async function serving(program: string): Promise<TestedMachine> {
  const machine = await launch(guest(program), { listen: '127.0.0.1:0' });
  await machine.transcript.stdout.until('ready\n');
  return machine;
}

/** A client that says something. */
async function saying(machine: TestedMachine, text: string): Promise<MachineClient> {
  const client = await machine.connect();
  client.send(Buffer.from(text, 'latin1'));
  return client;
}

/** Asks until what the answer says of a field is this. */
async function asksUntil(client: MachineClient, question: string, field: RegExp, wanted: string): Promise<void> {
  while (!(await client.ask(question, field)).endsWith(wanted)) await sleep(5);
}

/** The server is told to end, and does. */
async function shutsDown(machine: TestedMachine): Promise<void> {
  await saying(machine, 'SHUTDOWN\r\n');
  await machine.expectSameAs({ stdout: 'ready\n', outcome: { kind: 'exit', status: 0 } });
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
    await using server = await serving('keyvalue');
    const { child, said, ended } = program('redis-cli', ['-p', String(server.port)]);
    child.stdin.write('SET key before\nMULTI\nINCR n\n');
    await vi.waitFor(() => expect(said.text).toBe('OK\nOK\nQUEUED\n'), 30_000);
    await killsSoon(server, 'primary');
    child.stdin.end('EXEC\nGET key\nAPPEND key -and-after\nGET key\nCLIENT ID\n');
    expect(await ended).toBe(0);
    // Client 1 still: it was never connected anew.
    expect(said.text).toBe('OK\nOK\nQUEUED\n1\nbefore\n16\nbefore-and-after\n1\n');
    await shutsDown(server);
  });

  test('serves redis-benchmark, which meets no error while primaries die', {
    ...needs('redis'),
    timeout: 180_000,
  }, async () => {
    await using server = await serving('keyvalue');
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
      await killsSoon(server, role);
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
    await using server = await serving('keyvalue');
    const redis = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await redis.set('text', bytes, 'EX', 100)).toBe('OK');
    expect(await redis.getBuffer('text')).toEqual(bytes);
    expect(await redis.ttl('text')).toBeGreaterThan(0);
    expect(await redis.incrby('n', 41)).toBe(41);
    expect(await redis.hset('hash', { a: '1', b: '2' })).toBe(2);
    await killsSoon(server, 'primary');
    expect(await redis.hgetall('hash')).toEqual({ a: '1', b: '2' });
    expect(await redis.rpush('list', 'a', 'b', 'c')).toBe(3);
    expect(await redis.lrange('list', 0, -1)).toEqual(['a', 'b', 'c']);
    expect(await redis.sadd('set', 'x', 'y')).toBe(2);
    expect((await redis.smembers('set')).sort()).toEqual(['x', 'y']);
    expect((await redis.keys('*')).sort()).toEqual(['hash', 'list', 'n', 'set', 'text']);
    const piped = redis.pipeline();
    for (let n = 0; n < 1_000; n++) piped.incr('n');
    const results = piped.exec();
    await killsSoon(server, 'primary');
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
    await using server = await serving('keyvalue');
    const client = await saying(server, 'SET short x PX 300\r\nSET long x EX 1000\r\n');
    await client.expect('+OK\r\n+OK\r\n');
    await killsSoon(server, 'primary');
    await asksUntil(client, 'DBSIZE\r\n', /:\d+\r\n/, ':1\r\n');
    await shutsDown(server);
  });

  test('answers garbage with an error and an end, waits for half a command, and serves the others', async () => {
    await using server = await serving('keyvalue');
    const half = await saying(server, '*2\r\n$3\r\nGET\r\n$3\r\nke');
    const garbage = await saying(server, '*1\r\n+PING\r\n');
    await garbage.expect("-ERR Protocol error: expected '$', got '+'\r\n");
    await garbage.end();
    await killsSoon(server, 'primary');
    await half.ask('y\r\n', '$-1\r\n');
    await shutsDown(server);
  });

  test('refuses 100 MB without the end of a line after the first of them', async () => {
    await using server = await serving('keyvalue');
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
    await vi.waitFor(() => expect(isOver).toBe(true), 30_000);
    expect(written).toBeLessThan(100);
    const info = await saying(server, 'INFO\r\n');
    const [, used] = /used_memory:(\d+)/.exec(await info.expect(/used_memory:\d+/))!;
    expect(Number(used)).toBeLessThan(4 << 20);
    await shutsDown(server);
  });

  test('outlives clients that break off in the middle of an answer, and thousands that only look in', async () => {
    await using server = await serving('keyvalue');
    const large = 'x'.repeat(2_000_000);
    const first = await saying(server, `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${large.length}\r\n${large}\r\n`);
    await first.expect('+OK\r\n');
    for (let count = 0; count < 10; count++) {
      const client = await saying(server, 'GET k\r\n');
      await client.received.until(1);
      client.socket.resetAndDestroy();
    }
    for (let round = 0; round < 50; round++) {
      const visitors = await Promise.all(Array.from({ length: 100 }, () => saying(server, 'PING\r\n')));
      for (const visitor of visitors) await visitor.expect('+PONG\r\n');
      for (const [at, visitor] of visitors.entries()) at % 2 === 0 ? visitor.close() : visitor.socket.resetAndDestroy();
      if (round === 25) await killsSoon(server, 'primary');
    }
    await asksUntil(await server.connect(), 'INFO\r\n', /connected_clients:\d+\r\n/, ':2\r\n');
    await shutsDown(server);
  });
});

describe('the appendable file', () => {
  test('takes an append once, which a client repeats over another connection after a death', async () => {
    await using machine = await serving('appendable');
    const first = await saying(machine, 'append me 1 5\nhello');
    await first.expect('ok 0\n');
    first.send('append me 2 6\n world');
    // It does not wait for the answer: whether it came before the death is not known.
    await killsSoon(machine, 'primary');
    first.close();
    const second = await saying(machine, 'append me 2 6\n worldappend other 1 1\n!append me 1 5\nhelloread\n');
    await second.expect('ok 5\nok 11\nold\n12\nhello world!');
    await killsSoon(machine, 'primary');
    const third = await saying(machine, 'append me 2 6\n worldread\nquit\n');
    await third.expect('ok 5\n12\nhello world!');
    await machine.expectSameAs({ stdout: 'ready\n', outcome: { kind: 'exit', status: 0 } });
    expect(third.received.text).toBe('ok 5\n12\nhello world!');
  });
});
