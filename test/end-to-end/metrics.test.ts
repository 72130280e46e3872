// `--metrics`: what a scraper is told of a real pair, before and after a failover, and that the guest does not notice who asks.

import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { Bench, guest, type Watched } from './command.js';

const bench = new Bench();
/** A death is noticed at once; a busy host is not to look like one. */
const FLAGS = ['--metrics', '127.0.0.1:0', '--suspicion', '20000'];

/** Where its metrics are, as its status says. */
async function metricsOf(machine: Watched): Promise<string> {
  return (await machine.status(({ launcher }) => launcher?.metrics !== undefined)).launcher!.metrics!;
}

async function sample(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name.replace(/[{}"+]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
}

test('a failover is counted, its silence measured, and health follows the machine', async () => {
  const machine = bench.startWatched([...FLAGS, guest('gated'), '100000'], 'pipe');
  const url = await metricsOf(machine);
  const { primary } = await machine.isProtected();
  await machine.wrote(100);
  expect(machine.command.stderr).toContain(`epochvisor: metrics at ${url}\n`);
  expect((await fetch(new URL('/protected', url))).status).toBe(200);
  expect((await fetch(new URL('/live', url))).status).toBe(200);
  process.kill(primary.pid, 'SIGKILL');
  await machine.status(one => one.protected && one.view > 2);
  expect(await sample(url, 'epochvisor_failovers_total')).toBe(1);
  expect(await sample(url, 'epochvisor_failover_silence_seconds_count')).toBe(1);
  expect(await sample(url, 'epochvisor_replicas_lost_total')).toBe(1);
  expect(await sample(url, 'epochvisor_replicas_joined_total')).toBe(1);
  expect(await sample(url, 'epochvisor_view')).toBe(3);
  expect(await sample(url, 'epochvisor_output_hold_seconds_count')).toBeGreaterThan(0);
  expect(await sample(url, 'epochvisor_acknowledgement_round_trip_seconds_count')).toBeGreaterThan(0);
  expect(await sample(url, 'epochvisor_log_bytes_total')).toBeGreaterThan(0);
  machine.command.endInput();
  expect((await machine.command.ended).status).toBe(0);
});

test('a machine without a backup is live, and not protected', async () => {
  const machine = bench.startWatched([...FLAGS, '--replicas', '1', guest('spin')]);
  const url = await metricsOf(machine);
  await machine.status(({ instructions }) => instructions > 0);
  expect((await fetch(new URL('/live', url))).status).toBe(200);
  const answer = await fetch(new URL('/protected', url));
  expect([answer.status, await answer.text()]).toEqual([503, 'not protected: disabled\n']);
  machine.command.kill('SIGTERM');
  await machine.command.ended;
});

test('a scraper that asks without end and never reads: the guest does not notice', async () => {
  const machine = bench.startWatched([...FLAGS, guest('gated'), '100000'], 'pipe');
  const { port } = new URL(await metricsOf(machine));
  await machine.isProtected();
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined).pause();
  const asks = setInterval(() => socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_000)), 10);
  const { length } = machine.command.stdout;
  await machine.wrote(length + 4_000);
  clearInterval(asks);
  const { view, failovers } = machine.now!;
  expect({ view, failovers }).toEqual({ view: 1, failovers: 0 });
  machine.command.endInput();
  expect((await machine.command.ended).status).toBe(0);
  socket.destroy();
});

test('a port in use, and what is no address, are refused in one line before anything runs', async () => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const used = await bench.run(['run', '--metrics', `127.0.0.1:${port}`, guest('hello')]);
  other.close();
  expect({ status: used.status, stdout: used.stdout }).toEqual({ status: 2, stdout: '' });
  expect(used.stderr).toBe(
    `epochvisor: metrics can't be served on 127.0.0.1:${port}: the port is in use [METRICS_ADDRESS]: name another\n`,
  );
  for (const text of ['9464', '127.0.0.1', 'unix:/tmp/x', '127.0.0.1:99999', '']) {
    const { status, stderr } = await bench.run(['run', '--metrics', text, guest('hello')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^epochvisor: .*ADDR:PORT.* \[BAD_USAGE\].*\n$/);
  }
});
