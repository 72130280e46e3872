// Greetings, proofs and hellos over real sockets, and what is said where they are refused.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { newNonce, proofOf, proves, type Session } from '../../engine/channel/credentials.js';
import { parseGreeting } from '../../engine/channel/greeting.js';
import { HELLO_MAX_BYTES, REFUSED } from '../../engine/channel/hello.js';
import type { Hello } from '../../engine/protocol/messages.js';
import { PROTOCOL_VERSION } from '../../engine/protocol/vocabulary.js';
import { encodeHello, encodeProof } from '../../engine/wire/packets.js';
import { CREDENTIALS, call, greet, HELLO, start } from './ends.js';

const WRONG = [
  ['another secret', { ...CREDENTIALS, secret: 'open barley' }],
  ['another machine with the same secret', { ...CREDENTIALS, machine: 'machine-2' }],
] as const;

describe('a proof', () => {
  const session: Session = { callerNonce: newNonce(), listenerNonce: newNonce(), binding: Uint8Array.of(1) };
  const proof = proofOf('caller', CREDENTIALS, session);

  test('is one for its role, its credentials and its session, and for no other', () => {
    expect(proves(proof, 'caller', CREDENTIALS, session)).toBe(true);
    expect(proves(proof, 'listener', CREDENTIALS, session)).toBe(false);
    for (const [, wrong] of WRONG) expect(proves(proof, 'caller', wrong, session)).toBe(false);
    const { callerNonce, listenerNonce, binding } = session;
    for (const other of [
      { ...session, callerNonce: newNonce() },
      { ...session, listenerNonce: newNonce() },
      { callerNonce: listenerNonce, listenerNonce: callerNonce, binding },
      { ...session, binding: Uint8Array.of(2) },
      { ...session, binding: new Uint8Array(0) },
    ]) {
      expect(proves(proof, 'caller', CREDENTIALS, other)).toBe(false);
    }
  });

  test.each([0, 1, 31, 33, 1000])('is none with %i bytes', length => {
    expect(proves(new Uint8Array(length), 'caller', CREDENTIALS, session)).toBe(false);
  });
});

test.each([
  undefined,
  '',
  '6',
  `6  ${newNonce()}`,
  `6 ${newNonce()}x`,
  `-1 ${newNonce()}`,
  `6 ${newNonce()}\n`,
  ['6', 'x'],
])('the greeting %j is none', header => {
  expect(parseGreeting(header)).toBeUndefined();
});

describe.each([
  ['in the clear', false],
  ['encrypted', true],
])('hellos %s', (_, encrypted) => {
  const differences: readonly [string, Partial<Hello>, string][] = [
    ['moduleHash', { moduleHash: 'ef' }, 'its moduleHash differs: here ef, there abcd'],
    [
      'options',
      { options: '{"epochLength":1000,"variant":"original"}' },
      'its options differ: variant (here "original", there "deferred")',
    ],
    ['options that are not JSON', { options: 'x' }, 'its options differ: epochLength (here undefined, there 1000), '],
  ];
  test.each(differences)('a difference in %s is refused in one line at both sides', async (_, hello, message) => {
    const { refused, links, address } = await start({ encrypted });
    const failure = await call(address, { hello }).catch(error => error);
    expect(failure).toMatchObject({ name: 'EpochvisorError', code: 'PEER_REFUSED' });
    expect(failure.message).toContain(`the connection was refused: ${message}`);
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused[0]).toMatchObject({ code: 'PEER_REFUSED' });
    expect(refused[0]!.message).not.toContain('\n');
    expect(links).toEqual([]);
  });

  test.each(WRONG)('%s is refused at both sides, which say nothing of it or of themselves', async (_, credentials) => {
    const { refused, links, address } = await start({ encrypted });
    const failure = await call(address, { credentials, hello: { moduleHash: 'ef' } }).catch(error => error);
    expect(failure).toMatchObject({ code: 'PEER_UNPROVEN' });
    expect(failure.message).toContain(`who listens at ${address} does not prove that it belongs to this machine: `);
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    expect(refused[0]).toMatchObject({ code: 'PEER_UNPROVEN' });
    for (const error of [failure, refused[0]!]) {
      expect(JSON.stringify(error) + error.line).not.toMatch(/sesame|barley|abcd|machine-[12]|\n/);
    }
    expect(links).toEqual([]);
  });
});

describe('in the clear', () => {
  test.each([PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1])('version %i is refused in one line', async protocol => {
    const { refused, address } = await start();
    const { socket, heard } = await greet(address, protocol);
    const [code, word] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, word.toString(), heard]).toEqual([REFUSED, 'protocol', []]);
    const message = `the connection was refused: its protocol differs: here ${PROTOCOL_VERSION}, there ${protocol}`;
    expect(refused).toMatchObject([{ code: 'PEER_REFUSED', message }]);
  });

  test('a version from before greetings hears that the protocol differs, whichever side it is', async () => {
    const { refused, address } = await start();
    const old = new WebSocket(address);
    old.on('open', () => old.send(Buffer.from('EPOCHV\0\u0005m')));
    const [code, word] = (await once(old, 'close')) as [number, Buffer];
    expect([code, word.toString()]).toEqual([REFUSED, 'protocol']);
    expect(refused[0]!.message).toContain('its protocol differs: here ');
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const heard = vi.fn();
    const told = new Promise(resolve => {
      server.on('connection', socket => socket.on('message', heard).on('close', (...end) => resolve(String(end))));
    });
    const failure = await call(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`).catch(error => error);
    expect(failure).toMatchObject({ code: 'PEER_REFUSED' });
    expect(failure.message).toContain('its protocol differs: here ');
    expect(await told).toBe(`${REFUSED},protocol`);
    expect(heard).not.toHaveBeenCalled();
    server.close();
  });

  test('who can not prove itself hears a nonce and a proof, and learns nothing of the machine', async () => {
    const { refused, address } = await start();
    const { socket, heard, prove } = await greet(address);
    prove({ ...CREDENTIALS, secret: 'x' });
    socket.send(encodeHello(HELLO));
    const [code, word] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, word.toString()]).toEqual([REFUSED, 'secret']);
    expect(heard.map(({ length }) => length)).toEqual([33]);
    expect(refused).toMatchObject([{ code: 'PEER_UNPROVEN' }]);
  });

  test("a listener's own proof, sent back, proves nothing", async () => {
    const { links, address } = await start();
    const { socket, heard } = await greet(address);
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    socket.send(heard[0]!);
    socket.send(encodeHello(HELLO));
    const [code] = (await once(socket, 'close')) as [number];
    expect([code, links]).toEqual([REFUSED, []]);
  });

  test('a caller says nothing to a listener that can not prove itself', async () => {
    const impostor = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(impostor, 'listening');
    impostor.on('headers', headers => headers.push(`Epochvisor: ${PROTOCOL_VERSION} ${newNonce()}`));
    const heard: Buffer[] = [];
    impostor.on('connection', socket => {
      socket.on('message', (bytes: Buffer) => heard.push(bytes));
      socket.send(encodeProof(new Uint8Array(32)));
    });
    const { port } = impostor.address() as AddressInfo;
    const failure = await call(`ws://127.0.0.1:${port}`).catch(error => error);
    expect(failure).toMatchObject({ code: 'PEER_UNPROVEN' });
    impostor.close();
    expect(heard).toEqual([]);
  });

  test('what a stranger gives as its reason is no part of any message', async () => {
    const { refused, address } = await start();
    const { socket } = await greet(address);
    socket.close(REFUSED, 'all is well\n\u001b[2J');
    await vi.waitFor(() => expect(refused).toHaveLength(1));
    for (const said of ['all is well', '\n', '\u001b']) expect(refused[0]!.line).not.toContain(said);
  });

  test.each([
    ['no proof', [Uint8Array.of(0x20, 1)]],
    ['a proof that is too long', [encodeProof(new Uint8Array(4096))]],
    ['an empty frame', [new Uint8Array(0)]],
  ])('%s is refused', async (_, frames) => {
    const { refused, address } = await start();
    const { socket } = await greet(address);
    for (const frame of frames) socket.send(frame);
    await once(socket, 'close');
    expect(refused).toHaveLength(1);
    expect(refused[0]!.code).toMatch(/^(PACKET_MALFORMED|PEER_UNPROVEN)$/);
  });

  test('what is no hello is refused, from one who has proved itself, too', async () => {
    const { refused, address } = await start();
    const { socket, prove } = await greet(address);
    prove();
    socket.send(Uint8Array.of(0x20, 1));
    await once(socket, 'close');
    expect(refused).toMatchObject([{ code: 'PACKET_MALFORMED' }]);
  });

  test('a stranger that sends more than a hello can be is cut off', async () => {
    const { refused, address } = await start();
    const { socket } = await greet(address);
    socket.on('error', () => {});
    socket.send(new Uint8Array(HELLO_MAX_BYTES * 4));
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
    await vi.waitFor(() => expect(refused).toMatchObject([{ code: 'LINK_CLOSED' }]));
  });
});
