// What an etcd may answer, and what is made of it: servers that say what they are told to, by the letter.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { EtcdArbiter } from '../../engine/arbiter/etcd-arbiter.js';
import type { EtcdCredentials } from '../../engine/arbiter/etcd-credentials.js';
import { ANSWER_MAX_BYTES } from '../../engine/arbiter/etcd-request.js';
import { view } from './conformance.js';

/** Far below what tests wait, and above what a busy host delays. */
const TIMING = { staggerMs: 50, roundMs: 400, callMaxMs: 1_500 };

const base64 = (text: string) => Buffer.from(text).toString('base64');
const header = (more: object = {}) => ({
  header: { cluster_id: '7', member_id: '1', revision: '10', raft_term: '2', ...more },
});
const KEY = '/epochvisor/machine-1/views/0000000001';
const record = (claim: string) => JSON.stringify({ format: 'epochvisor view', version: 1, ...view(1, claim) });
const kv = (key: string, value: string) => ({ key: base64(key), value: base64(value), version: '1', lease: '0' });

interface Request {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly token: string | undefined;
}
type Respond = (request: Request, response: ServerResponse) => void;

const servers: (Server | TcpServer)[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }
});

async function listening(server: Server | TcpServer): Promise<string> {
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server, and what it was asked. */
async function serve(respond: Respond): Promise<{ address: string; requests: Request[] }> {
  const requests: Request[] = [];
  const server = createServer((incoming: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      const request = { path: incoming.url!, body, token: incoming.headers.authorization };
      requests.push(request);
      respond(request, response);
    });
  });
  return { address: await listening(server), requests };
}

const answers = (answer: object, status = 200) =>
  serve((_, response) => void response.writeHead(status).end(JSON.stringify(answer)));
const never: Respond = () => undefined;
const arbiterAt = (addresses: readonly string[], credentials: EtcdCredentials = {}) =>
  new EtcdArbiter(`etcd://${addresses.join(',')}`, credentials, TIMING);

describe('what is no answer of an etcd says nothing about a view', () => {
  test.each<[string, object]>([
    ['an empty object', {}],
    ['a list', []],
    ['a header that is none', { header: 7 }],
    ['a header without a revision', { header: { cluster_id: '7' }, kvs: [] }],
    ['a revision that is no number', header({ revision: 'many' })],
    ['keys that are no list', { ...header(), kvs: 'x' }],
    ['a key that is none', { ...header(), kvs: [7] }],
    ['a key without a version', { ...header(), kvs: [{ key: base64(KEY), value: '' }] }],
    ['another key', { ...header(), kvs: [kv('/epochvisor/machine-1/views/0000000002', record('x'))] }],
    ['more keys than one', { ...header(), kvs: [kv(KEY, record('x')), kv(KEY, record('x'))] }],
  ])('%s', async (_, answer) => {
    const { address } = await answers(answer);
    const arbiter = arbiterAt([address]);
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
    expect(await arbiter.claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
  });

  test.each<[string, object]>([
    ['a success without what was done', { ...header(), succeeded: true }],
    ['a success of another kind', { ...header(), succeeded: true, responses: [{ response_range: {} }] }],
    ['a success that is a word', { ...header(), succeeded: 'true', responses: [{ response_put: {} }] }],
    ['neither success nor a record', header()],
    ['no record under a key that is there', { ...header(), responses: [{ response_range: {} }] }],
  ])('%s, to a claim', async (_, answer) => {
    const { address } = await answers(answer);
    expect(await arbiterAt([address]).claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
  });
});

describe('an answer counts', () => {
  test('to a claim: written, or the record that stands', async () => {
    const won = await answers({ ...header(), succeeded: true, responses: [{ response_put: {} }] });
    expect(await arbiterAt([won.address]).claim(view(1, 'x'))).toEqual({ result: 'won' });
    const stands = await answers({ ...header(), responses: [{ response_range: { kvs: [kv(KEY, record('x'))] } }] });
    const arbiter = arbiterAt([stands.address]);
    expect(await arbiter.claim(view(1, 'x'))).toEqual({ result: 'won' });
    expect(await arbiter.claim(view(1, 'y'))).toEqual({ result: 'lost', owner: view(1, 'x') });
  });

  test('to a question for the latest view, which is one key however many there are', async () => {
    const { address, requests } = await answers({ ...header(), kvs: [kv(KEY, record('x'))] });
    expect(await arbiterAt([address]).latest('machine-1')).toEqual(view(1, 'x'));
    expect(requests[0]!.body).toMatchObject({ limit: '1', sort_order: 'DESCEND', sort_target: 'KEY' });
    expect(requests[0]!.body.serializable).toBeUndefined();
  });

  test('of one that has nothing', async () => {
    const { address } = await answers(header());
    expect(await arbiterAt([address]).latest('machine-1')).toBeUndefined();
  });
});

describe('who does not answer', () => {
  test('is not waited for: the next one is asked beside it, and asked first from then on', async () => {
    const silent = await serve(never);
    const good = await answers(header());
    const arbiter = arbiterAt([silent.address, good.address]);
    expect(await arbiter.read('machine-1', 1)).toBeUndefined();
    expect(await arbiter.read('machine-1', 1)).toBeUndefined();
    expect([silent.requests.length, good.requests.length]).toEqual([1, 2]);
  });

  test('is asked again while it is there', async () => {
    let asked = 0;
    const { address } = await serve((_, response) => {
      asked += 1;
      if (asked > 1) response.end(JSON.stringify(header()));
    });
    expect(await arbiterAt([address]).read('machine-1', 1)).toBeUndefined();
  });

  test('keeps nobody for longer than a time, with a trickle of bytes neither', async () => {
    const trickles = await serve((_, response) => {
      const trickle = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(trickle));
    });
    const silent = await serve(never);
    const arbiter = arbiterAt([trickles.address, silent.address]);
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({
      message: `etcd can't be asked: ${trickles.address}: no answer; ${silent.address}: no answer`,
    });
    // Once a round each.
    expect(silent.requests.length).toBeLessThanOrEqual(4);
  });

  test('is no reason to wait where all the others have said why not', async () => {
    const gone = await listening(createTcpServer());
    await new Promise(resolve => servers.pop()!.close(resolve));
    const failing = await answers({ error: 'etcdserver: no leader', code: 14, message: 'etcdserver: no leader' }, 503);
    await expect(arbiterAt([gone, failing.address]).read('machine-1', 1)).rejects.toMatchObject({
      code: 'ARBITER_UNREACHABLE',
      message: expect.stringMatching(/^etcd can't be asked: .*ECONNREFUSED.*; .*: it answers: etcdserver: no leader$/),
    });
  });

  test('a claim that is made again while it is under way is one', async () => {
    const { address, requests } = await serve((_, response) => {
      setTimeout(
        () => response.end(JSON.stringify({ ...header(), succeeded: true, responses: [{ response_put: {} }] })),
        20,
      );
    });
    const arbiter = arbiterAt([address]);
    const claims = await Promise.all(Array.from({ length: 100 }, () => arbiter.claim(view(1, 'x'))));
    expect(new Set(claims.map(({ result }) => result))).toEqual(new Set(['won']));
    expect(requests).toHaveLength(1);
    await arbiter.claim(view(1, 'x'));
    expect(requests).toHaveLength(2);
  });
});

describe('an answer that is no good is refused in one short line', () => {
  test.each<[string, Respond, RegExp]>([
    ['no JSON', (_, response) => response.end('<html>'), /its answer is no JSON$/],
    ['JSON that nests without end', (_, response) => response.end('['.repeat(1_000_000)), /its answer is no JSON$/],
    [
      'plain words',
      (_, response) => response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n'),
      /it answers 400: Client sent an HTTP request to an HTTPS server\.$/,
    ],
    [
      'words without end, and for a terminal',
      (_, response) =>
        response.writeHead(500).end(JSON.stringify({ message: `\u001b[2J\n${'x'.repeat(100_000)}`, code: 2 })),
      /: it answers: \[2J x{1,200}\.\.\.$/,
    ],
    [
      'an answer without end',
      (_, response) => {
        const more = () => {
          if (!response.destroyed) response.write('x'.repeat(1 << 20), more);
        };
        more();
      },
      /its answer is too long$/,
    ],
    [
      'headers without end',
      (_, response) => response.writeHead(200, { x: 'y'.repeat(1 << 20) }).end('{}'),
      /Header overflow/,
    ],
    ['a redirection', (_, response) => response.writeHead(302, { location: '/' }).end(), /it answers 302/],
  ])('%s', async (_, respond, says) => {
    const { address } = await serve(respond);
    await expect(arbiterAt([address]).read('machine-1', 1)).rejects.toMatchObject({
      code: 'ARBITER_UNREACHABLE',
      message: expect.stringMatching(says),
    });
  });

  test('bytes that are not HTTP', async () => {
    const address = await listening(
      createTcpServer(socket =>
        socket
          .on('error', () => undefined)
          .resume()
          .end('SSH-2.0-x\r\n'),
      ),
    );
    await expect(arbiterAt([address]).read('machine-1', 1)).rejects.toMatchObject({ code: 'ARBITER_UNREACHABLE' });
  });

  test('a record that is too long is none, though an etcd would take it', async () => {
    const long = kv(KEY, record('x').padEnd(650_000));
    const { address } = await answers({ ...header(), kvs: [long], responses: [{ response_range: { kvs: [long] } }] });
    const refused = { code: 'VIEW_CORRUPT', message: expect.stringMatching(/^etcd's .*0000000001 is not .*too long$/) };
    await expect(arbiterAt([address]).read('machine-1', 1)).rejects.toMatchObject(refused);
    await expect(arbiterAt([address]).claim(view(1, 'x'))).rejects.toMatchObject(refused);
  });

  test('an answer at the bound is read', async () => {
    const empty = JSON.stringify(header());
    const { address } = await serve((_, response) => response.end(empty.padEnd(ANSWER_MAX_BYTES)));
    expect(await arbiterAt([address]).read('machine-1', 1)).toBeUndefined();
  });
});

describe('an etcd that is not the one it was is not believed', () => {
  test('a member of another', async () => {
    let cluster = '7';
    const { address } = await serve(
      (_, response) => void response.end(JSON.stringify(header({ cluster_id: cluster }))),
    );
    const arbiter = arbiterAt([address]);
    await arbiter.read('machine-1', 1);
    cluster = '8';
    await expect(arbiter.read('machine-1', 1)).rejects.toMatchObject({
      code: 'ARBITER_UNREACHABLE',
      message: expect.stringContaining('it belongs to another etcd'),
    });
    expect(await arbiter.claim(view(1, 'x'))).toMatchObject({ result: 'unreachable' });
  });

  test('one that has gone back', async () => {
    let revision = '10';
    const { address } = await serve((_, response) => void response.end(JSON.stringify(header({ revision }))));
    const arbiter = arbiterAt([address]);
    await arbiter.read('machine-1', 1);
    revision = '9';
    await expect(arbiter.read('machine-1', 1)).rejects.toThrow(/gone back to an earlier state/);
    revision = '10';
    expect(await arbiter.read('machine-1', 1)).toBeUndefined();
  });
});

describe('user and password', () => {
  test('are given for a token, which is given anew where it is none any more, or where a connection ends without a word', async () => {
    let valid = 0;
    const { address, requests } = await serve(({ path, token, body }, response) => {
      if (path === '/v3/auth/authenticate') {
        expect(body).toEqual({ name: 'me', password: 'se:same' });
        response.end(JSON.stringify({ ...header(), token: `token-${valid}` }));
      } else if (token === `token-${valid}`) response.end(JSON.stringify(header()));
      else if (valid === 1)
        response.writeHead(401).end(JSON.stringify({ error: 'etcdserver: invalid auth token', code: 16 }));
      else response.destroy();
    });
    const arbiter = arbiterAt([address], { user: 'me:se:same' });
    for (valid = 0; valid < 3; valid++) {
      expect(await arbiter.read('machine-1', 1)).toBeUndefined();
      expect(await arbiter.read('machine-1', 1)).toBeUndefined();
    }
    expect(requests.filter(({ path }) => path === '/v3/auth/authenticate')).toHaveLength(3);
  });

  test('that are refused are said to be, and not shown', async () => {
    const said = { error: 'etcdserver: authentication failed, invalid user ID or password', code: 3 };
    const { address } = await answers(said, 400);
    await expect(arbiterAt([address], { user: 'me:sesame' }).read('machine-1', 1)).rejects.toMatchObject({
      code: 'ARBITER_UNREACHABLE',
      message: `etcd can't be asked: ${address}: it answers: ${said.error}`,
    });
  });

  test('are no reason to fail where nobody asks for them, as with etcdctl', async () => {
    const { address } = await serve(({ path }, response) => {
      if (path !== '/v3/auth/authenticate') response.end(JSON.stringify(header()));
      else response.writeHead(400).end(JSON.stringify({ error: 'etcdserver: authentication is not enabled', code: 9 }));
    });
    expect(await arbiterAt([address], { user: 'me:sesame' }).read('machine-1', 1)).toBeUndefined();
  });

  test('for which there is no token, or one that is none, are refused', async () => {
    for (const token of [7, 'a\nb', '', 'x'.repeat(41_000)]) {
      const { address } = await answers({ ...header(), token });
      const asked = arbiterAt([address], { user: 'me:sesame' }).read('machine-1', 1);
      await expect(asked).rejects.toThrow(/it gives no token/);
    }
  });

  test('without a password are refused before anything is asked', () => {
    expect(() => arbiterAt(['h'], { user: 'me' })).toThrow(expect.objectContaining({ code: 'ARBITER_CREDENTIALS' }));
  });
});
