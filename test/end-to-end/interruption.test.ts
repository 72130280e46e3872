// Ctrl-C, SIGTERM and SIGHUP at any moment: both replicas gone, the exit status says why, nothing is left behind.
// (bench checks after each test that no process is left.)

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Bench, guest } from './command.js';

const bench = new Bench();
afterEach(() => expect(bench.temporaryFiles(), 'files left behind').toEqual([]));

// Before Node listens to signals, while replicas start, while they connect, while the guest runs: when that is depends
// on the host. Who is interrupted before it can listen ends by the signal itself, which a shell calls 130 too.
test.each([0, 60, 150, 250, 350, 500, 1000])('Ctrl-C %i ms after the start ends the machine', async ms => {
  const command = bench.start(['run', guest('spin')]);
  await sleep(ms);
  command.killGroup('SIGINT');
  const { status, signal } = await command.ended;
  expect([130, 'SIGINT']).toContain(status ?? signal);
});

test('SIGTERM ends the machine with its status and without a word', async () => {
  const machine = bench.startWatched([guest('spin')]);
  await machine.isProtected();
  machine.command.kill('SIGTERM');
  expect(await machine.command.ended).toMatchObject({ status: 143, stdout: '', stderr: '' });
});

test('SIGHUP, when the terminal is closed, ends the machine with its status and without a word', async () => {
  const machine = bench.startWatched([guest('spin')]);
  await machine.isProtected();
  machine.command.kill('SIGHUP');
  expect(await machine.command.ended).toMatchObject({ status: 129, stdout: '', stderr: '' });
});

test('Ctrl-C while the guest computes ends the machine without a word', async () => {
  const machine = bench.startWatched([guest('spin')]);
  await machine.isProtected();
  machine.command.killGroup('SIGINT');
  expect(await machine.command.ended).toMatchObject({ status: 130, stdout: '', stderr: '' });
});

test('Ctrl-C between a kill and the new view ends the machine', async () => {
  const machine = bench.startWatched([guest('spin')]);
  const { primary } = await machine.isProtected();
  process.kill(primary.pid, 'SIGKILL');
  machine.command.killGroup('SIGINT');
  expect((await machine.command.ended).status).toBe(130);
});

test('Ctrl-C while the guest waits for input ends the machine', async () => {
  const machine = bench.startWatched([guest('echo')], 'pipe');
  await machine.isProtected();
  machine.command.killGroup('SIGINT');
  expect((await machine.command.ended).status).toBe(130);
});

test.each([300, 1500, 3000])('Ctrl-C %i ms into a failover test ends it, with what it has', async ms => {
  // So many that they are not done in any of these times.
  const command = bench.start(['failover', '--points', '1000', guest('recursive'), '25', '20']);
  await sleep(ms);
  command.killGroup('SIGINT');
  const { status, signal, stdout } = await command.ended;
  expect([130, 'SIGINT']).toContain(status ?? signal);
  if (stdout !== '') expect(stdout).toMatch(/\ninterrupted: the points above are those that were judged\n$/);
});
