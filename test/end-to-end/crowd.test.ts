// Clients by the thousand, and guests that do not want them: everybody is served or turned away, and nothing is lost in a kill.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { compile } from '../../bench/wasi/programs.js';
import { needs } from '../setup/needs.js';
import { Bench, guest, until } from './command.js';
import { Client, kills, question } from './tcp-client.js';

const bench = new Bench();

async function serving(module = guest('echo-clients')) {
  const path = bench.file('socket');
  const machine = bench.startWatched(['--listen', `unix:${path}`, module]);
  await machine.isProtected();
  return { machine, path };
}

/** Connects, and again where the backlog of the operating system is full, as a unix socket tells at once. */
async function connected(path: string): Promise<Socket> {
  for (;;) {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect');
      return socket.on('error', () => undefined);
    } catch {
      await sleep(20);
    }
  }
}

describe('a guest', () => {
  test('serves 1,500 clients that come at once, while its primary is killed', async () => {
    const { machine, path } = await serving();
    const kill = kills(machine, 'primary');
    const sockets = await Promise.all(Array.from({ length: 1_500 }, () => connected(path)));
    const answers = sockets.map(async (socket, index) => {
      socket.write(question(index, 0, 40));
      let answer = '';
      for await (const bytes of socket) {
        answer += (bytes as Buffer).toString();
        if (answer.length >= 40) break;
      }
      return answer;
    });
    await kill;
    expect(await Promise.all(answers)).toEqual(sockets.map((_, index) => question(index, 0, 40).toString()));
    const last = new Client(path);
    last.socket.write('quit');
    expect(await machine.command.ended).toMatchObject({ status: 0 });
  });
});

describe('a WASI program', needs('c'), () => {
  test('is told of those who waited for its accept, also where they said all and left before a kill', async () => {
    // It sleeps before it accepts: 300 wait, of whom it is told 128.
    const source = bench.file('sleeper.c');
    writeFileSync(
      source,
      `#include <stdio.h>
       #include <unistd.h>
       #include <sys/socket.h>
       int main(void) {
         char line[16];
         fgets(line, sizeof line, stdin);
         for (int count = 0; count < 300; count++) {
           char bytes[64];
           int client = accept(3, NULL, NULL);
           ssize_t got, all = 0;
           while ((got = recv(client, bytes + all, sizeof bytes - (size_t)all, 0)) > 0) all += got;
           fwrite(bytes, 1, (size_t)all, stdout);
           close(client);
         }
       }`,
    );
    compile(source, bench.file('sleeper.wasm'));
    const path = bench.file('socket');
    const machine = bench.startWatched(['--listen', `unix:${path}`, bench.file('sleeper.wasm')], 'pipe');
    await machine.isProtected();
    const names = Array.from({ length: 300 }, (_, index) => `client ${index}\n`);
    for (const name of names) (await connected(path)).end(name);
    await kills(machine, 'primary');
    machine.command.write('now\n');
    const { status, stdout } = await machine.command.ended;
    expect([status, stdout.split('\n').sort()]).toEqual([0, ['', ...names.map(name => name.trim())].sort()]);
  });

  test('that closes its listener turns clients away, and those that it has are served on', async () => {
    const source = bench.file('closer.c');
    writeFileSync(
      source,
      `#include <stdio.h>
       #include <unistd.h>
       #include <sys/socket.h>
       int main(void) {
         int client = accept(3, NULL, NULL);
         FILE *file = fopen("/data/given", "r");
         char bytes[64];
         fgets(bytes, sizeof bytes, file);
         close(3);
         printf("%s %d\\n", bytes, close(77) + close(3));
         fflush(stdout);
         for (ssize_t got; (got = recv(client, bytes, sizeof bytes, 0)) > 0;) send(client, bytes, (size_t)got, 0);
       }`,
    );
    compile(source, bench.file('closer.wasm'));
    const path = bench.file('socket');
    writeFileSync(bench.file('given'), 'given');
    const flags = ['--dir', `${bench.folder}::/data`, '--listen', `unix:${path}`];
    const machine = bench.startWatched([...flags, bench.file('closer.wasm')]);
    await machine.isProtected();
    const served = new Client(path);
    await machine.wrote('given -2\n'.length);
    await kills(machine, 'primary');
    const late = new Client(path);
    await until(() => late.ended);
    await served.asks(question(0, 0, 50));
    served.socket.end();
    expect(await machine.command.ended).toMatchObject({ status: 0, stdout: 'given -2\n' });
    for (const { socket } of [served, late]) socket.destroy();
  });
});
