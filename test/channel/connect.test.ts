// Calling: when it is tried again, when it is given up, and where nobody is called in the clear.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { CREDENTIALS, call, start } from './ends.js';

describe('connecting', () => {
  test('is tried again until the listener is there', async () => {
    const first = await start();
    const { host } = new URL(first.address);
    await first.listener.close();
    const calling = call(first.address, { deadlineMs: 10_000 });
    await sleep(100);
    await start({ listen: host });
    expect((await calling).peer.incarnation).toBe('replica-a');
  });

  test('is given up at the deadline', async () => {
    const { listener, address } = await start();
    await listener.close();
    await expect(call(address, { deadlineMs: 100 })).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('is given up on a signal, between attempts and during one', async () => {
    const { listener, address } = await start();
    await listener.close();
    const controller = new AbortController();
    const { signal } = controller;
    const calling = call(address, { deadlineMs: 60_000, retryMs: 10_000, signal });
    setTimeout(() => controller.abort(), 50);
    await expect(calling).rejects.toMatchObject({ code: 'LINK_CLOSED' });
    await expect(call(address, { deadlineMs: 60_000, signal })).rejects.toMatchObject({ code: 'LINK_CLOSED' });
  });

  test.each([
    ['a refusal', 'PEER_REFUSED', { hello: { moduleHash: 'x' } }],
    [
      'an answer of one who does not belong to the machine',
      'PEER_UNPROVEN',
      { credentials: { ...CREDENTIALS, secret: 'x' } },
    ],
  ])('is not tried again after %s', async (_, code, options) => {
    const { refused, address } = await start();
    await expect(call(address, { ...options, deadlineMs: 60_000 })).rejects.toMatchObject({ code });
    await vi.waitFor(() => expect(refused).toHaveLength(1));
  });
});

describe('in the clear nobody leaves loopback:', () => {
  test.each(['203.0.113.1:80', '0.0.0.0:80', '10.0.0.1:80', '[2001:db8::1]:80', '[::]:80', '[::ffff:10.0.0.1]:80'])(
    '%s is neither called nor listened on',
    async address => {
      const wanted = { code: 'CHANNEL_IN_CLEAR', message: expect.stringContaining('the channel is not encrypted') };
      await expect(call(`ws://${address}`, { deadlineMs: 60_000 })).rejects.toMatchObject(wanted);
      await expect(start({ listen: address })).rejects.toMatchObject(wanted);
    },
  );

  test('localhost, and every other address of loopback, is called and listened on', async () => {
    const { address } = await start({ listen: 'localhost:0' });
    expect(address).toMatch(/^ws:\/\/(127\.0\.0\.1|\[::1\]):\d+$/);
    const { port } = new URL(address);
    await (await call(address)).close();
    await (await call(`ws://localhost:${port}`)).close();
    await (await call((await start({ listen: '127.1.2.3:0' })).address)).close();
  });

  test('encrypted, a host may listen at any of its addresses', async () => {
    const { address, links } = await start({ encrypted: true, listen: '0.0.0.0:0' });
    const { port } = new URL(address);
    await call(`wss://127.0.0.1:${port}`);
    await vi.waitFor(() => expect(links).toHaveLength(1));
  });
});

describe('who is called is encrypted as the caller is, whatever the address says:', () => {
  test('a caller that encrypts does not call ws, and one that does not does not call wss', async () => {
    const { address, refused } = await start();
    const secure = await start({ encrypted: true });
    await expect(call(address, { encrypted: true, deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'ENCRYPTION_DIFFERS',
      message: `the channel at ${address} is not encrypted, and this side's is`,
    });
    await expect(call(secure.address, { encrypted: false, deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'ENCRYPTION_DIFFERS',
      message: `the channel at ${secure.address} is encrypted, and this side's is not`,
    });
    expect([...refused, ...secure.refused]).toEqual([]);
  });

  test.each([
    '',
    'ws://',
    'http://127.0.0.1:80',
    'ws://127.0.0.1',
    'ws://127.0.0.1:65536',
    'ws://a@127.0.0.1:80',
    'ws://127.0.0.1:80/x',
  ])('%j is no address', async address => {
    await expect(call(address, { deadlineMs: 60_000 })).rejects.toMatchObject({ code: 'ADDRESS_MALFORMED' });
  });
});
