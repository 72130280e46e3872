// Who sits on the wire: what is seen there, and what comes of recording, replaying, altering and cutting it.

import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { callerEncryption, listenerEncryption } from '../../engine/channel/encryption.js';
import type { Link } from '../../engine/channel/link.js';
import { CREDENTIALS, call, ended, HELLO, hear, start } from './ends.js';
import { type Alter, type Direction, startProxy, startReplay, type TappedWire } from './proxy.js';

const GUEST_DATA = Buffer.from('what the guest has to say. '.repeat(4000));

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map(one => one.close()));
});

function owned<One extends { close(): Promise<unknown> }>(one: One): One {
  closing.push(one);
  return one;
}

/** A listener, and the wire to it. */
async function wire(encrypted: boolean, alter?: Alter) {
  const far = await start({ encrypted });
  const proxy = owned(await startProxy(far.address, alter));
  return { ...far, proxy };
}

/** A link over the wire, of which each side has heard some of the guest's data. */
async function talk({ proxy, links }: { readonly proxy: TappedWire; readonly links: readonly Link[] }): Promise<void> {
  const near = await call(proxy.address);
  await vi.waitFor(() => expect(links).toHaveLength(1));
  const [atNear, atFar] = [hear(near), hear(links[0]!)];
  near.send(GUEST_DATA);
  links[0]!.send(GUEST_DATA);
  await vi.waitFor(() => expect([...atNear.frames, ...atFar.frames]).toHaveLength(2));
  await near.close();
  await atFar.ended;
}

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('on a wire %s', (_, encrypted) => {
  test('no secret crosses, in no form; and encrypted, nothing of guest and machine', async () => {
    const tapped = await wire(encrypted);
    await talk(tapped);
    const all = [tapped.proxy.bytes('toListener'), tapped.proxy.bytes('toCaller')];
    expect(Math.min(...all.map(({ length }) => length))).toBeGreaterThan(GUEST_DATA.length);
    const seen = (text: string | Buffer) => all.some(bytes => bytes.includes(text));
    const secret = Buffer.from(CREDENTIALS.secret);
    for (const form of [secret, secret.toString('base64').slice(0, -4), secret.toString('hex')]) {
      expect(seen(form)).toBe(false);
    }
    const told = ['guest has to say', HELLO.incarnation, HELLO.moduleHash, 'epochLength', 'Upgrade'];
    for (const text of told) expect([text, seen(text)]).toEqual([text, !encrypted]);
    expect(seen(CREDENTIALS.machine)).toBe(false);
  });

  test('what a caller has said, said again, gets a listener to say nothing and to take nobody', async () => {
    const tapped = await wire(encrypted);
    await talk(tapped);
    const { address, links, refused, proxy } = tapped;
    const { hostname, port } = new URL(address);
    const pieces = proxy.crossed.flatMap(({ direction, chunk }) => (direction === 'toListener' ? [chunk] : []));
    const answers: Buffer[] = [];
    for (const said of [[Buffer.concat(pieces)], pieces]) {
      const socket = connectTcp(Number(port), hostname);
      const end = ended(socket);
      const answer: Buffer[] = [];
      socket.on('data', chunk => answer.push(chunk));
      for (const piece of said) {
        socket.write(piece);
        await sleep(5);
      }
      await end;
      answers.push(Buffer.concat(answer));
    }
    await vi.waitFor(() => expect(refused).toHaveLength(2));
    expect(links).toHaveLength(1);
    for (const answer of answers) {
      expect(answer.length).toBeLessThan(1000);
      for (const text of [HELLO.incarnation, HELLO.moduleHash, 'guest']) expect(answer.includes(text)).toBe(false);
    }
    for (const { code } of refused) expect(code).toMatch(/^(PEER_UNPROVEN|PACKET_MALFORMED|LINK_CLOSED)$/);
  });

  test('what a listener has said, said again, gets a caller to say nothing more than to anyone', async () => {
    const tapped = await wire(encrypted);
    await talk(tapped);
    const replay = owned(await startReplay(encrypted ? 'wss' : 'ws', tapped.proxy.bytes('toCaller')));
    const failure = await call(replay.address, { deadlineMs: 500 }).catch(error => error);
    expect(failure.code).toMatch(/^(PEER_UNPROVEN|PEER_UNREACHABLE)$/);
    const heard = Buffer.concat(replay.heard);
    for (const text of [HELLO.moduleHash, 'epochLength', 'replica-b']) expect(heard.includes(text)).toBe(false);
  });
});

describe('on an encrypted wire', () => {
  /** The wire alters what crosses it after the hellos. */
  async function alteredTalk(direction: Direction, change: (chunk: Buffer) => Buffer | undefined) {
    let armed = false;
    const tapped = await wire(true, (way, chunk) => (armed && way === direction ? change(chunk) : chunk));
    const near = await call(tapped.proxy.address);
    await vi.waitFor(() => expect(tapped.links).toHaveLength(1));
    const [atNear, atFar] = [hear(near), hear(tapped.links[0]!)];
    armed = true;
    for (let times = 0; times < 2; times += 1) {
      near.send(GUEST_DATA);
      tapped.links[0]!.send(GUEST_DATA);
      // What is cut short is seen to be when more comes.
      await sleep(20);
    }
    const reasons = await Promise.all([atNear.ended, atFar.ended]);
    return { reasons, heard: direction === 'toListener' ? atFar.frames : atNear.frames };
  }

  const changes: readonly [string, (chunk: Buffer) => Buffer | undefined][] = [
    ['a bit is changed', chunk => flipped(chunk, chunk.length - 10)],
    ['the length of a record is changed', chunk => flipped(chunk, 4)],
    ['a record is cut short', chunk => chunk.subarray(0, chunk.length - 20)],
    ['a record comes twice', chunk => Buffer.concat([chunk, chunk])],
    ['other bytes are put between', chunk => Buffer.concat([Buffer.from('GET / HTTP/1.1\r\n\r\n'), chunk])],
    ['it is cut in a record', () => undefined],
  ];
  describe.each(['toListener', 'toCaller'] as const)('%s', direction => {
    test.each(changes)('%s: the link ends at both sides, and nothing is heard that was not said', async (_, change) => {
      const { reasons, heard } = await alteredTalk(direction, first(change));
      for (const reason of reasons) expect(reason).toMatchObject({ code: 'LINK_CLOSED' });
      for (const frame of heard) expect(Buffer.compare(frame, GUEST_DATA)).toBe(0);
      expect(heard.length).toBeLessThanOrEqual(2);
    });
  });

  test('who has got between two who speak TLS, and passes on what they say, is found out by their proofs', async () => {
    const { address, links, refused } = await start({ encrypted: true });
    const heard: Buffer[] = [];
    const middle = createTlsServer(listenerEncryption(CREDENTIALS), near => {
      const far = connectTls({
        ...callerEncryption(CREDENTIALS),
        host: '127.0.0.1',
        port: Number(new URL(address).port),
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on('error', () => undefined).on('data', chunk => heard.push(chunk));
        one.pipe(other);
      }
    });
    middle.listen(0, '127.0.0.1');
    await once(middle, 'listening');
    const port = (middle.address() as AddressInfo).port;
    await expect(call(`wss://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'PEER_UNPROVEN' });
    await vi.waitFor(() => expect(refused).toMatchObject([{ code: 'PEER_UNPROVEN' }]));
    middle.close();
    expect(links).toEqual([]);
    expect(Buffer.concat(heard).includes('epochvisor: ')).toBe(true);
    expect(Buffer.concat(heard).includes(HELLO.moduleHash)).toBe(false);
  });

  test('whatever byte of the handshake is changed, nobody is taken', async () => {
    const whole = await wire(true);
    await talk(whole);
    const length = whole.proxy.crossed.find(({ direction }) => direction === 'toListener')!.chunk.length;
    for (let at = 0; at < length; at += 7) {
      const tapped = await wire(true, (direction, chunk, sent) =>
        direction === 'toListener' && sent === 0 ? flipped(chunk, at) : chunk,
      );
      // An altered length has each side wait for the other.
      const failure = await call(tapped.proxy.address, { deadlineMs: 100 }).catch(error => error);
      expect([at, failure.name]).toEqual([at, 'EpochvisorError']);
      expect(failure.line).not.toContain('\n');
      expect(tapped.links).toEqual([]);
      await tapped.listener.close();
    }
  });
});

function flipped(chunk: Buffer, at: number): Buffer {
  const changed = Buffer.from(chunk);
  changed[at] = changed[at]! ^ 1;
  return changed;
}

/** Changes the first chunk alone. */
function first(change: (chunk: Buffer) => Buffer | undefined): (chunk: Buffer) => Buffer | undefined {
  let done = false;
  return chunk => {
    if (done) return chunk;
    done = true;
    return change(chunk);
  };
}
