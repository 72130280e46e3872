// Connections that a guest makes, to real servers: an operation that ends when it is known, and a stream that was told before.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FIRST_CONNECTING, operationOf } from '../../../devices/connection/connection-streams.js';
import type { SocketAddress } from '../../../devices/connection/socket-address.js';
import { CONNECT, FIRST_CONNECTOR, STATUS_CONNECTION_REFUSED } from '../../../devices/connector/connector-commands.js';
import { SocketConnector } from '../../../devices/connector/socket-connector.js';
import { type Completion, STATUS_REFUSED } from '../../../devices/device.js';
import { FIRST_OPENED_STREAM } from '../../../engine/protocol/vocabulary.js';
import { TestFolder } from '../../building/test-folder.js';
import { Reported } from '../connection/reported.js';

const S = FIRST_OPENED_STREAM;
const NO_DATA = new Uint8Array(0);
const folder = new TestFolder();

let server: Server;
let reached: Socket[];
let connector: SocketConnector;
let sink: Reported;

function open(...addresses: readonly SocketAddress[]): void {
  sink = new Reported();
  connector = new SocketConnector(addresses);
  connector.start(sink);
}

async function connects(index = 0, id = 1n, command = CONNECT): Promise<Completion> {
  const operation = { id, device: FIRST_CONNECTOR + index, command, argument: 0n, length: 0, data: NO_DATA };
  const completion = await connector.devices[index]!.perform(operation);
  sink.said.push(['completed', id, completion.status]);
  return completion;
}

const said = (what: unknown) => expect.poll(() => sink.said).toContainEqual(what);

beforeEach(async () => {
  reached = [];
  server = createServer({ allowHalfOpen: true }, socket => reached.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  open({ kind: 'tcp', host: '127.0.0.1', port }, { kind: 'unix', path: folder.file('nobody') });
});

afterEach(async () => {
  await connector.close();
  for (const socket of reached) socket.destroy();
  server.close();
});

test('a connection is told of before its operation is complete, and says whose it is', async () => {
  expect(await connects(0, 77n)).toEqual({ status: S, data: NO_DATA });
  expect(sink.said).toEqual([
    ['opened', FIRST_CONNECTING],
    ['completed', 77n, S],
  ]);
  expect(sink.data.map(operationOf)).toEqual([77n]);
  await expect.poll(() => reached.length).toBe(1);
  connector.write(S, 0, new Uint8Array(Buffer.from('question')));
  const [bytes] = (await once(reached[0]!, 'data')) as [Buffer];
  expect(bytes.toString()).toBe('question');
  reached[0]!.end('answer');
  await said(['input', S, 'answer']);
  await said(['input', S, 'end']);
  connector.closeStream(S, 8);
  await said(['written', S, 9]);
});

test('what the server says at once comes after the connection', async () => {
  server.on('connection', (socket: Socket) => void socket.write('welcome'));
  await connects();
  await said(['input', S, 'welcome']);
  expect(sink.said[0]).toEqual(['opened', FIRST_CONNECTING]);
});

test('each operation makes a connection of its own; one that the server breaks off is reset', async () => {
  expect([(await connects(0, 1n)).status, (await connects(0, 2n)).status]).toEqual([S, S + 1]);
  await expect.poll(() => reached.length).toBe(2);
  reached[1]!.resetAndDestroy();
  await said(['reset', S + 1]);
});

test('where nobody listens the operation says so, and nothing is opened', async () => {
  expect((await connects(1)).status).toBe(STATUS_CONNECTION_REFUSED);
  expect(sink.said).toEqual([['completed', 1n, STATUS_CONNECTION_REFUSED]]);
});

test('an unknown command, a connector that has not begun and one that is closed refuse', async () => {
  expect((await connects(0, 1n, CONNECT + 1)).status).toBe(STATUS_REFUSED);
  const [device] = new SocketConnector([{ kind: 'unix', path: folder.file('nobody') }]).devices;
  const operation = { id: 1n, device: FIRST_CONNECTOR, command: CONNECT, argument: 0n, length: 0, data: NO_DATA };
  expect((await device!.perform(operation)).status).toBe(STATUS_REFUSED);
  const late = connects();
  await connector.close();
  expect((await late).status).toBe(STATUS_REFUSED);
  expect((await connects()).status).toBe(STATUS_REFUSED);
});
