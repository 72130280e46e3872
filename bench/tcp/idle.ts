// What do thousands of connections that do nothing cost: memory, time, the answers of one that does something, a takeover?

import { setTimeout as sleep } from 'node:timers/promises';
import { isTiny } from '../host.js';
import { cpuMs, residentMebibytes } from '../processes.js';
import { Asker } from './history-clients.js';
import { IdleClients } from './idle-clients.js';
import { type LoadResult, runLoads } from './load.js';
import { type Server, startServer } from './servers.js';
import { describeSteps } from './takeover-steps.js';

const BUSY_SECONDS = isTiny ? 0.1 : 3;
const IDLE_SECONDS = isTiny ? 0.1 : 5;
/** What was allocated on the way is collected, and what was written is taken, in the meantime. */
const SETTLE_MS = isTiny ? 100 : 2_000;
/** Before the kill, and before all are asked whether they noticed it. */
const [BEFORE_MS, AFTER_MS] = isTiny ? [100, 100] : [500, 1_000];
/** Protected again after the kill: the replacement takes all connections over, too. */
const PATIENCE_MS = 60_000;

export async function idle({ connections }: { readonly connections: number }): Promise<string> {
  const server = await startServer('deferred');
  const clients = new IdleClients();
  try {
    return await measured(server, clients, connections);
  } finally {
    await clients.end();
    await server.end();
  }
}

type ByPart = Readonly<Record<string, number>>;

function memory(server: Server): ByPart {
  return Object.fromEntries(Object.entries(server.parts()).map(([part, pid]) => [part, residentMebibytes(pid)]));
}

async function idleCpu(server: Server): Promise<ByPart> {
  const before = Object.entries(server.parts()).map(([part, pid]) => ({ part, pid, ms: cpuMs(pid) }));
  await sleep(1000 * IDLE_SECONDS);
  return Object.fromEntries(before.map(({ part, pid, ms }) => [part, (cpuMs(pid) - ms) / (10 * IDLE_SECONDS)]));
}

async function busy(server: Server): Promise<LoadResult> {
  const loads = [{ clients: 1, pipeline: 1 }];
  const order = { port: server.port, loads, seconds: BUSY_SECONDS, waits: false, parts: server.parts() };
  return (await runLoads(order))[0]!;
}

async function measured(server: Server, clients: IdleClients, connections: number): Promise<string> {
  // The first one warms it up.
  await busy(server);
  const busyBefore = await busy(server);
  await sleep(SETTLE_MS);
  const memoryBefore = memory(server);
  const cpuBefore = await idleCpu(server);
  const openingMs = performance.now();
  const opened = await clients.open(server.port, connections);
  const openedMs = performance.now() - openingMs;
  await sleep(SETTLE_MS);
  const memoryWith = memory(server);
  const cpuWith = await idleCpu(server);
  const busyWith = await busy(server);

  const asker = new Asker();
  let isOver = false;
  const asking = asker.run(server.port, () => isOver).catch(() => undefined);
  await sleep(BEFORE_MS);
  const kill = { ms: performance.now(), pid: server.status()!.primary.pid };
  process.kill(kill.pid, 'SIGKILL');
  await sleep(AFTER_MS);
  const answered = await clients.ask();
  const deadline = kill.ms + PATIENCE_MS;
  while (server.status()?.protected !== true && !server.isOver && performance.now() < deadline) await sleep(20);
  const silenceMs = asker.silence(kill.ms)?.ms ?? 0;
  const longestMs = asker.longestMs(kill.ms, performance.now());
  isOver = true;
  await asking;
  const later = await clients.ask();

  const each = (of: (part: string) => string) => Object.keys(memoryBefore).map(part => `${part} ${of(part)}`);
  const kibibytes = (part: string) => ((1024 * (memoryWith[part]! - memoryBefore[part]!)) / connections).toFixed(1);
  return `## Connections that do nothing

${connections.toLocaleString('en-US')} connections to a pair (deferred), from a process of their own; opened, each with one answer, in ${(openedMs / 1000).toFixed(1)} s (${opened.errors} errors).

- Resident memory for each, KiB: ${each(kibibytes).join(', ')}.
- CPU while all are idle, % of a processor: ${each(part => `${cpuWith[part]!.toFixed(1)} (${cpuBefore[part]!.toFixed(1)} without)`).join(', ')}.
- One busy client: ${busyWith.perSecond.toFixed(0)} answers a second with them, ${busyBefore.perSecond.toFixed(0)} without.
- The primary killed: ${silenceMs.toFixed(0)} ms without an answer for one that asks back to back (${longestMs.toFixed(0)} at the most until the machine was
  protected again): ${describeSteps([kill], server.said)}. ${answered.fine} of ${connections} answered
  meanwhile, ${later.fine} when it was ${server.status()?.protected === true ? '' : 'NOT '}protected again (${later.errors} errors).`;
}
