// `epochvisor failover --bus`: the bus dies at what it says, hears, does and keeps, and in its restart; guests wait, and nothing else is
// seen of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
import { START_STEPS } from '../../engine/bus/bus-hook.js';
import { needs } from '../setup/needs.js';
import { Bench, guest } from './command.js';
import { failoverOf, type Report } from './failover-report.js';

vi.setConfig({ testTimeout: 180_000 });

const bench = new Bench();
const failover = failoverOf(bench);
const JOBS = ['--jobs', '2'];

/** Near its end a run may say less than the reference run said, and be over before a point. */
function expectSurvived({ points, failures }: Report, landed: number): void {
  expect(points.filter(({ verdict }) => !['same', 'ended', 'not reached'].includes(verdict))).toEqual([]);
  expect(failures).toBe(0);
  expect(points.every(({ failover }) => failover === null)).toBe(true);
  // What devices perform there nobody notes.
  expect(points.every(({ operations }) => operations === undefined)).toBe(true);
  const restarted = points.filter(({ verdict, restart, kill }) => verdict === 'same' && kill !== null && restart);
  expect(restarted.length).toBeGreaterThanOrEqual(landed);
}

test('a bare guest and its teller see nothing of a death at any kind of place', async () => {
  const teller = ['--teller', bench.file('notes')];
  const { status, report } = await failover(
    '--bus',
    '--sweep',
    'all',
    '--limit',
    '10',
    ...JOBS,
    ...teller,
    guest('teller'),
    '5',
  );
  expect(report.points).toHaveLength(10);
  expectSurvived(report, 7);
  expect(status).toBe(0);
});

test('a bus that dies again, at any step of its restart, begins once more', async () => {
  const steps = START_STEPS.map((step, at) => `start:${step}:${at % 2 === 0 ? 'after' : 'before'}`);
  const flags = ['--at', 'operation:1:after', ...steps.flatMap(step => ['--second-kill', step])];
  const teller = ['--teller', bench.file('notes')];
  const { status, report } = await failover('--bus', ...flags, ...JOBS, ...teller, guest('teller'), '3');
  expect(report.points.map(({ restart }) => restart?.times)).toEqual(Array(6).fill(2));
  expectSurvived(report, 6);
  expect(status).toBe(0);
});

test('one that stands still for longer than is suspect is waited for; a place that is never reached is no pass', async () => {
  const points = ['--at', 'message:5:after', '--at', 'message:9999'];
  const { status, report } = await failover('--bus', '--pause', ...points, guest('hello'));
  expect(report.points).toMatchObject([
    { verdict: 'same', failover: null, kill: { what: expect.stringMatching(/^after (take|send) /) } },
    { verdict: 'not reached', kill: null },
  ]);
  expect(status).toBe(1);
});

describe('a program with a folder', needs('c'), () => {
  test('finds all that it wrote, once, whatever of it the bus had kept', async () => {
    const folder = bench.file('folder');
    mkdirSync(folder);
    for (const file of ['old', 'theirs']) writeFileSync(join(folder, file), `${file}\n`);
    const program = [buildProgram('journal.c'), '/d', '5'];
    const flags = ['--bus', '--sweep', 'all', '--limit', '6', ...JOBS, '--dir', `${folder}::/d`];
    const { status, report } = await failover(...flags, ...program);
    expectSurvived(report, 4);
    expect(status).toBe(0);
  });
});
