// Listening sockets with real clients: what is accepted, read, written, half-closed, reset and closed.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SocketAddress } from '../../../devices/connection/socket-address.js';
import { SocketListener, WAITING_MAX } from '../../../devices/listener/socket-listener.js';
import { FIRST_OPENED_STREAM } from '../../../engine/protocol/vocabulary.js';
import { TestFolder } from '../../building/test-folder.js';
import { Reported } from '../connection/reported.js';

const SOURCE = 0x40;
const S = FIRST_OPENED_STREAM;
const ANY_PORT: SocketAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const text = (string: string) => new Uint8Array(Buffer.from(string));

let listener: SocketListener;
let sink: Reported;
const clients: Socket[] = [];

/** A client, and all that it has received. */
async function client(halfOpen = true): Promise<{ socket: Socket; got: () => string }> {
  const [address] = listener.addresses;
  const { port } = address as SocketAddress & { kind: 'tcp' };
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: halfOpen });
  clients.push(socket);
  socket.on('error', () => undefined);
  let got = '';
  socket.on('data', (bytes: Buffer) => {
    got += bytes.toString();
  });
  await once(socket, 'connect');
  return { socket, got: () => got };
}

async function open(...addresses: readonly SocketAddress[]): Promise<void> {
  sink = new Reported();
  listener = await SocketListener.open(addresses);
  listener.start(sink);
}

const said = (what: unknown) => expect.poll(() => sink.said).toContainEqual(what);

beforeEach(() => open(ANY_PORT));
afterEach(async () => {
  for (const socket of clients.splice(0)) socket.destroy();
  await listener.close();
});

describe('a connection', () => {
  test('is opened, gives what the client says and its end, takes what is written and an end', async () => {
    const { socket, got } = await client();
    await said(['opened', SOURCE]);
    socket.write('question');
    await said(['input', S, 'question']);
    socket.end();
    await said(['input', S, 'end']);
    listener.write(S, 0, text('ans'));
    listener.write(S, 3, text('wer'));
    await said(['written', S, 6]);
    listener.endStream(S, 6);
    await said(['written', S, 7]);
    if (!socket.readableEnded) await once(socket, 'end');
    expect(got()).toBe('answer');
    listener.closeStream(S, 7);
    await said(['written', S, 8]);
    expect(sink.said).not.toContainEqual(['reset', S]);
  });

  test('that the guest closes gives the client all that was written, and nothing to the guest any more', async () => {
    const { socket, got } = await client();
    await said(['opened', SOURCE]);
    listener.write(S, 0, text('bye'));
    listener.closeStream(S, 3);
    socket.write('late');
    await said(['written', S, 4]);
    if (!socket.readableEnded) await once(socket, 'end');
    expect(got()).toBe('bye');
    await once(socket.end(), 'close');
    expect(sink.said.filter(one => Array.isArray(one) && ['input', 'reset'].includes(one[0]))).toEqual([]);
  });

  test('that the client breaks off is reset, once, and its close is answered', async () => {
    const { socket } = await client();
    await said(['opened', SOURCE]);
    socket.resetAndDestroy();
    await said(['reset', S]);
    listener.write(S, 0, text('nobody'));
    listener.closeStream(S, 6);
    await said(['written', S, 7]);
    expect(sink.said.filter(one => Array.isArray(one) && one[0] === 'reset')).toHaveLength(1);
  });

  test('is read no further while it is paused, and others are', async () => {
    const [one, other] = [await client(), await client()];
    await expect.poll(() => sink.said).toHaveLength(2);
    listener.pause(S);
    one.socket.write('held');
    other.socket.write('read');
    await said(['input', S + 1, 'read']);
    await sleep(30);
    expect(sink.said).not.toContainEqual(['input', S, 'held']);
    listener.resume(S);
    await said(['input', S, 'held']);
  });

  test('whose client reads nothing holds up nobody else', async () => {
    const [one, other] = [await client(), await client()];
    await expect.poll(() => sink.said).toHaveLength(2);
    one.socket.pause();
    listener.write(S, 0, new Uint8Array(32 << 20));
    listener.write(S + 1, 0, text('answer'));
    await said(['written', S + 1, 6]);
    await expect.poll(other.got).toBe('answer');
    expect(sink.said).not.toContainEqual(['written', S, 32 << 20]);
  });
});

describe('a listener', () => {
  test('tells of nobody before it is started, nor while it is paused, and loses nobody', async () => {
    await listener.close();
    sink = new Reported();
    listener = await SocketListener.open([ANY_PORT]);
    const { socket } = await client();
    socket.write('early');
    await sleep(30);
    expect(sink.said).toEqual([]);
    listener.start(sink);
    await said(['input', S, 'early']);
    listener.pause(SOURCE);
    await client();
    await sleep(30);
    expect(sink.said).not.toContainEqual(['opened', SOURCE + 1]);
    expect(sink.said.filter(one => Array.isArray(one) && one[0] === 'opened')).toHaveLength(1);
    listener.resume(SOURCE);
    await expect.poll(() => sink.said.filter(one => Array.isArray(one) && one[0] === 'opened')).toHaveLength(2);
  });

  test('says of who has gone before anybody was told that it came, and has gone', async () => {
    listener.pause(SOURCE);
    const { socket } = await client();
    await sleep(30);
    socket.resetAndDestroy();
    await sleep(30);
    listener.resume(SOURCE);
    await said(['opened', SOURCE]);
    await said(['reset', S]);
  });

  const folder = new TestFolder();

  test('turns away who comes when too many wait, on a unix socket too, and leaves nobody at its end', async () => {
    await listener.close();
    const path = folder.file('socket');
    await open({ kind: 'unix', path });
    listener.pause(SOURCE);
    let gone = 0;
    for (let count = 0; count < WAITING_MAX + 20; count++) {
      const socket = connect({ path });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        gone += 1;
      });
      socket.resume();
      clients.push(socket);
      // The kernel's own backlog is shorter than ours.
      await once(socket, 'connect');
    }
    await expect.poll(() => gone).toBe(20);
    await listener.close();
    await expect.poll(() => gone).toBe(WAITING_MAX + 20);
  });

  test('listens on all addresses or on none, and says which it can not have', async () => {
    const [taken] = listener.addresses;
    const unix: SocketAddress = { kind: 'unix', path: folder.file('socket') };
    await expect(SocketListener.open([unix, taken!])).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
    await (await SocketListener.open([unix])).close();
    await expect(SocketListener.open([{ kind: 'unix', path: join(folder.file('none'), 'x') }])).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
    await expect(SocketListener.open([{ kind: 'tcp', host: '192.0.2.1', port: 0 }])).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });
});
