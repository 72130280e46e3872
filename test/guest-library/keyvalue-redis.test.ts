// The key-value guest beside Redis itself: the same random commands have the same answers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generator } from '../end-to-end/seeds.js';
import { needs } from '../setup/needs.js';
import { serveScript } from './fake-sockets.js';
import { type Answer, answersIn, request } from './resp.js';

const random = generator();
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

const KEYS = ['a', 'b', 'list', 'set', 'hash', '', 'with\r\nlines\0'];
const FIELDS = ['f', 'g', 'h', '', '1'];
const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '1e3',
  ' 1',
  'x'.repeat(300),
  'ab\0c',
];
const NUMBERS = ['0', '1', '-1', '2', '-2', '5', '100', '-100', 'x', '9223372036854775807', '9223372036854775808'];
/** None that passes while the test runs. */
const TIMES = ['5000', '0', '-1', 'x', '9223372036854775807', '100000'];
const OPTIONS = ['NX', 'xx', 'GET', 'KEEPTTL', 'EX', 'PX', 'EXAT', '5000', '100000', 'nonsense'];
const PATTERNS = ['*', 'a', '?', '[ab]', '[^a]', '*s*', '\\a', '[a-z]*t', '', 'a**', 'l*[t', 'h[a-'];

/** Makes the arguments of a command: k key, f field, v value, n number, t time, o some options, p pattern; * repeats the rest. */
const COMMANDS: Readonly<Record<string, string>> = {
  ...{ get: 'k', set: 'kv', SET: 'kvo', setnx: 'kv', setex: 'ktv', getset: 'kv', getdel: 'k', strlen: 'k' },
  ...{ append: 'kv', incr: 'k', decr: 'k', incrby: 'kn', decrby: 'kn', mget: 'kk', mset: 'kvkv', MSET: 'kvk' },
  ...{ del: 'kk', unlink: 'k', exists: 'kkk', persist: 'k', type: 'k', keys: 'p', dbsize: '', ttl: 'k', TTL: 'k' },
  ...{ expire: 'kt', pexpire: 'kt', hset: 'kfvfv', HSET: 'kfvf', hmset: 'kfv', hget: 'kf', hmget: 'kfff', hdel: 'kff' },
  ...{ hgetall: 'k', hkeys: 'k', hvals: 'k', hlen: 'k', hexists: 'kf', sadd: 'kff', srem: 'kf', scard: 'k' },
  ...{ smembers: 'k', sismember: 'kf', lpush: 'kvv', rpush: 'kv', lpop: 'k', rpop: 'kn', LPOP: 'kn', llen: 'k' },
  ...{ lrange: 'knn', lindex: 'kn', ping: '', PING: 'v', echo: 'v', select: 'n', multi: '', exec: '', discard: '' },
  ...{ get1: '', GET: '', nonsense: 'ff', Echo: 'vv', flushall: 'n', spop: 'kn' },
};

function words(): string[] {
  const name = pick(Object.keys(COMMANDS));
  const made: string[] = [name];
  for (const kind of COMMANDS[name]!) {
    if (kind === 'o') for (let n = Math.floor(random() * 4); n > 0; n--) made.push(pick(OPTIONS));
    else made.push(pick({ k: KEYS, f: FIELDS, v: VALUES, n: NUMBERS, t: TIMES, p: PATTERNS }[kind as 'k']));
  }
  return made;
}

/** Answers whose order, or choice, is each server's own; and what a moment may change. */
function comparable(asked: readonly string[], answer: Answer): Answer {
  const name = asked[0]!.toLowerCase();
  if (name === 'spop' && answer !== null && !String(answer).startsWith('-'))
    return Array.isArray(answer) ? answer.length : 1;
  if (['keys', 'smembers', 'hkeys', 'hvals', 'hgetall'].includes(name) && Array.isArray(answer)) {
    return answer.map(String).sort();
  }
  return answer;
}

describe('the key-value guest', needs('redis'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'epochvisor-redis-'));
  const path = join(folder, 'socket');
  const server = { process: undefined as ReturnType<typeof spawn> | undefined };

  beforeAll(async () => {
    const flags = ['--port', '0', '--unixsocket', path, '--databases', '1', '--save', '', '--dir', folder];
    server.process = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const bytes of server.process.stdout!) {
      said += bytes;
      if (said.includes('ready to accept connections')) break;
    }
  });

  afterAll(async () => {
    server.process!.kill('SIGKILL');
    await once(server.process!, 'close');
    rmSync(folder, { recursive: true });
  });

  async function toldByRedis(says: string): Promise<string> {
    const socket = createConnection(path);
    socket.write(Buffer.from(`${request('FLUSHALL')}${says}${request('QUIT')}`, 'latin1'));
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    return Buffer.concat(parts).toString('latin1');
  }

  it('answers as Redis does', async () => {
    for (let round = 0; round < 40; round++) {
      // What SPOP draws is each server's own, and so is all that follows from it: the set is emptied after it.
      const asked = Array.from({ length: 500 }, words).flatMap(made =>
        made[0] === 'spop' ? [made, ['del', made[1]!]] : [made],
      );
      const says = asked.map(made => request(...made)).join('');
      const byRedis = answersIn(await toldByRedis(says)).slice(1, -1);
      const script = [{ opens: 1 }, { of: 1, says: Buffer.from(says, 'latin1') }];
      const byGuest = answersIn(serveScript('keyvalue', script).told.get(1)!);
      let queued: string[][] = [];
      for (const [at, made] of asked.entries()) {
        const isExecuted = made[0] === 'exec' && Array.isArray(byRedis[at]);
        const [found, expected] = [byGuest[at]!, byRedis[at]!].map(answer =>
          isExecuted && Array.isArray(answer)
            ? answer.map((one, index) => comparable(queued[index]!, one))
            : comparable(made, answer),
        );
        if (byRedis[at] === '+QUEUED') queued.push(made);
        else if (['exec', 'discard'].includes(made[0]!)) queued = [];
        expect(found, `round ${round}, ${at}: ${JSON.stringify(made)}`).toEqual(expected);
      }
      expect(byGuest.length).toBe(byRedis.length);
    }
  });
});
