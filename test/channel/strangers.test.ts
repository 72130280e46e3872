// Strangers at a listener: what they say and don't say, how many they are, and that members get in all the same.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import WebSocket, { type ClientOptions } from 'ws';
import { newNonce } from '../../engine/channel/credentials.js';
import { callerEncryption } from '../../engine/channel/encryption.js';
import { HELLO_MAX_BYTES, HELLO_MAX_MS } from '../../engine/channel/hello.js';
import { STRANGERS_MAX } from '../../engine/channel/strangers.js';
import { PROTOCOL_VERSION } from '../../engine/protocol/vocabulary.js';
import { CERTIFICATE, CERTIFICATE_KEY } from './certificate.js';
import { CREDENTIALS, call, ended, hear, start } from './ends.js';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

function portOf(address: string): number {
  return Number(new URL(address).port);
}

/** A stranger's connection; resolves with its end. */
function stranger(
  address: string,
  ...said: (string | Uint8Array)[]
): { readonly socket: Socket; readonly end: Promise<unknown> } {
  const socket = connectTcp(portOf(address), '127.0.0.1');
  sockets.push(socket);
  const end = ended(socket);
  for (const piece of said) socket.write(piece);
  socket.resume();
  return { socket, end };
}

/** TLS with the machine's key, unless it is said otherwise. */
async function tls(address: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ ...callerEncryption(CREDENTIALS), port: portOf(address), host: '127.0.0.1', ...options });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return await promise.then(
    () => Promise.reject(new Error('it was taken')),
    (error: Error) => error,
  );
}

const descriptors = () => readdirSync('/proc/self/fd').length;

describe('garbage is refused in one line, and members get in:', () => {
  const garbage: readonly [string, (string | Uint8Array)[]][] = [
    ['a byte', ['x']],
    ['a line', ['hello\r\n\r\n']],
    ['HTTP', ['GET / HTTP/1.1\r\nHost: a\r\n\r\n']],
    ['bytes by chance', [randomBytes(100_000)]],
    ['a record of TLS with bytes by chance', [Uint8Array.of(22, 3, 1, 0x40, 0), randomBytes(0x4000)]],
    ['a record of TLS that is too long', [Uint8Array.of(22, 3, 1, 0xff, 0xff), randomBytes(0xffff)]],
    ['a client hello as long as can be', [Uint8Array.of(22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff), randomBytes(1 << 20)]],
    ['an alert', [Uint8Array.of(21, 3, 3, 0, 2, 2, 40)]],
    ['zeros', [new Uint8Array(100_000)]],
    ['headers without end', [`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(100_000)}`]],
    ['nothing but an end', []],
  ];
  describe.each([
    ['in the clear', false],
    ['before TLS', true],
  ])('%s', (_, encrypted) => {
    test.each(garbage)('%s', async (_, said) => {
      const { address, refused, links } = await start({ encrypted });
      const { socket, end } = stranger(address, ...said);
      socket.end();
      await end;
      await vi.waitFor(() => expect(refused).toHaveLength(1));
      expect(refused[0]!.line).toMatch(/^who calls from 127\.0\.0\.1:\d+ [^\n]{1,200}$/);
      await call(address);
      await vi.waitFor(() => expect(links).toHaveLength(1));
    });
  });

  test.each(garbage.slice(0, 4))('inside TLS, with the key: %s', async (_, said) => {
    const { address, refused, links } = await start({ encrypted: true });
    const socket = await tls(address);
    const end = ended(socket.resume());
    for (const piece of said) socket.write(piece);
    socket.end();
    await end;
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused[0]!.line).not.toContain('\n');
    await call(address);
    await vi.waitFor(() => expect(links).toHaveLength(1));
  });

  test('inside TLS, with the key: more than a hello can be', async () => {
    const { address, refused, links } = await start({ encrypted: true });
    const socket = new WebSocket(address, callerEncryption(CREDENTIALS) as unknown as ClientOptions);
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(new Uint8Array(4 * HELLO_MAX_BYTES));
    await once(socket, 'close');
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(links).toEqual([]);
  });
});

describe('TLS is one version, one suite and the key, or nothing:', () => {
  const others: readonly [string, ConnectionOptions][] = [
    ['TLS 1.2 with the key', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'PSK+HIGH' }],
    ['TLS 1.2 with certificates', { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2', ciphers: 'HIGH' }],
    ['another suite', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
    ['another group', { ecdhCurve: 'P-256' }],
    ['no key', { pskCallback: () => null }],
    ['another key', callerEncryption({ ...CREDENTIALS, secret: 'x' })],
    ['the key of another machine', callerEncryption({ ...CREDENTIALS, machine: 'x' })],
  ];
  test.each(others)('%s is refused in one line', async (_, options) => {
    const { address, refused } = await start({ encrypted: true });
    await failureOf(tls(address, { rejectUnauthorized: false, ...options }));
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused[0]).toMatchObject({ code: 'PEER_UNPROVEN' });
    expect(refused[0]!.line).not.toContain('\n');
  });

  test('a session is not taken up again by one who has no key but an earlier session', async () => {
    const { address } = await start({ encrypted: true });
    const first = connectTls({ ...callerEncryption(CREDENTIALS), port: portOf(address), host: '127.0.0.1' });
    sockets.push(first);
    const sessions: Buffer[] = [];
    first.on('session', session => sessions.push(session));
    await once(first, 'secureConnect');
    expect(first.getProtocol()).toBe('TLSv1.3');
    expect(first.getCipher().name).toBe('TLS_AES_128_GCM_SHA256');
    expect(first.getEphemeralKeyInfo()).toMatchObject({ type: 'ECDH', name: 'X25519' });
    await sleep(100);
    const kept = sessions.at(-1) ?? first.getSession();
    await failureOf(tls(address, { pskCallback: () => null, rejectUnauthorized: false, session: kept }));
  });

  test.each([
    ['a certificate', { cert: CERTIFICATE, key: CERTIFICATE_KEY }],
    [
      'a certificate, and keys of others',
      { cert: CERTIFICATE, key: CERTIFICATE_KEY, pskCallback: () => Buffer.alloc(32) },
    ],
    ['another key', { pskCallback: () => Buffer.alloc(32), ciphers: 'TLS_AES_128_GCM_SHA256' }],
  ])('a caller says nothing to one on the way who has %s', async (_, options) => {
    const heard: Buffer[] = [];
    const middle = createServer(options, socket => socket.on('data', chunk => heard.push(chunk)));
    middle.on('tlsClientError', () => {});
    middle.listen(0, '127.0.0.1');
    await once(middle, 'listening');
    const address = `wss://127.0.0.1:${(middle.address() as { port: number }).port}`;
    const failure = await failureOf(call(address, { deadlineMs: 2_000 }));
    expect(failure).toMatchObject({ code: 'PEER_UNPROVEN' });
    expect(failure.message).not.toContain('\n');
    expect(heard).toEqual([]);
    middle.close();
  });

  test('a caller in the clear hears at an encrypted port that it is none, and the other way round', async () => {
    const [secure, clear] = [await start({ encrypted: true }), await start()];
    const failures = [
      await failureOf(call(`ws://127.0.0.1:${portOf(secure.address)}`, { deadlineMs: 2_000, retryMs: 2_000 })),
      await failureOf(call(`wss://127.0.0.1:${portOf(clear.address)}`, { deadlineMs: 2_000, retryMs: 2_000 })),
    ];
    for (const { message, code } of failures) {
      expect(code).toMatch(/^PEER_(UNPROVEN|UNREACHABLE)$/);
      expect(message).not.toContain('\n');
    }
    await vi.waitFor(() => expect([secure.refused, clear.refused].map(({ length }) => length)).toEqual([1, 1]));
    expect([...secure.links, ...clear.links]).toEqual([]);
  });
});

describe('slow ones are cut off,', () => {
  test.each([
    ['in the clear', false],
    ['in the handshake of TLS', true],
  ])('a byte a second, %s', async (_, encrypted) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { address, refused } = await start({ encrypted });
    const said = encrypted
      ? Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0)
      : Buffer.from('GET / HTTP/1.1\r\nX: ');
    const { socket, end } = stranger(address);
    await once(socket, 'connect');
    for (let at = 0; at * 1000 <= HELLO_MAX_MS; at += 1) {
      socket.write(said.subarray(at, at + 1));
      await vi.advanceTimersByTimeAsync(1000);
    }
    await end;
    expect(refused).toMatchObject([{ code: 'HELLO_LATE' }]);
  });

  test('a silent one that has the key, after TLS and after the upgrade', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { address, refused } = await start({ encrypted: true });
    const silent = await tls(address);
    const headers = { epochvisor: `${PROTOCOL_VERSION} ${newNonce()}` };
    const open = new WebSocket(address, { ...(callerEncryption(CREDENTIALS) as unknown as ClientOptions), headers });
    open.on('error', () => {});
    await once(open, 'open');
    const ends = Promise.all([once(silent.resume(), 'close'), once(open, 'close')]);
    await vi.advanceTimersByTimeAsync(HELLO_MAX_MS + 1);
    await vi.advanceTimersByTimeAsync(1000);
    await ends;
    expect(refused.map(({ code }) => code)).toEqual(['HELLO_LATE', 'HELLO_LATE']);
  });
});

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('crowds, %s:', (_, encrypted) => {
  test.each([STRANGERS_MAX, 10 * STRANGERS_MAX])(
    '%i silent strangers keep no member out, and nothing of them is left',
    async count => {
      const { address, refused, links } = await start({ encrypted });
      const before = descriptors();
      const crowd = Array.from({ length: count }, () => stranger(address));
      const opening = () => crowd.filter(({ socket }) => socket.connecting).length;
      // More than the kernel keeps for a listener it makes wait.
      await vi.waitFor(() => expect(opening()).toBe(0), { timeout: 20_000 });
      // Without a pause for any of them to be cut off by the time.
      const members = await Promise.all(Array.from({ length: 4 }, () => call(address)));
      await vi.waitFor(() => expect(links).toHaveLength(4));
      expect(crowd.filter(({ socket }) => !socket.closed).length).toBeLessThanOrEqual(STRANGERS_MAX);
      for (const { socket } of crowd) socket.destroy();
      await vi.waitFor(() => expect(refused).toHaveLength(count));
      await Promise.all(members.map(member => member.close()));
      await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before));
    },
  );

  test('strangers that come again and again keep no member out', async () => {
    const { address, links } = await start({ encrypted });
    let isOver = false;
    const again = async () => {
      while (!isOver) await stranger(address, encrypted ? Uint8Array.of(22) : 'GET').end;
    };
    const crowd = Array.from({ length: 2 * STRANGERS_MAX }, again);
    const members: Promise<unknown>[] = [];
    for (let at = 0; at < 8; at += 1) {
      members.push(call(address, { deadlineMs: 20_000 }));
      await sleep(20);
    }
    await Promise.all(members);
    expect(links).toHaveLength(8);
    isOver = true;
    for (const socket of sockets) socket.destroy();
    await Promise.all(crowd);
  });
});

test('1,000 strangers, one after another, leave no memory taken', async () => {
  const { address, refused } = await start({ encrypted: true });
  const many = async (count: number) => {
    for (let at = 0; at < count; at += 1) {
      const { socket, end } = stranger(address, 'x', randomBytes(2_000));
      await end;
      socket.destroy();
      sockets.length = 0;
    }
    global.gc?.();
    return process.memoryUsage().rss;
  };
  const first = await many(200);
  const last = await many(1_000);
  expect(refused).toHaveLength(1_200);
  // 64 KiB each would be 62 MiB.
  expect(last - first).toBeLessThan(32 << 20);
});

test('a member that is connected feels nothing of a crowd', async () => {
  const { address, links } = await start({ encrypted: true });
  const near = await call(address);
  await vi.waitFor(() => expect(links).toHaveLength(1));
  const { frames } = hear(links[0]!);
  hear(near);
  for (let at = 0; at < 4 * STRANGERS_MAX; at += 1) stranger(address, 'x');
  for (let at = 0; at < 100; at += 1) near.send(Uint8Array.of(at));
  await vi.waitFor(() => expect(frames).toHaveLength(100));
});
