// `epochvisor failover --bus`: the bus dies at what it says, hears, does and keeps, and in its restart; guests wait, and nothing else is
// seen of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { buildProgram } from '../../bench/wasi/programs.js';
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
    '14',
    ...JOBS,
    ...teller,
    guest('teller'),
    '5',
  );
  expect(report.points).toHaveLength(14);
  expectSurvived(report, 10);
  expect(status).toBe(0);
});

test('a bus that dies again, at any step of its restart, begins once more', async () => {
  const at = ['--at', 'memory:4:after', '--second-kill', 'restart'];
  const { status, report } = await failover('--bus', ...at, ...JOBS, guest('hello'));
  expect(report.points.map(({ restart }) => restart?.times)).toEqual(Array(12).fill(2));
  expectSurvived(report, 12);
  expect(status).toBe(0);
});

test('a bus that stands still for longer than is suspect is waited for', async () => {
  const { status, report } = await failover('--bus', '--pause', '--at', 'message:5:after', guest('hello'));
  expect(report.points).toMatchObject([{ verdict: 'same', failover: null, kill: { what: 'after take output' } }]);
  expect(status).toBe(0);
});

test('a place that is never reached is no pass', async () => {
  const ended = await bench.run(['failover', '--bus', '--at', 'message:9999', guest('hello')]);
  expect(ended.stderr).toMatch(/^epochvisor: nothing was struck: .*\[NOT_REACHED\]/);
  expect(ended.status).toBe(2);
});

describe('a program with a folder', needs('c'), () => {
  test('finds all that it wrote, once, whatever of it the bus had kept', async () => {
    const folder = bench.file('folder');
    mkdirSync(folder);
    for (const file of ['old', 'theirs']) writeFileSync(join(folder, file), `${file}\n`);
    const program = [buildProgram('journal.c'), '/d', '5'];
    const flags = ['--bus', '--sweep', 'all', '--limit', '10', ...JOBS, '--dir', `${folder}::/d`];
    const { status, report } = await failover(...flags, ...program);
    expectSurvived(report, 7);
    expect(status).toBe(0);
  });
});
