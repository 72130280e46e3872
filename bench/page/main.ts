// What does a page cost the guest that it shows? Guest `mill` on a pair whose page is served: instructions of its primary while
// nobody looks, while one page is open and reads as a browser does, and while a hundred are; in turn, on one machine.
//
//   --rounds N      (default 10), of all of them in turn
//   --seconds S     of each (default 3)
//   --pages L       pages that are open (default 1,100)

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { markdownTable } from 'markdown-table';
import { WebSocket } from 'ws';
import { DashboardServer } from '../../engine/dashboard/dashboard-server.js';
import { MachineAccount } from '../../engine/launch/machine-account.js';
import { guestPath, isTiny, numbers, publish, quantile, ROOT } from '../host.js';
import { launch } from '../joining/patient.js';
import { isProtected } from '../machine.js';
import { cpuMs, ownedFolder, removeFolder } from '../processes.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '3' },
    pages: { type: 'string', default: '1,100' },
  },
});
const ms = 1000 * Number(values.seconds);
const rounds = Number(values.rounds);
const counts = [0, ...numbers(values.pages)];

interface Sample {
  /** Instructions of the guest a millisecond. */
  readonly perMs: number;
  /** Of this process, which has the bus, the server and the pages' ends: share of a processor. */
  readonly share: number;
  readonly framesPerSecond: number;
}

const folder = ownedFolder();
const machine = await launch(folder, '1', {});
const account = new MachineAccount(machine, guestPath('mill'));
const page = readFileSync(join(ROOT, 'dist', 'bundle', 'page.html'));
const server = await DashboardServer.start(account, machine, true, page, { host: '127.0.0.1', port: 0 });
server.follow(machine);
const url = `${server.address.replace('http', 'ws')}feed`;

async function open(count: number, heard: () => void): Promise<WebSocket[]> {
  return Promise.all(
    Array.from({ length: count }, () => {
      const socket = new WebSocket(url);
      socket.on('message', heard);
      return new Promise<WebSocket>((resolve, reject) => {
        socket.once('open', () => resolve(socket)).once('error', reject);
      });
    }),
  );
}

const told = () =>
  new Promise<{ readonly atMs: number; readonly instructions: number; readonly cpuMs: number }>(resolve =>
    machine.once('status', ({ instructions }) =>
      resolve({ atMs: performance.now(), instructions, cpuMs: cpuMs(process.pid) }),
    ),
  );

async function measure(count: number): Promise<Sample> {
  let messages = 0;
  const sockets = await open(count, () => {
    messages += 1;
  });
  await pause(ms / 10);
  const first = await told();
  messages = 0;
  await pause(ms);
  const last = await told();
  for (const socket of sockets) socket.terminate();
  const passedMs = last.atMs - first.atMs;
  return {
    perMs: (last.instructions - first.instructions) / passedMs,
    share: (last.cpuMs - first.cpuMs) / passedMs,
    framesPerSecond: count === 0 ? 0 : (1000 * messages) / count / passedMs,
  };
}

const samples = new Map<number, Sample[]>(counts.map(count => [count, []]));
try {
  await machine.start();
  await isProtected(machine);
  await pause(isTiny ? 0 : 2_000);
  for (let round = 0; round < rounds; round++) {
    // Each is first as often as the others.
    const order = counts.map((_, at) => counts[(at + round) % counts.length]!);
    for (const count of order) samples.get(count)!.push(await measure(count));
  }
} finally {
  server.close();
  await machine.stop();
  removeFolder(folder);
}

const median = (all: readonly number[]) =>
  quantile(
    [...all].sort((a, b) => a - b),
    0.5,
  );
const alone = samples.get(0)!;
const rows = counts.map(count => {
  const all = samples.get(count)!;
  const ratios = all.map(({ perMs }, round) => perMs / alone[round]!.perMs).sort((a, b) => a - b);
  return [
    String(count),
    (median(all.map(({ perMs }) => perMs)) / 1000).toFixed(0),
    count === 0
      ? ''
      : `${quantile(ratios, 0.5).toFixed(3)} (${quantile(ratios, 0.25).toFixed(3)} to ${quantile(ratios, 0.75).toFixed(3)})`,
    `${(100 * median(all.map(({ share }) => share))).toFixed(1)}%`,
    count === 0 ? '' : median(all.map(one => one.framesPerSecond)).toFixed(1),
  ];
});
publish(
  'page',
  'What a page costs the guest that it shows',
  `${markdownTable([
    [
      'pages',
      'million instructions/s',
      'against none: median (quartiles) of rounds',
      'processor time of this process',
      'messages/s to each',
    ],
    ...rows,
  ])}

One pair, ${rounds} rounds of ${values.seconds} s each in turn. Replicas and this process share the host's processors. The pages' ends of the
connections are in this process, too: its time is an upper bound of what the server costs.`,
);
