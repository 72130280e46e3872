// The key-value guest on a machine made up for it: what it answers, however its input is cut, and what it never does.
import { describe, expect, it } from 'vitest';
import { type Served, type SocketWorld, type Step, serveScript } from './fake-sockets.js';
import { type Answer, answersIn, request } from './resp.js';

const serve = (script: Iterable<Step>, world?: SocketWorld): Served => serveScript('keyvalue', script, world);

/** What one client is told that says all of this at once. */
function told(says: string, world?: SocketWorld): string {
  return serve([{ opens: 1 }, { of: 1, says: Buffer.from(says, 'latin1') }], world).told.get(1)!;
}

/** The answers to requests, each a line of words. */
const answers = (...lines: string[]): Answer[] =>
  answersIn(told(lines.map(line => request(...line.split(' '))).join('')));

describe('commands on text', () => {
  it('set and get, with their options', () => {
    expect(answers('SET a 1', 'get a', 'GET b', 'SET a 2 NX', 'SET a 3 XX GET', 'GET a')).toEqual([
      ...['+OK', '"1', null, null, '"1', '"3'],
    ]);
    expect(answers('SET a 1 EX 10', 'SET a 2 KEEPTTL', 'TTL a', 'SET a 3', 'TTL a')).toEqual([
      '+OK',
      '+OK',
      10,
      '+OK',
      -1,
    ]);
    expect(answers('SET a 1 NX XX', 'SET a 1 EX', 'SET a 1 EX 0', 'SET a 1 EX x', 'EXISTS a')).toEqual([
      '-ERR syntax error',
      '-ERR syntax error',
      "-ERR invalid expire time in 'set' command",
      '-ERR value is not an integer or out of range',
      0,
    ]);
  });

  it('count, up to what a number holds', () => {
    expect(answers('INCR a', 'INCRBY a 41', 'DECR a', 'DECRBY a -1', 'GET a')).toEqual([1, 42, 41, 42, '"42']);
    expect(answers('SET a 9223372036854775807', 'INCR a', 'SET b 01', 'INCR b', 'SET c x', 'INCR c')).toEqual([
      '+OK',
      '-ERR increment or decrement would overflow',
      ...['+OK', '-ERR value is not an integer or out of range'],
      ...['+OK', '-ERR value is not an integer or out of range'],
    ]);
    expect(
      answers('DECRBY a 9223372036854775807', 'DECR a', 'DECR a', 'GET a', 'DECRBY b -9223372036854775808'),
    ).toEqual([
      expect.any(Number),
      expect.any(Number),
      '-ERR increment or decrement would overflow',
      '"-9223372036854775808',
      '-ERR decrement would overflow',
    ]);
  });

  it('hold any bytes', () => {
    const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    expect(answersIn(told(request('SET', all, all) + request('APPEND', all, all) + request('GET', all)))).toEqual([
      '+OK',
      512,
      `"${all}${all}`,
    ]);
  });
});

describe('keys', () => {
  it('of a wrong kind are refused, and left as they are', () => {
    const wrong = '-WRONGTYPE Operation against a key holding the wrong kind of value';
    expect(answers('RPUSH l a', 'GET l', 'INCR l', 'HGET l f', 'SADD l x', 'LRANGE l 0 -1')).toEqual([
      ...[1, wrong, wrong, wrong, wrong, ['"a']],
    ]);
  });

  it('are gone when their time is over, and not before', () => {
    const asks = (...words: string[]): Step => ({ of: 1, says: request(...words) });
    const { told, timers, clockReadings } = serve([
      { opens: 1 },
      asks('SET', 'a', '1', 'PX', '1000'),
      asks('SET', 'b', '1'),
      { passesMs: 999 },
      asks('PTTL', 'a'),
      asks('GET', 'a'),
      { passesMs: 1 },
      asks('GET', 'a'),
      asks('TTL', 'a'),
      asks('TTL', 'b'),
      asks('EXPIRE', 'b', '-1'),
      asks('DBSIZE'),
    ]);
    expect(answersIn(told.get(1)!)).toEqual(['+OK', '+OK', 1, '"1', null, -2, -1, 1, 0]);
    expect(timers).toBeGreaterThan(0);
    expect(clockReadings).toBeLessThan(8);
  });

  it('are taken out by a timer where nobody asks for them', () => {
    const many = Array.from({ length: 25_000 }, (_, n) => request('SET', `key${n}`, 'x', 'PX', 1 + (n % 50))).join('');
    const script: Step[] = [{ opens: 1 }, { of: 1, says: many }, { passesMs: 60 }, { passesMs: 10 }, { passesMs: 10 }];
    const { told } = serve([...script, { of: 1, says: request('DBSIZE') }]);
    expect(told.get(1)!.slice(-4)).toBe(':0\r\n');
  });

  it('without an end cost no reading of the clock, and no timer', () => {
    const { clockReadings, timers } = serve([
      { opens: 1 },
      { of: 1, says: request('SET', 'a', 1) + request('GET', 'a') },
    ]);
    expect([clockReadings, timers]).toEqual([0, 0]);
  });

  it('are many, and every one is found, while they come and while they go', () => {
    const count = 20_000;
    const numbers = Array.from({ length: count }, (_, n) => n);
    const words = [
      ...numbers.map(n => request('SET', `key:${n}`, n)),
      ...numbers.map(n => request('GET', `key:${n}`)),
      ...numbers.filter(n => n % 100 !== 0).map(n => request('DEL', `key:${n}`)),
      ...numbers.map(n => request('GET', `key:${n}`)),
    ];
    const found = answersIn(told(words.join('')));
    expect(found.slice(count, 2 * count)).toEqual(numbers.map(n => `"${n}`));
    expect(found.slice(-count)).toEqual(numbers.map(n => (n % 100 === 0 ? `"${n}` : null)));
  });

  it('that are gone leave nothing behind', () => {
    const used = (says: string) => Number(/used_memory:(\d+)/.exec(told(says + request('INFO')))![1]);
    const fills = Array.from({ length: 5_000 }, (_, n) => [
      ...[
        request('SET', `t${n}`, 'x'.repeat(n % 300), 'EX', 100),
        request('RPUSH', 'l', n),
        request('HSET', 'h', n, n),
      ],
      ...[request('SADD', `s${n}`, n), request('APPEND', 'a', n)],
    ]);
    const empty = used(request('PING'));
    expect(used(fills.flat().join(''))).toBeGreaterThan(empty + 500_000);
    // The buffer of answers and the heap of deadlines keep some room.
    expect(used(fills.flat().join('') + request('FLUSHALL'))).toBeLessThan(empty + 1_200_000 + 64 * 1024 * 16);
  });
});

describe('a transaction', () => {
  it('is executed as a whole, or not at all', () => {
    expect(answers('MULTI', 'SET a 1', 'INCR a', 'LPUSH a x', 'EXEC', 'GET a')).toEqual([
      ...['+OK', '+QUEUED', '+QUEUED', '+QUEUED'],
      ['+OK', 2, '-WRONGTYPE Operation against a key holding the wrong kind of value'],
      '"2',
    ]);
    expect(answers('MULTI', 'SET a 1', 'nonsense', 'EXEC', 'GET a', 'MULTI', 'SET a 1', 'DISCARD', 'GET a')).toEqual([
      ...['+OK', '+QUEUED', "-ERR unknown command 'nonsense', with args beginning with: "],
      '-EXECABORT Transaction discarded because of previous errors.',
      ...[null, '+OK', '+QUEUED', '+OK', null],
    ]);
    expect(answers('EXEC', 'DISCARD', 'MULTI', 'MULTI', 'EXEC')).toEqual([
      ...['-ERR EXEC without MULTI', '-ERR DISCARD without MULTI', '+OK', '-ERR MULTI calls can not be nested', []],
    ]);
  });
});

describe('input', () => {
  const conversation = [
    request('SET', 'key', 'a value\r\nof two lines'),
    'GET key\r\n',
    '\r\n',
    "SET \"quoted \\x41\\n\" 'single \\' quote'\n",
    request('MGET', 'key', 'quoted A\n', 'none'),
    '*0\r\n*-1\r\n',
    request('HSET', 'hash', 'field', ''),
    request('HGETALL', 'hash'),
    request('MULTI') + request('INCR', 'n') + request('EXEC'),
  ].join('');
  const whole = told(conversation);

  it('is requests and lines of words', () => {
    expect(answersIn(whole)).toEqual([
      ...['+OK', '"a value\r\nof two lines', '+OK', ['"a value\r\nof two lines', '"single \' quote', null]],
      ...[1, ['"field', '"'], '+OK', '+QUEUED', [1]],
    ]);
  });

  it('means the same wherever it is cut, and byte by byte', () => {
    for (let cut = 1; cut < conversation.length; cut++) {
      const script: Step[] = [conversation.slice(0, cut), conversation.slice(cut)].map(says => ({ of: 1, says }));
      expect(serve([{ opens: 1 }, ...script]).told.get(1), `cut at ${cut}`).toBe(whole);
    }
    const bytes: Step[] = [...conversation].map(says => ({ of: 1, says }));
    expect(serve([{ opens: 1 }, ...bytes]).told.get(1)).toBe(whole);
  });

  it('of many clients, each byte by byte and in turn, is not mixed up', () => {
    const ids = [1, 2, 3];
    const script: Step[] = ids.map(opens => ({ opens }));
    for (const byte of request('ECHO', 'x'.repeat(20))) for (const of of ids) script.push({ of, says: byte });
    expect([...serve(script).told.values()]).toEqual(ids.map(() => `$20\r\n${'x'.repeat(20)}\r\n`));
  });

  it.each([
    ['*2\r\n+GET\r\n', "-ERR Protocol error: expected '$', got '+'\r\n"],
    ['*x\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*1048577\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['*1\r\n$-1\r\n', '-ERR Protocol error: invalid bulk length\r\n'],
    [`*1\r\n$${(64 << 20) + 1}\r\n`, '-ERR Protocol error: invalid bulk length\r\n'],
    ['SET "a\r\n', '-ERR Protocol error: unbalanced quotes in request\r\n'],
    ['x'.repeat(70_000), '-ERR Protocol error: too big inline request\r\n'],
    [`*${'1'.repeat(70_000)}`, '-ERR Protocol error: too big mbulk count string\r\n'],
    [`*1\r\n$${'1'.repeat(70_000)}`, '-ERR Protocol error: too big bulk count string\r\n'],
  ])('that is none (%#) is answered with an error and a close', (says, error) => {
    const served = serve([{ opens: 1 }, { opens: 2 }, { of: 1, says: `PING\r\n${says}` }, { of: 2, says: 'PING\r\n' }]);
    expect([served.told.get(1), served.closed, served.told.get(2)]).toEqual([`+PONG\r\n${error}`, [1], '+PONG\r\n']);
  });

  it('that ends is answered as far as it went, and closed', () => {
    const served = serve([{ opens: 1 }, { of: 1, says: `PING\r\n*1\r\n$4\r\nPI` }, { of: 1, ends: true }]);
    expect([served.told.get(1), served.closed]).toEqual(['+PONG\r\n', [1]]);
  });

  it('is left after QUIT', () => {
    const served = serve([{ opens: 1 }, { of: 1, says: 'PING\r\nQUIT\r\nPING\r\n' }]);
    expect([served.told.get(1), served.closed]).toEqual(['+PONG\r\n+OK\r\n', [1]]);
  });

  it('has no byte that ends the guest', () => {
    let state = 1;
    const byte = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return '*$123456789\r\n"\'\\x GETSET\0\xff'[(state >>> 16) % 26] ?? 'x';
    };
    const script: Step[] = [];
    for (let of = 1; of <= 300; of++) {
      script.push({ opens: of }, { of, says: Array.from({ length: 200 }, byte).join('') }, { of, says: '\r\n' });
    }
    const served = serve([...script, { opens: 1000 }, { of: 1000, says: 'PING\r\n' }]);
    expect([served.status, served.told.get(1000)]).toEqual([undefined, '+PONG\r\n']);
  });
});

describe('memory', () => {
  it('is not taken by a client that does not take its answers: it is not read on until it does', () => {
    const large = 'x'.repeat(100_000);
    const asks = request('GET', 'large').repeat(1_000);
    const script: Step[] = [
      { opens: 1 },
      { of: 1, says: request('SET', 'large', large) + asks },
      { opens: 2 },
      { of: 2, takes: 1_000 },
      { of: 2, says: 'PING\r\n' },
    ];
    const world = { room: 10 };
    const held = serve(script, world);
    expect([held.told.get(1)!.length, held.told.get(2)]).toEqual([10, '+PONG\r\n']);
    expect(held.memoryBytes).toBeLessThan(16 << 20);
    // What it then takes comes in order, and to the last byte.
    const takes: Step[] = Array.from({ length: 2_100 }, () => ({ of: 1, takes: 50_000 }));
    const all = serve([...script, ...takes], world);
    expect(all.told.get(1)!.length).toBe(5 + 1_000 * (`$100000\r\n\r\n`.length + large.length));
    expect(answersIn(all.told.get(1)!)).toHaveLength(1_001);
    expect(all.memoryBytes).toBeLessThan(16 << 20);
  });

  it('bounds no client that takes all its answers at once', () => {
    const says = request('SET', 'large', 'x'.repeat(100_000)) + request('GET', 'large').repeat(100);
    expect(answersIn(told(says))).toHaveLength(101);
  });

  it('of a text is given back when a short one takes its place', () => {
    const used = (says: string) => Number(/used_memory:(\d+)/.exec(told(says + request('INFO')))![1]);
    const sets = (bytes: number) => Array.from({ length: 50 }, (_, n) => request('SET', n, 'x'.repeat(bytes))).join('');
    expect(used(sets(50_000) + sets(1))).toBeLessThan(used(sets(1)) + 1_000_000);
  });

  it('of clients that are gone is given back', () => {
    const visits = (count: number): Step[] =>
      Array.from({ length: count }, (_, n): Step[] => [
        { opens: n + 1 },
        { of: n + 1, says: `CLIENT SETNAME a\r\nMULTI\r\nPING\r\n*1\r\n$90000\r\n${'x'.repeat(n % 80_000)}` },
        n % 2 === 0 ? { of: n + 1, ends: true } : { of: n + 1, resets: true },
      ]).flat();
    const used = (count: number) => {
      const { told } = serve([...visits(count), { opens: 9999 }, { of: 9999, says: 'INFO\r\n' }]);
      return Number(/used_memory:(\d+)/.exec(told.get(9999)!)![1]);
    };
    expect(used(2_000)).toBeLessThan(used(20) + 100_000);
  });

  it('for data has a bound: commands that add some are refused past it, others are not', () => {
    const sets = Array.from({ length: 30 }, (_, n) => request('SET', n, 'x'.repeat(100_000))).join('');
    const found = answersIn(
      told(sets + request('GET', 0) + request('DEL', 0, 1, 2) + request('SET', 0, 1), { arguments: [1] }),
    );
    expect(found[0]).toBe('+OK');
    expect(found[29]).toBe("-OOM command not allowed when used memory > 'maxmemory'.");
    expect(found.slice(31)).toEqual([3, '+OK']);
  });

  it('for one answer has a bound: who asks for more is cut off', () => {
    const asks = request('MGET', ...Array.from({ length: 1_000 }, () => 'large'));
    const served = serve([
      { opens: 1 },
      { of: 1, says: request('SET', 'large', 'x'.repeat(1 << 20)) },
      { of: 1, says: asks },
      { opens: 2 },
      { of: 2, says: 'PING\r\n' },
    ]);
    expect([served.closed, served.told.get(1), served.told.get(2)]).toEqual([[1], '+OK\r\n', '+PONG\r\n']);
  });
});

describe('the server', () => {
  it('says what clients ask before they begin', () => {
    expect(answers('HELLO 3', 'SELECT 0', 'SELECT 1', 'CONFIG GET save', 'CONFIG GET none', 'COMMAND DOCS')).toEqual([
      ...['-NOPROTO unsupported protocol version', '+OK', '-ERR DB index is out of range', ['"save', '"'], [], []],
    ]);
    expect(answers('CLIENT SETNAME me', 'CLIENT GETNAME', 'CLIENT ID', 'PING', 'PING x', 'ECHO y')).toEqual([
      ...['+OK', '"me', 1, '+PONG', '"x', '"y'],
    ]);
    expect(answers('CLIENT LIST')[0]).toMatch(/^"id=1 addr=stream:\d+ name= .*\n$/);
  });

  it('ends at SHUTDOWN', () => {
    const { status, stdout } = serve([{ opens: 1 }, { of: 1, says: 'SHUTDOWN\r\n' }]);
    expect([status, stdout]).toEqual([0, 'ready\n']);
  });

  it('asks for somewhere to listen', () => {
    const { status, stderr } = serve([], { withoutListener: true });
    expect([status, stderr]).toEqual([2, expect.stringContaining('--listen')]);
  });
});
