// Links, listeners and hellos over real sockets.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { connect } from '../../engine/channel/connect.js';
import { HELLO_MAX_BYTES, HELLO_MAX_MS, REFUSED } from '../../engine/channel/hello.js';
import { BUFFERED_MAX_BYTES, Link } from '../../engine/channel/link.js';
import { CONNECTIONS_MAX, Listener } from '../../engine/channel/listener.js';
import type { EpochvisorError } from '../../engine/errors/errors.js';
import type { Hello } from '../../engine/protocol/messages.js';
import { encodeHello } from '../../engine/wire/packets.js';

const HELLO: Hello = {
  type: 'hello',
  protocol: 1,
  machine: 'machine-1',
  incarnation: 'replica-a',
  secret: 'open sesame',
  moduleHash: 'abcd',
  options: '{"epochLength":1000,"variant":"deferred"}',
};

const listeners: Listener[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(listeners.splice(0).map(listener => listener.close()));
});

/** A listener that collects links and refusals. */
async function start(hello: Hello = HELLO, listen?: string) {
  const links: Link[] = [];
  const refused: EpochvisorError[] = [];
  const listener = await Listener.start({
    hello,
    ...(listen === undefined ? {} : { listen }),
    onLink: link => links.push(link),
    onRefused: error => refused.push(error),
  });
  listeners.push(listener);
  return { listener, links, refused, address: listener.address };
}

const call = (address: string, hello: Partial<Hello> = {}, deadlineMs = 5000) =>
  connect({ address, hello: { ...HELLO, incarnation: 'replica-b', ...hello }, deadlineMs });

/** Both ends of a link. */
async function pair() {
  const { links, address } = await start();
  const near = await call(address);
  await vi.waitFor(() => expect(links).toHaveLength(1));
  return { near, far: links[0]! };
}

/** Everything that a link hears until it ends. */
function hear(link: Link) {
  const frames: Uint8Array[] = [];
  const ended = new Promise<EpochvisorError>(resolve => {
    link.listen({ message: bytes => frames.push(bytes), closed: reason => resolve(reason) });
  });
  return { frames, ended };
}

describe('a link', () => {
  test('writes once for all that is sent in a turn, and what is in no hurry goes with it, or by itself', async () => {
    const { links, address } = await start();
    const socket = new WebSocket(address);
    const [[{ socket: stream }]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
      [IncomingMessage],
      unknown,
    ];
    const near = new Link(socket, stream);
    near.send(encodeHello({ ...HELLO, incarnation: 'replica-b' }));
    await vi.waitFor(() => expect(links).toHaveLength(1));
    const { frames } = hear(links[0]!);
    const written = vi.spyOn(stream, '_writev' as never);
    near.sendLate(Uint8Array.of(0));
    for (let at = 1; at < 5; at++) near.send(Uint8Array.of(at));
    expect(written).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(frames.map(([first]) => first)).toEqual([0, 1, 2, 3, 4]));
    expect(written).toHaveBeenCalledTimes(1);
    near.sendLate(Uint8Array.of(5));
    await vi.waitFor(() => expect(frames).toHaveLength(6));
    await near.close();
  });

  test('carries frames both ways, whole, in order and byte for byte', async () => {
    const { near, far } = await pair();
    const [atNear, atFar] = [hear(near), hear(far)];
    const sent = [0, 1, 125, 126, 65_535, 65_536, 3_000_000].map((length, index) =>
      new Uint8Array(length).map((_, at) => (at * 31 + index) & 255),
    );
    for (const frame of sent) expect(near.send(frame)).toBe(true);
    for (const frame of sent) expect(far.send(frame)).toBe(true);
    await near.close();
    await Promise.all([atNear.ended, atFar.ended]);
    expect(atFar.frames.map(frame => Buffer.compare(frame, sent[atFar.frames.indexOf(frame)]!))).toEqual(
      sent.map(() => 0),
    );
    expect(far.peer.incarnation).toBe('replica-b');
    expect(near.peer.incarnation).toBe('replica-a');
  });

  test('counts what has come of a frame that is not whole yet', async () => {
    const { links, address } = await start();
    const socket = new WebSocket(address);
    const [[{ socket: stream }]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
      [IncomingMessage],
      unknown,
    ];
    const near = new Link(socket, stream);
    near.send(encodeHello({ ...HELLO, incarnation: 'replica-b' }));
    await vi.waitFor(() => expect(links).toHaveLength(1));
    const far = links[0]!;
    const { frames } = hear(far);
    const before = far.arrivedBytes;
    // Binary, final; masked with zeros, 1000 bytes long: and ten of them.
    stream.write(Uint8Array.of(0x82, 0x80 + 126, 0x03, 0xe8, 0, 0, 0, 0, ...new Uint8Array(10)));
    await vi.waitFor(() => expect(far.arrivedBytes).toBe(before + 18));
    expect(frames).toEqual([]);
    stream.write(new Uint8Array(990));
    await vi.waitFor(() => expect(frames).toHaveLength(1));
    expect(far.arrivedBytes).toBe(before + 1008);
    await near.close();
  });

  test('loses nothing that came before anyone listened', async () => {
    const { near, far } = await pair();
    for (let n = 0; n < 100; n++) near.send(Uint8Array.of(n));
    await sleep(50);
    const { frames } = hear(far);
    await vi.waitFor(() => expect(frames.map(frame => frame[0])).toEqual(Array.from({ length: 100 }, (_, n) => n)));
  });

  test('tells its end once, at both sides, and sends nothing afterwards', async () => {
    const { near, far } = await pair();
    const closed = vi.fn();
    far.listen({ message: () => {}, closed });
    near.terminate();
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1));
    expect(closed.mock.calls[0]![0]).toMatchObject({ code: 'LINK_CLOSED' });
    expect(far.send(Uint8Array.of(1))).toBe(false);
    await far.close();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test('tells an end that came before anyone listened', async () => {
    const { near, far } = await pair();
    near.terminate();
    await sleep(50);
    expect(await hear(far).ended).toMatchObject({ code: 'LINK_CLOSED' });
  });

  test('ends itself when the peer does not read and the bound on what waits is reached', async () => {
    const { near, far } = await pair();
    far.unlisten();
    const { ended } = hear(near);
    const frame = new Uint8Array(8 * 1024 * 1024);
    let frames = 0;
    while (near.send(frame)) frames += 1;
    expect(await ended).toMatchObject({ code: 'LINK_OVERFLOW' });
    expect(frames * frame.length).toBeLessThanOrEqual(BUFFERED_MAX_BYTES + frame.length);
    expect(frames).toBeGreaterThan(1);
    far.terminate();
  });

  test('says once when something of what waited is taken, however long the peer does not read', async () => {
    const { near, far } = await pair();
    far.unlisten();
    const frame = new Uint8Array(8 * 1024 * 1024);
    for (let frames = 0; frames < 4; frames++) near.send(frame);
    // The first is read, and waits where nobody listens; then nothing more is.
    let waited: number;
    do {
      waited = near.bufferedBytes;
      await new Promise(resolve => setTimeout(resolve, 200));
    } while (near.bufferedBytes < waited);
    expect(waited).toBeGreaterThan(frame.length);
    const left: number[] = [];
    const waits = () => near.whenTaken(() => left.push(near.bufferedBytes));
    waits();
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(left).toEqual([]);
    hear(far);
    await vi.waitFor(() => expect(left).toHaveLength(1));
    expect(left[0]).toBeLessThan(waited);
    while (near.bufferedBytes > 0) {
      const taken = left.length;
      waits();
      await vi.waitFor(() => expect(left).toHaveLength(taken + 1));
    }
    expect(left.at(-1)).toBe(0);
  });

  test('a frame of text ends it', async () => {
    const { links, address } = await start();
    const socket = new WebSocket(address);
    await once(socket, 'open');
    socket.send(encodeHello(HELLO));
    await vi.waitFor(() => expect(links).toHaveLength(1));
    const { ended } = hear(links[0]!);
    socket.send('hello');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1003);
    expect(await ended).toMatchObject({ code: 'PACKET_MALFORMED' });
  });

  test('closes soon although the peer does not answer', async () => {
    const { links, address } = await start();
    const silent = new WebSocket(address);
    await once(silent, 'open');
    silent.send(encodeHello(HELLO));
    await vi.waitFor(() => expect(links).toHaveLength(1));
    silent.pause();
    await links[0]!.close();
    expect(links[0]!.send(Uint8Array.of(1))).toBe(false);
    silent.terminate();
  });
});

describe('hellos', () => {
  const differences: readonly [string, Partial<Hello>, string][] = [
    ['protocol', { protocol: 2 }, 'its protocol differs: here 2, there 1'],
    ['machine', { machine: 'machine-2' }, 'its machine differs: here machine-2, there machine-1'],
    ['moduleHash', { moduleHash: 'ef' }, 'its moduleHash differs: here ef, there abcd'],
    [
      'options',
      { options: '{"epochLength":1000,"variant":"original"}' },
      'its options differ: variant (here "original", there "deferred")',
    ],
    ['options that are not JSON', { options: 'x' }, 'its options differ: epochLength (here undefined, there 1000), '],
  ];
  test.each(differences)('a difference in %s is refused in one line at both sides', async (_, hello, message) => {
    const { refused, links, address } = await start();
    const failure = await call(address, hello).catch(error => error);
    expect(failure).toMatchObject({ name: 'EpochvisorError', code: 'PEER_REFUSED' });
    expect(failure.message).toContain(`the connection was refused: ${message}`);
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused[0]).toMatchObject({ code: 'PEER_REFUSED' });
    expect(refused[0]!.message).not.toContain('\n');
    expect(links).toEqual([]);
  });

  test('a wrong secret is refused, and neither side says anything of it or of itself', async () => {
    const { refused, links, address } = await start();
    const failure = await call(address, { secret: 'open barley', moduleHash: 'ef' }).catch(error => error);
    expect(failure).toMatchObject({ code: 'PEER_REFUSED', message: 'the connection was refused: its secret differs' });
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    for (const error of [failure, refused[0]!]) {
      expect(JSON.stringify(error) + error.line).not.toMatch(/sesame|barley|abcd/);
    }
    expect(links).toEqual([]);
  });

  test('a stranger without the secret gets no frame', async () => {
    const { address } = await start();
    const socket = new WebSocket(address);
    const message = vi.fn();
    socket.on('message', message);
    await once(socket, 'open');
    socket.send(encodeHello({ ...HELLO, secret: 'x' }));
    const [code, word] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, word.toString()]).toEqual([REFUSED, 'secret']);
    expect(message).not.toHaveBeenCalled();
  });

  test('a caller checks the secret of the listener, as the listener checks that of the caller', async () => {
    const impostor = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(impostor, 'listening');
    impostor.on('connection', socket => {
      socket.on('message', () => socket.send(encodeHello({ ...HELLO, secret: 'unknown' })));
    });
    const { port } = impostor.address() as AddressInfo;
    const failure = await call(`ws://127.0.0.1:${port}`).catch(error => error);
    impostor.close();
    expect(failure).toMatchObject({ code: 'PEER_REFUSED', message: 'the connection was refused: its secret differs' });
  });

  test('what is no hello is refused', async () => {
    const { refused, address } = await start();
    const socket = new WebSocket(address);
    await once(socket, 'open');
    socket.send(Uint8Array.of(0x20, 1));
    await once(socket, 'close');
    expect(refused[0]).toMatchObject({ code: 'PACKET_MALFORMED' });
  });

  test('a stranger that sends more than a hello can be is cut off', async () => {
    const { refused, address } = await start();
    const socket = new WebSocket(address);
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(new Uint8Array(HELLO_MAX_BYTES * 4));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
    await vi.waitFor(() => expect(refused[0]).toMatchObject({ code: 'LINK_CLOSED' }));
  });
});

describe('a listener', () => {
  const tcp = (address: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(address);
      const socket = connectTcp(Number(port), hostname, () => resolve(socket)).on('error', reject);
    });

  test('says in one line that its port is in use', async () => {
    const { address } = await start();
    const { host } = new URL(address);
    await expect(start(HELLO, host)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });

  test.each(['', '127.0.0.1', ':80', 'localhost:http', '127.0.0.1:65536', '1:2:3'])(
    'refuses the address %j',
    async listen => {
      await expect(start(HELLO, listen)).rejects.toMatchObject({ code: 'ADDRESS_MALFORMED' });
    },
  );

  test('says that it cannot listen at an address that this host does not have', async () => {
    await expect(start(HELLO, '203.0.113.1:0')).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  test('cuts off a connection that does not say who it is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { listener, address } = await start();
    const silent = await tcp(address);
    const open = new WebSocket(address);
    await once(open, 'open');
    const ends = Promise.all([once(silent.resume(), 'close'), once(open, 'close')]);
    await vi.advanceTimersByTimeAsync(HELLO_MAX_MS + 1);
    await vi.advanceTimersByTimeAsync(1000);
    await ends;
    await listener.close();
  });

  test('leaves an established link alone after the time in which a caller has to say who it is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { near, far } = await pair();
    const { frames } = hear(far);
    await vi.advanceTimersByTimeAsync(HELLO_MAX_MS * 2);
    near.send(Uint8Array.of(7));
    vi.useRealTimers();
    await vi.waitFor(() => expect(frames).toHaveLength(1));
  });

  test('takes a bounded number of connections', async () => {
    const { address } = await start();
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS_MAX }, () => tcp(address)));
    const further = await tcp(address);
    await once(further.resume(), 'close');
    for (const socket of sockets) socket.destroy();
  });

  test('ends every connection and frees its port when it closes', async () => {
    const { listener, links, address } = await start();
    const near = await call(address);
    const { ended } = hear(near);
    const silent = await tcp(address);
    const silentEnd = once(silent.resume(), 'close');
    await vi.waitFor(() => expect(links).toHaveLength(1));
    await listener.close();
    expect(await ended).toMatchObject({ code: 'LINK_CLOSED' });
    await silentEnd;
    await start(HELLO, new URL(address).host);
  });
});

describe('connecting', () => {
  test('is tried again until the listener is there', async () => {
    const first = await start();
    const { host } = new URL(first.address);
    await first.listener.close();
    const calling = call(first.address, {}, 10_000);
    await sleep(100);
    await start(HELLO, host);
    expect((await calling).peer.incarnation).toBe('replica-a');
  });

  test('is given up at the deadline', async () => {
    const { listener, address } = await start();
    await listener.close();
    await expect(call(address, {}, 100)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('is given up on a signal, between attempts and during one', async () => {
    const { listener, address } = await start();
    await listener.close();
    const controller = new AbortController();
    const calling = connect({ address, hello: HELLO, deadlineMs: 60_000, retryMs: 10_000, signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(calling).rejects.toMatchObject({ code: 'LINK_CLOSED' });
    const aborted = connect({ address, hello: HELLO, deadlineMs: 60_000, signal: controller.signal });
    await expect(aborted).rejects.toMatchObject({ code: 'LINK_CLOSED' });
  });

  test('is not tried again after a refusal', async () => {
    const { refused, address } = await start();
    await expect(call(address, { machine: 'x' }, 60_000)).rejects.toMatchObject({ code: 'PEER_REFUSED' });
    await vi.waitFor(() => expect(refused).toHaveLength(1));
  });
});
