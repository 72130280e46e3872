// How many answers a second, and how late each, from each server, with one client and with many, one command at a time and 16?

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { markdownTable } from 'markdown-table';
import { isTiny, quantile } from '../host.js';
import { type Load, type LoadResult, runLoads } from './load.js';
import { roundTripMs } from './round-trip.js';
import { SERVERS, type ServerName, startServer } from './servers.js';

const LOADS: readonly Load[] = [
  { clients: 1, pipeline: 1 },
  { clients: 50, pipeline: 1 },
  { clients: 1, pipeline: 16 },
  { clients: 50, pipeline: 16 },
];
const WARM_SECONDS_MAX = 1;
/** Of redis-benchmark, for a second of ours. */
const BENCHMARKED_REQUESTS = 30_000;
/** Beside our own: what everybody measures with. */
const BENCHMARKED: readonly ServerName[] = ['plain', 'simplex', 'deferred', 'redis'];

/** Started as others are. */
const LEFT_OUT_WHEN_TINY: readonly ServerName[] = ['original', 'revised'];

/** What a pair is to keep of a simplex machine, 50 clients. */
const OF_SIMPLEX_AIM = 0.7;
/** What it may add to the median answer of one client, in round trips of the channel. */
const ADDED_AIM = 3;

interface Measured {
  readonly results: LoadResult[];
  readonly benchmark: number[];
}

/** One line for an aim: what it is, the figure, whether it is reached. */
function aim(text: string, figure: string, reached: boolean): string {
  return `- ${text}: ${figure}, ${reached ? 'reached' : 'NOT reached'}.`;
}

export async function throughput({ seconds, rounds }: { readonly seconds: number; readonly rounds: number }) {
  const names = (Object.keys(SERVERS) as ServerName[]).filter(name => !isTiny || !LEFT_OUT_WHEN_TINY.includes(name));
  const measured = new Map<ServerName, Measured>(names.map(name => [name, { results: [], benchmark: [] }]));
  const roundTrips: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    roundTrips.push(await roundTripMs());
    for (const [name, { results, benchmark }] of measured) {
      const server = await startServer(name);
      try {
        const { port } = server;
        const order = {
          port,
          loads: LOADS,
          seconds,
          warmSeconds: Math.min(seconds, WARM_SECONDS_MAX),
          waits: name === 'redisWait',
        };
        results.push(...(await runLoads({ ...order, parts: server.parts() })));
        if (round === 0 && BENCHMARKED.includes(name))
          benchmark.push(await redisBenchmark(port, Math.min(1, seconds) * BENCHMARKED_REQUESTS));
      } finally {
        await server.end();
      }
    }
    console.error(`throughput: round ${round + 1} of ${rounds}`);
  }
  return describe(measured, roundTrips, { seconds, rounds });
}

/** Requests a second of SET and GET, 50 clients, one command at a time, by redis-benchmark. */
async function redisBenchmark(port: number, requests: number): Promise<number> {
  const flags = ['-p', String(port), '-c', '50', '-n', String(requests), '-t', 'set,get', '-d', '64', '--csv'];
  const { stdout } = await promisify(execFile)('redis-benchmark', flags);
  const rates = [...stdout.matchAll(/^"(?:SET|GET)","([\d.]+)"/gm)].map(([, rate]) => Number(rate));
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}

function describe(
  measured: ReadonlyMap<ServerName, Measured>,
  roundTrips: readonly number[],
  { seconds, rounds }: { readonly seconds: number; readonly rounds: number },
): string {
  const figure = (name: ServerName, { clients, pipeline }: Load, of: (result: LoadResult) => number) =>
    quantile(
      measured
        .get(name)!
        .results.filter(result => result.clients === clients && result.pipeline === pipeline)
        .map(of),
      0.5,
    );
  const perSecond = (name: ServerName, load: Load) => figure(name, load, result => result.perSecond);
  const medianMs = (name: ServerName, load: Load) => figure(name, load, result => result.medianMs);
  const thousands = (rate: number) => (rate / 1000).toFixed(1);
  const [one, many, , manyPiped] = LOADS as [Load, Load, Load, Load];

  const rows = [...measured.keys()].map(name => [
    SERVERS[name].title,
    ...LOADS.map(load => {
      const p99 = figure(name, load, result => result.p99Ms);
      return `${thousands(perSecond(name, load))} (${medianMs(name, load).toFixed(2)}, ${p99.toFixed(2)})`;
    }),
    measured.get(name)!.benchmark[0] === undefined ? '' : thousands(measured.get(name)!.benchmark[0]!),
  ]);
  const heads = LOADS.map(
    ({ clients, pipeline }) => `${clients === 1 ? '1 client' : `${clients} clients`}, ${pipeline}`,
  );
  const rates = markdownTable([['server', ...heads, 'redis-benchmark, 50, 1'], ...rows], {
    align: ['l', 'r', 'r', 'r', 'r', 'r'],
  });

  const costs = [...measured.keys()].flatMap(name =>
    [many, manyPiped].map(load => {
      const { results } = measured.get(name)!;
      const parts = Object.keys(results[0]!.cpuUs).map(
        part => `${part} ${figure(name, load, ({ cpuUs }) => cpuUs[part] ?? 0).toFixed(1)}`,
      );
      return [SERVERS[name].title, String(load.pipeline), parts.join(', ')];
    }),
  );
  const roundTrip = quantile(roundTrips, 0.5);
  const ofSimplex = perSecond('deferred', many) / perSecond('simplex', many);
  const addedMs = medianMs('deferred', one) - medianMs('simplex', one);
  const errors = [...measured.values()].flatMap(({ results }) => results).reduce((sum, each) => sum + each.errors, 0);
  const ahead = [LOADS[2]!, manyPiped].map(load => perSecond('deferred', load) / perSecond('redisWait', load));

  return `## Throughput and latency

Half SET, half GET, values of 64 bytes, ${rounds} alternating rounds of ${seconds} s for each figure, medians of the rounds: thousands of
answers a second (median and 99 % of the time from sending a batch to its last answer, ms), by number of clients and of commands in
a batch. The server's guest is guest/programs/keyvalue.ts. A client of Redis with a replica ends each batch that has a SET with
\`WAIT 1 0\`: its answers are there once the replica has them, which is what a pair does for every answer. Neither Redis writes to a
disk. ${errors} errors.

${rates}

CPU time for each answer, us (50 clients): the host has two processors for all of them.

${markdownTable([['server', 'batch', 'us'], ...costs], { align: ['l', 'r', 'l'] })}

${aim(`of simplex, 50 clients (aim ${OF_SIMPLEX_AIM})`, ofSimplex.toFixed(2), ofSimplex >= OF_SIMPLEX_AIM)}
${aim(
  `added to the median answer of one client (aim: ${ADDED_AIM} round trips of 100 bytes between two Node processes on a WebSocket, ${roundTrip.toFixed(3)} ms each)`,
  `${addedMs.toFixed(3)} ms, ${(addedMs / roundTrip).toFixed(1)} round trips`,
  addedMs <= ADDED_AIM * roundTrip,
)}
${aim(
  'pair to Redis + WAIT 1, batches of 16 (aim: ahead)',
  `${ahead[0]!.toFixed(2)} with one client, ${ahead[1]!.toFixed(2)} with 50`,
  ahead.every(ratio => ratio > 1),
)}`;
}
