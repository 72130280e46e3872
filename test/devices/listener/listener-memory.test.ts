// A listener whose process dies: clients find the next one where they found it.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { SocketListener } from '../../../devices/listener/socket-listener.js';
import { TestFolder } from '../../building/test-folder.js';

const folder = new TestFolder();
const ANY_PORT = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

test('a port that the kernel chose is the same again', async () => {
  const first = await SocketListener.open([ANY_PORT, ANY_PORT], folder.path);
  const { addresses } = first;
  await first.close();
  const second = await SocketListener.open([ANY_PORT, ANY_PORT], folder.path);
  expect(second.addresses).toEqual(addresses);
  await second.close();
});

test("a socket's file that a killed process has left is taken, one that answers is not", async () => {
  const path = folder.file('socket');
  const unix = { kind: 'unix', path } as const;
  const first = await SocketListener.open([unix], folder.path);
  await first.close();
  const listens = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', listens]);
  expect(existsSync(path)).toBe(true);
  const second = await SocketListener.open([unix], folder.path);
  await second.close();
  const other = createServer();
  await new Promise<void>(resolve => other.listen(path, resolve));
  await expect(SocketListener.open([unix], folder.path)).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
  await new Promise(resolve => other.close(resolve));
});

test('a record that is none is refused in one line', async () => {
  writeFileSync(folder.file('listening.json'), '{"format":"something else"}');
  await expect(SocketListener.open([ANY_PORT], folder.path)).rejects.toMatchObject({ code: 'MEMORY_CORRUPT' });
});
