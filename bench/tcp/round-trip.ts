// What one round trip of the logging channel costs on this host: 100 bytes there and back between two Node processes, on a bare
// WebSocket over loopback. An answer of a pair takes one such more than that of a simplex machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { quantile } from '../host.js';
import { end, owned } from '../processes.js';

const BYTES = 100;
const WARM_TIMES = 1_000;

/** Median, ms. */
export async function roundTripMs(times = 5_000): Promise<number> {
  const child = owned(
    spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  try {
    const [port] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const socket = new WebSocket(`ws://127.0.0.1:${port.trim()}`, { perMessageDeflate: false });
    await once(socket, 'open');
    const question = Buffer.alloc(BYTES, 'x');
    const all: number[] = [];
    for (let time = 0; time < WARM_TIMES + times; time += 1) {
      const begunMs = performance.now();
      const answer = new Promise(resolve => socket.once('message', resolve));
      socket.send(question);
      await answer;
      if (time >= WARM_TIMES) all.push(performance.now() - begunMs);
    }
    socket.terminate();
    return quantile(all, 0.5);
  } finally {
    await end(child);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', socket => socket.on('message', bytes => socket.send(bytes as Buffer)));
  await once(server, 'listening');
  console.log((server.address() as AddressInfo).port);
}
