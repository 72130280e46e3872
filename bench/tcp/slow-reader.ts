// What does a client that asks for much and reads nothing take from the others, and from the memory of the machine?

import { setTimeout as sleep } from 'node:timers/promises';
import { isTiny, quantile } from '../host.js';
import { residentMebibytes } from '../processes.js';
import { type LoadResult, runLoads } from './load.js';
import { command, RespClient } from './resp.js';
import { type Server, startServer } from './servers.js';

const VALUE_BYTES = 64 * 1024;
const BEFORE_SECONDS_MAX = 5;
const SAMPLE_MS = isTiny ? 50 : 1_000;
const LOAD = { clients: 20, pipeline: 1 };
/** What the others are to keep of what they had before. */
const KEPT_AIM = 0.9;
/** What counts as flat: growth from the second quarter of the time to the last, MiB. In the first, heaps find their size. */
const FLAT_MEBIBYTES = 10;

export async function slowReader({ seconds }: { readonly seconds: number }): Promise<string> {
  const server = await startServer('deferred');
  try {
    return await measured(server, seconds);
  } finally {
    await server.end();
  }
}

async function measured(server: Server, seconds: number): Promise<string> {
  const { port } = server;
  const load = (forSeconds: number) =>
    runLoads({ port, loads: [LOAD], seconds: forSeconds, waits: false, parts: server.parts() });
  // The first one warms it up.
  await load(Math.min(seconds, BEFORE_SECONDS_MAX));
  const [before] = (await load(Math.min(seconds, BEFORE_SECONDS_MAX))) as [LoadResult];
  const stopped = await RespClient.connect(port);
  await stopped.ask([command('SET', 'big', 'x'.repeat(VALUE_BYTES))]);
  stopped.socket.pause();
  const questions = command('GET', 'big').repeat(100);
  let asked = 0;
  const asking = setInterval(() => {
    // As much as it takes: what is not taken is this client's own.
    while (!stopped.socket.writableNeedDrain) {
      stopped.socket.write(questions);
      asked += 100;
    }
  }, 10);
  let sampling = true;
  const samples: Record<string, number>[] = [];
  const sample = async () => {
    while (sampling) {
      const parts = Object.entries(server.parts());
      samples.push(Object.fromEntries(parts.map(([name, pid]) => [name, residentMebibytes(pid)])));
      await sleep(SAMPLE_MS);
    }
  };
  const sampled = sample();
  let during: LoadResult;
  try {
    [during] = (await load(seconds)) as [LoadResult];
  } finally {
    sampling = false;
    clearInterval(asking);
    await sampled;
    stopped.close();
  }
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const median = (part: string, some: readonly Record<string, number>[]) =>
    quantile(
      some.map(one => one[part] ?? Number.NaN),
      0.5,
    );
  const memory = Object.keys(server.parts()).map(part => {
    const [first, last] = [median(part, samples.slice(quarter, 2 * quarter)), median(part, samples.slice(-quarter))];
    return { part, first, last, most: Math.max(...samples.map(one => one[part] ?? 0)) };
  });
  const kept = during.perSecond / before.perSecond;
  const flat = memory.every(({ first, last }) => last - first <= FLAT_MEBIBYTES);
  return `## A client that reads nothing

It asks a pair (deferred) for values of 64 KiB (${asked} times, as far as its questions are taken) and reads no answer, for ${seconds} s;
${LOAD.clients} others ask back to back.

- Answers a second to the others: ${before.perSecond.toFixed(0)} before, ${during.perSecond.toFixed(0)} during: ${kept.toFixed(2)} (aim ${KEPT_AIM}, ${kept >= KEPT_AIM ? 'reached' : 'NOT reached'}); their
  median ${before.medianMs.toFixed(2)} and ${during.medianMs.toFixed(2)} ms, 99 % ${before.p99Ms.toFixed(2)} and ${during.p99Ms.toFixed(2)} ms.
- Resident memory, MiB, median of the second and of the last quarter of the time, and most: ${memory
    .map(({ part, first, last, most }) => `${part} ${first.toFixed(0)}, ${last.toFixed(0)} (${most.toFixed(0)})`)
    .join('; ')}: ${flat ? 'flat' : 'NOT flat'}.`;
}
