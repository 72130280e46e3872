// The plain machine with sockets: its connections are those of a real machine, in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { TestFolder } from '../building/test-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'dist/bundle/plain-main.js');
const guest = join(root, 'guest/build/echo-clients.wasm');
const folder = new TestFolder();

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

interface Serving {
  readonly child: ChildProcess;
  /** What it says on stderr when it listens. */
  readonly says: string;
  connect(): Promise<Socket>;
}

/** Starts the guest; a unix socket where no address is given. */
async function serve(address = `unix:${folder.file('socket')}`): Promise<Serving> {
  const child = spawn(process.execPath, [main, '--listen', address, guest], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const [[says]] = await Promise.all([
    once(child.stderr.setEncoding('utf8'), 'data') as Promise<[string]>,
    once(child.stdout, 'data'),
  ]);
  const port = /:(\d+)\n$/.exec(says)?.[1];
  const connect = async () => {
    const where = { allowHalfOpen: true };
    const socket =
      port === undefined
        ? createConnection({ ...where, path: address.slice('unix:'.length) })
        : createConnection({ ...where, host: '127.0.0.1', port: Number(port) });
    await once(socket, 'connect');
    return socket;
  };
  return { child, says, connect };
}

function readableOrEnd(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    const come = () => {
      socket.off('readable', come).off('end', come);
      resolve();
    };
    socket.on('readable', come).on('end', come);
  });
}

/** Reads until there are so many bytes, or the end. */
async function read(socket: Socket, length = Infinity): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  while (got < length) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      got += chunk.length;
    } else if (socket.readableEnded) break;
    else await readableOrEnd(socket);
  }
  return Buffer.concat(chunks);
}

async function quit({ child, connect }: Serving): Promise<number | null> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const socket = await connect();
  socket.on('error', () => undefined).end('quit');
  const [status] = await ended;
  running.delete(child);
  return status;
}

function pattern(length: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: length / 4 }, (_, index) => index).buffer);
}

describe('the plain machine with sockets', () => {
  it('says where it listens, and answers several clients at once', async () => {
    const serving = await serve('127.0.0.1:0');
    expect(serving.says).toMatch(/^plain: listens on 127\.0\.0\.1:[1-9]\d*\n$/);
    const clients = await Promise.all(Array.from({ length: 20 }, serving.connect));
    for (const round of [1, 2, 3]) {
      for (const [index, client] of clients.entries()) client.write(`${index} in round ${round}`);
      for (const [index, client] of clients.entries()) {
        const expected = `${index} in round ${round}`;
        expect((await read(client, expected.length)).toString()).toBe(expected);
      }
    }
    expect(await quit(serving)).toBe(0);
    // Its end is theirs.
    for (const client of clients) expect(await read(client)).toHaveLength(0);
    for (const client of clients) client.destroy();
  });

  it('echoes more than every window to who ends its side and reads on', async () => {
    const serving = await serve();
    const client = await serving.connect();
    const sent = pattern(4 << 20);
    client.end(sent);
    expect((await read(client)).equals(sent)).toBe(true);
    client.destroy();
    expect(await quit(serving)).toBe(0);
  });

  it('goes on when a client breaks off', async () => {
    const serving = await serve('127.0.0.1:0');
    const [one, other] = [await serving.connect(), await serving.connect()];
    one.write(pattern(1 << 20));
    await read(one, 1);
    one.resetAndDestroy();
    other.write('still there');
    expect((await read(other, 11)).toString()).toBe('still there');
    other.destroy();
    expect(await quit(serving)).toBe(0);
  });

  it('takes no more of a client that does not read than its windows, serves others, and forgets nothing', async () => {
    const serving = await serve();
    const slow = await serving.connect();
    const sent = pattern(8 << 20);
    slow.write(sent);
    slow.end();
    // The kernel's buffers and both windows are full when nothing more is taken.
    let before = -1;
    while (slow.bytesWritten - slow.writableLength !== before) {
      before = slow.bytesWritten - slow.writableLength;
      await sleep(100);
    }
    const other = await serving.connect();
    other.write('meanwhile');
    expect((await read(other, 9)).toString()).toBe('meanwhile');
    expect(slow.writableLength).toBeGreaterThan(0);
    expect((await read(slow)).equals(sent)).toBe(true);
    slow.destroy();
    other.destroy();
    expect(await quit(serving)).toBe(0);
  });

  it('refuses what it cannot listen on', async () => {
    const serving = await serve();
    for (const address of [`unix:${folder.file('socket')}`, 'nowhere']) {
      const child = spawn(process.execPath, [main, '--listen', address, guest], { stdio: 'ignore' });
      running.add(child);
      expect(await once(child, 'exit')).toEqual([2, null]);
    }
    expect(await quit(serving)).toBe(0);
  });
});
