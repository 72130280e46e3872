// Metrics and health over HTTP: what is said, in the format of Prometheus, and who can't keep it from being said to others.

import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_FIGURES_YET } from '../../engine/launch/launch-figures.js';
import { statusOf } from '../../engine/launch/launch-status.js';
import type { ObservedMachine } from '../../engine/observe/machine-figures.js';
import { CONNECTIONS_MAX, MetricsServer } from '../../engine/observe/metrics-server.js';
import { TimeCounts } from '../../engine/protocol/measured-times.js';
import { NO_PROGRESS } from '../../engine/replica/replica-report.js';

const PLACE = { host: '127.0.0.1', port: 0 };
const PATIENCE_MS = 300;

const LINE =
  /^(?<name>[a-z_]+)(?:\{(?<labels>\w+="(?:[^"\\\n]|\\.)*"(?:,\w+="(?:[^"\\\n]|\\.)*")*)\})? (?<value>[-+.\deInf]+)$/;

/** By name and labels; as strict as a reader of the format is. */
function parse(text: string): { samples: Map<string, number>; types: Map<string, string> } {
  expect(text.endsWith('\n')).toBe(true);
  const [samples, types] = [new Map<string, number>(), new Map<string, string>()];
  for (const line of text.split('\n').filter(one => one !== '')) {
    const [, type, typed] = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (type !== undefined) types.set(type, typed!);
    else if (!line.startsWith('# HELP ')) {
      const { name = '', labels, value } = LINE.exec(line)?.groups ?? {};
      expect(name, line).not.toBe('');
      samples.set(labels === undefined ? name : `${name}{${labels}}`, Number(value?.replace('+Inf', 'Infinity')));
    }
  }
  return { samples, types };
}

let machine: { -readonly [Name in keyof ObservedMachine]: ObservedMachine[Name] };
let server: MetricsServer;

function status(isProtected: boolean): ObservedMachine['status'] {
  const progress = { ...NO_PROGRESS, count: 700, epoch: 7, lagMs: 20, heldMs: 3, protected: isProtected };
  const replica = (incarnation: string, pid: number) => {
    return { incarnation, pid, joins: false, hasEnded: false, running: true, progress };
  };
  const view = { number: 3, machine: 'm', primary: 'a', backups: ['b'], claim: 'c' };
  const launcher = { pid: 1, host: 'h', guest: '/a "b"\n.wasm', since: '2026-11-28T00:00:00.000Z' };
  return { ...statusOf(view, [replica('a', 11), replica('b', 12)], 2), launcher, failovers: 1, lastFailover: null };
}

const times = (...all: number[]) => {
  const counts = new TimeCounts();
  for (const ms of all) counts.add(ms);
  return counts.measured;
};

beforeEach(async () => {
  const counts = { failovers: 1, uncertain: 2, lost: 1, unjoined: 0, joined: 1, silences: times(30, 20_000) };
  machine = {
    status: status(true),
    counts,
    figures: { ...NO_FIGURES_YET, logBytes: 99 },
    isLive: true,
    primaryHost: 'h',
  };
  server = await MetricsServer.start(machine, PLACE, '1.2.3', PATIENCE_MS);
});
afterEach(() => server.close());

const get = (path: string, init?: RequestInit) => fetch(new URL(path, server.address), init);

describe('the metrics', () => {
  test('are in the format of Prometheus, with one prefix, and units and counters by their names', async () => {
    const answer = await get('/metrics');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const { samples, types } = parse(await answer.text());
    for (const [name, type] of types) {
      expect(name).toMatch(/^epochvisor_/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_ms\b|_milli/);
    }
    expect(samples.get('epochvisor_protected')).toBe(1);
    expect(samples.get('epochvisor_lag_seconds')).toBe(0.02);
    expect(samples.get('epochvisor_instructions_total')).toBe(700);
    expect(samples.get('epochvisor_log_bytes_total')).toBe(99);
    expect(samples.get('epochvisor_replica_epoch{role="backup",pid="12"}')).toBe(7);
    expect(samples.get('epochvisor_replicas{role="joining"}')).toBe(0);
    expect(samples.get('epochvisor_info{machine="m",version="1.2.3",host="h",guest="/a \\"b\\"\\n.wasm"}')).toBe(1);
  });

  test('count times into buckets that grow, with a sum and a count', async () => {
    const { samples } = parse(await (await get('/metrics')).text());
    const of = (what: string) => samples.get(`epochvisor_failover_silence_seconds${what}`);
    expect([of('_bucket{le="0.025"}'), of('_bucket{le="0.05"}'), of('_bucket{le="10"}')]).toEqual([0, 1, 1]);
    expect([of('_bucket{le="+Inf"}'), of('_count'), of('_sum')]).toEqual([2, 2, 20.03]);
  });

  test('never go back where a counter is one: a successor is told to be behind until it has caught up', async () => {
    await get('/metrics');
    machine.status = { ...machine.status, instructions: 600 };
    await sleep(150);
    const { samples } = parse(await (await get('/metrics')).text());
    expect(samples.get('epochvisor_instructions_total')).toBe(700);
  });

  test('are those that the dashboard, the alert rules and the documentation name', async () => {
    const { types } = parse(await (await get('/metrics')).text());
    const known = new Set(
      [...types].flatMap(([name, type]) => {
        return type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
      }),
    );
    const file = (name: string) => readFileSync(new URL(`../../docs/monitoring/${name}`, import.meta.url), 'utf8');
    const namesIn = (text: string) => new Set(text.match(/\bepochvisor_\w+/g) ?? []);
    for (const name of ['alerts.yml', 'grafana-dashboard.json', 'README.md']) {
      expect(
        [...namesIn(file(name))].filter(one => !known.has(one)),
        name,
      ).toEqual([]);
    }
    expect([...types.keys()].filter(one => !namesIn(file('README.md')).has(one))).toEqual([]);
    const { panels } = JSON.parse(file('grafana-dashboard.json')) as { panels: { targets: { expr: string }[] }[] };
    expect(panels.flatMap(({ targets }) => targets).every(({ expr }) => namesIn(expr).size > 0)).toBe(true);
  });
});

describe('health', () => {
  const statuses = async () => {
    const paths = ['/live', '/protected', '/primary', '/primary?host=h', '/primary?host=other'];
    return Promise.all(paths.map(async path => (await get(path)).status));
  };

  test('is 200 where it is so, and 503 where it is not', async () => {
    expect(await statuses()).toEqual([200, 200, 200, 200, 503]);
    machine.status = status(false);
    expect(await statuses()).toEqual([200, 503, 200, 200, 503]);
    machine.isLive = false;
    machine.primaryHost = undefined;
    expect(await statuses()).toEqual([503, 503, 503, 503, 503]);
  });

  test('is told to who asks with HEAD, and nothing can be done but to ask', async () => {
    expect((await get('/live', { method: 'HEAD' })).status).toBe(200);
    expect((await get('/live', { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await get('/else')).status).toBe(404);
  });
});

describe('a caller', () => {
  const port = () => Number(new URL(server.address).port);

  /** Resolves when the server has ended the connection. */
  function open(text: string): { readonly closed: Promise<void>; readonly socket: ReturnType<typeof connect> } {
    const socket = connect(port(), '127.0.0.1', () => socket.write(text));
    socket.on('error', () => undefined);
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
    return { closed, socket };
  }

  test('that asks without end and never reads is let go, and others are served meanwhile', async () => {
    const { closed, socket } = open('');
    socket.pause();
    const asks = setInterval(() => socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2_000)), 5);
    await sleep(PATIENCE_MS);
    expect((await get('/live')).status).toBe(200);
    await closed;
    clearInterval(asks);
  });

  test.each([
    ['says nothing', ''],
    ['says half a request', 'GET /metrics HT'],
    ['says no HTTP', '\u0000\u0001\r\n\r\n'],
  ])('that %s is let go', async (_, text) => {
    const { closed, socket } = open(text);
    socket.resume();
    await closed;
    expect((await get('/live')).status).toBe(200);
  });

  test('one more than can be served is turned away, until another has gone', async () => {
    const all = Array.from({ length: CONNECTIONS_MAX + 5 }, () => open(''));
    for (const { socket } of all) socket.resume();
    await Promise.all(all.map(({ closed }) => closed));
    expect((await get('/live')).status).toBe(200);
  });
});

test('a port that is in use is refused in one line', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await expect(MetricsServer.start(machine, { ...PLACE, port }, '1')).rejects.toMatchObject({
    code: 'METRICS_ADDRESS',
    message: `metrics can't be served on 127.0.0.1:${port}: the port is in use`,
  });
  other.close();
});
