// The least that a message and its answer can take: two processes, ws on loopback, 100 bytes. Sends its parent the median, µs.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import WebSocket, { WebSocketServer } from 'ws';
import { SOCKET_OPTIONS } from '../../engine/channel/link.js';
import { quantile } from '../host.js';

const ROUND_TRIPS = 20_000;
const WARM_UP = 5_000;

async function answer(): Promise<void> {
  const server = new WebSocketServer({ ...SOCKET_OPTIONS, port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', socket => socket.on('message', bytes => socket.send(bytes)));
  process.send?.((server.address() as AddressInfo).port);
}

async function ask(): Promise<void> {
  const other = fork(process.argv[1]!, ['answer']);
  const [port] = (await once(other, 'message')) as [number];
  const generateMask = (mask: Buffer) => void mask.fill(0);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { ...SOCKET_OPTIONS, generateMask });
  await once(socket, 'open');
  const times: number[] = [];
  const bytes = Buffer.alloc(100);
  await new Promise<void>(resolve => {
    let begunMs = performance.now();
    socket.on('message', () => {
      times.push(performance.now() - begunMs);
      if (times.length === ROUND_TRIPS) {
        resolve();
        return;
      }
      begunMs = performance.now();
      socket.send(bytes);
    });
    socket.send(bytes);
  });
  other.kill();
  process.send?.(1000 * quantile(times.slice(WARM_UP), 0.5));
}

await (process.argv[2] === 'answer' ? answer() : ask());
