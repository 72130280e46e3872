// What does a TCP client of a pair feel? Round trips to a WASI program that echoes, with one client and with 50, and the longest
// wait for an answer while the primary is killed.
//
// Client, bus and both replicas share this host's processors: a pair has at least three processes to run for each answer.
//
//   --seconds N   of asking for each figure (default 3)
//   --rounds N    (default 3), alternating
//   --kills N     (default 10)

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import type { Status } from '../../engine/observe/status.js';
import { publish, quantile, ROOT } from '../host.js';
import { buildProgram } from '../wasi/programs.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    kills: { type: 'string', default: '10' },
  },
});
const [seconds, rounds, kills] = [Number(values.seconds), Number(values.rounds), Number(values.kills)];

const QUESTION = Buffer.alloc(64, 'x');
const folder = mkdtempSync(join(tmpdir(), 'epochvisor-bench-'));
const socketPath = join(folder, 'socket');
const statusFile = join(folder, 'status.json');
const program = buildProgram('echoes.c');

/** How it is served. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  "Node, in the client's own process": [],
  simplex: ['--replicas', '1'],
  'pair, deferred': [],
  'pair, revised': ['--variant', 'revised'],
  'pair, original': ['--variant', 'original'],
};
const HOST = "Node, in the client's own process";

interface Serving {
  readonly machine: ChildProcess | undefined;
  readonly close: () => Promise<void>;
}

const status = (): Status | undefined => {
  try {
    return JSON.parse(readFileSync(statusFile, 'utf8')) as Status;
  } catch {
    // It is not there yet.
    return undefined;
  }
};

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

async function serve(name: string): Promise<Serving> {
  rmSync(socketPath, { force: true });
  if (name === HOST) {
    const server = createServer(socket => socket.pipe(socket)).listen(socketPath);
    await once(server, 'listening');
    return { machine: undefined, close: async () => void server.close() };
  }
  const main = join(ROOT, 'dist', 'engine', 'cli', 'main.js');
  const flags = ['--quiet', '--status-file', statusFile, '--listen', `unix:${socketPath}`, ...SERVERS[name]!];
  const machine = spawn(process.execPath, [main, 'run', ...flags, program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(machine.stdout, 'data');
  if (name !== 'simplex') await until(() => status()?.protected === true);
  const close = async () => {
    const ended = once(machine, 'exit');
    createConnection(socketPath)
      .on('error', () => undefined)
      .resume()
      .write('quit');
    await ended;
  };
  return { machine, close };
}

/** Asks, back to back, until `over`. @returns how long each answer took, ms */
async function asks(socket: Socket, over: () => boolean): Promise<number[]> {
  const times: number[] = [];
  let awaited = 0;
  let answered: () => void = () => undefined;
  socket.on('data', (bytes: Buffer) => {
    awaited -= bytes.length;
    if (awaited <= 0) answered();
  });
  while (!over()) {
    const begunMs = performance.now();
    awaited = QUESTION.length;
    const answer = new Promise<void>(resolve => {
      answered = resolve;
    });
    socket.write(QUESTION);
    await answer;
    times.push(performance.now() - begunMs);
  }
  socket.destroy();
  return times;
}

async function askAll(clients: number, ms: number): Promise<{ times: number[]; perSecond: number }> {
  const sockets = Array.from({ length: clients }, () => createConnection(socketPath));
  await Promise.all(sockets.map(socket => once(socket, 'connect')));
  const endMs = performance.now() + ms;
  const times = (await Promise.all(sockets.map(socket => asks(socket, () => performance.now() >= endMs)))).flat();
  return { times, perSecond: (1000 * times.length) / ms };
}

interface Figures {
  readonly one: number[];
  readonly oneLate: number[];
  readonly many: number[];
}

const figures = new Map<string, Figures>(Object.keys(SERVERS).map(name => [name, { one: [], oneLate: [], many: [] }]));
for (let round = 0; round < rounds; round++) {
  for (const [name, { one, oneLate, many }] of figures) {
    const serving = await serve(name);
    await askAll(1, 500);
    const alone = await askAll(1, seconds * 1000);
    one.push(quantile(alone.times, 0.5));
    oneLate.push(quantile(alone.times, 0.99));
    many.push((await askAll(50, seconds * 1000)).perSecond);
    await serving.close();
  }
}

/** The longest wait for an answer around a kill, ms. */
async function gapMs(): Promise<number> {
  const serving = await serve('pair, deferred');
  const socket = createConnection(socketPath);
  await once(socket, 'connect');
  let over = false;
  const asking = asks(socket, () => over);
  await sleep(300 + Math.random() * 200);
  process.kill(status()!.primary.pid, 'SIGKILL');
  await sleep(700);
  over = true;
  const longest = Math.max(...(await asking));
  await serving.close();
  return longest;
}

const gaps: number[] = [];
for (let kill = 0; kill < kills; kill++) gaps.push(await gapMs());
rmSync(folder, { recursive: true, force: true });

const median = (all: readonly number[]) => quantile(all, 0.5);
const rows = [...figures].map(([name, { one, oneLate, many }]) => [
  name,
  median(one).toFixed(3),
  median(oneLate).toFixed(3),
  median(many).toFixed(0),
  (median(many) / median(figures.get('simplex')!.many)).toFixed(2),
]);
const table = markdownTable(
  [['server', '1 client: median, ms', 'p99, ms', '50 clients: answers a second', 'of simplex'], ...rows],
  { align: ['l', 'r', 'r', 'r', 'r'] },
);
publish(
  'tcp',
  'What a TCP client of a pair feels',
  `Questions of ${QUESTION.length} bytes to a WASI program in C that echoes them (test/programs/echoes.c), over a unix socket, asked
back to back; ${rounds} alternating rounds of ${seconds} s, medians of the rounds. Client, bus and replicas share the processors.

${table}

Longest wait for an answer when the primary is killed, one client: median ${median(gaps).toFixed(0)} ms, most ${Math.max(...gaps).toFixed(0)} ms of
${kills} kills. It has the new view (claim at the arbiter, three syncs of the folder) and the rest of the epochs that the backup had received.`,
);
