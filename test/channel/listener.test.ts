// Listeners: their addresses, their bounds, and their end.

import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { HELLO_MAX_MS } from '../../engine/channel/hello.js';
import { FULL, MEMBERS_MAX } from '../../engine/channel/listener.js';
import { call, greet, hear, pair, start } from './ends.js';

const tcp = (address: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(address);
    const socket = connectTcp(Number(port), hostname, () => resolve(socket)).on('error', reject);
  });

test('says in one line that its port is in use', async () => {
  const { address } = await start();
  const { host } = new URL(address);
  await expect(start({ listen: host })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
});

test.each(['', '127.0.0.1', ':80', 'localhost:http', '127.0.0.1:65536', '1:2:3'])(
  'refuses the address %j',
  async listen => {
    await expect(start({ listen })).rejects.toMatchObject({ code: 'ADDRESS_MALFORMED' });
  },
);

test('says that it cannot listen at an address that this host does not have', async () => {
  const failure = { code: 'LISTEN_FAILED', message: expect.stringContaining("can't listen on ") };
  await expect(start({ listen: '203.0.113.1:0', encrypted: true })).rejects.toMatchObject(failure);
  await expect(start({ listen: 'no-such-host.invalid:0' })).rejects.toMatchObject(failure);
});

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('a listener %s', (_, encrypted) => {
  test('cuts off a connection that does not say who it is, and tells of each once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { refused, address } = await start({ encrypted });
    const silent = [await tcp(address)];
    if (!encrypted) {
      silent.push((await greet(address)).stream);
      silent.push(await tcp(address));
      silent[2]!.write('GET / HTTP/1.1\r\nX: ');
    }
    const ends = Promise.all(silent.map(socket => once(socket.resume(), 'close')));
    await vi.advanceTimersByTimeAsync(HELLO_MAX_MS + 1);
    await vi.advanceTimersByTimeAsync(1000);
    await ends;
    expect(refused.map(({ code }) => code)).toEqual(silent.map(() => 'HELLO_LATE'));
  });

  test('leaves an established link alone after the time in which a caller has to say who it is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { near, far } = await pair(encrypted);
    const { frames } = hear(far);
    await vi.advanceTimersByTimeAsync(HELLO_MAX_MS * 2);
    near.send(Uint8Array.of(7));
    vi.useRealTimers();
    await vi.waitFor(() => expect(frames).toHaveLength(1));
  });

  test('takes a bounded number of members, and another when one has left', async () => {
    const { address, links, refused } = await start({ encrypted });
    const members = await Promise.all(Array.from({ length: MEMBERS_MAX }, () => call(address)));
    await vi.waitFor(() => expect(links).toHaveLength(MEMBERS_MAX));
    const further = await Promise.all(Array.from({ length: 10 }, () => call(address)));
    for (const link of further) {
      const code = await new Promise(resolve => link.listen({ message: () => {}, closed: (_, code) => resolve(code) }));
      expect(code).toBe(FULL);
    }
    expect(refused.map(({ code }) => code)).toEqual(further.map(() => 'LISTENER_FULL'));
    expect(links).toHaveLength(MEMBERS_MAX);
    await members[0]!.close();
    await vi.waitFor(async () => {
      await call(address);
      expect(links.length).toBeGreaterThan(MEMBERS_MAX);
    });
  });

  test('ends every connection and frees its port when it closes', async () => {
    const { listener, links, refused, address } = await start({ encrypted });
    const near = await call(address);
    const { ended } = hear(near);
    const silent = await tcp(address);
    const silentEnd = once(silent.resume(), 'close');
    await vi.waitFor(() => expect(links).toHaveLength(1));
    await listener.close();
    expect(await ended).toMatchObject({ code: 'LINK_CLOSED' });
    await silentEnd;
    expect(refused).toEqual([]);
    await start({ encrypted, listen: new URL(address).host });
  });
});

test('answers HTTP with its status, and tells of it once', async () => {
  const { refused, address } = await start();
  const { port } = new URL(address);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(426);
  await vi.waitFor(() => expect(refused).toMatchObject([{ code: 'PEER_UNPROVEN' }]));
  const strange = new WebSocket(`${address}/`, { protocolVersion: 8 });
  strange.on('error', () => {});
  await once(strange, 'close');
});
