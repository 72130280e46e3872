// What a sweep concludes: the model it fits, the setting it recommends, and the command as a user calls it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fitModel, recommend } from '../../engine/cli/tuning/model.js';
import { conclude, text } from '../../engine/cli/tuning/report.js';
import type { Cell } from '../../engine/cli/tuning/sweep.js';
import { TestFolder } from '../building/test-folder.js';

const root = join(import.meta.dirname, '../..');
const folder = new TestFolder();

const epochvisor = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'dist/engine/cli/main.js'), ...args], { encoding: 'utf8', input: '' });

function cell(variant: Cell['variant'], epochLength: number, overPlain: number): Cell {
  const interruptWaitMs = { median: epochLength / 2e6, p99: (0.99 * epochLength) / 1e6 };
  const rest = { overSimplex: 1, instructionsPerSecond: 1e9 / overPlain, logBytesPerSecond: 1000 };
  return { variant, epochLength, overPlain, epochMs: epochLength / 1e6, interruptWaitMs, ...rest };
}

describe("the paper's model", () => {
  it('is found again in points that obey it', () => {
    const points = [1e3, 1e4, 1e5, 1e6].map(epochLength => ({ epochLength, performance: 1.25 + 21_000 / epochLength }));
    const fit = fitModel(points);
    expect(fit?.a).toBeCloseTo(0.25, 9);
    expect(fit?.b).toBeCloseTo(21_000, 3);
  });

  it('never says that boundaries gain time', () => {
    const fit = fitModel([
      { epochLength: 1e3, performance: 1 },
      { epochLength: 1e6, performance: 1.1 },
    ]);
    expect(fit?.b).toBe(0);
    expect(fit?.a).toBeGreaterThan(0);
  });

  it('is not fitted to one epoch length', () => {
    expect(fitModel([{ epochLength: 1e3, performance: 1 }])).toBeUndefined();
  });
});

describe('the recommendation', () => {
  it('is the shortest epoch within 3 % of the best', () => {
    const points = [
      { epochLength: 1e3, performance: 1.5 },
      { epochLength: 1e5, performance: 1.02 },
      { epochLength: 1e7, performance: 1.0 },
    ];
    expect(recommend(points)?.epochLength).toBe(1e5);
  });

  it('is never simplex, which has no backup', () => {
    const tuning = conclude('guest', [cell('simplex', 1e3, 1), cell('deferred', 1e3, 1.2), cell('deferred', 1e5, 1.1)]);
    expect(tuning.recommendation).toEqual({ variant: 'deferred', epochLength: 1e5 });
    expect(text(tuning)).toContain('Recommended: --epoch-length 100000 --variant deferred');
  });

  it('stands on simplex where the plain machine gives no figure', () => {
    const cells = [cell('deferred', 1e3, 1.2), cell('deferred', 1e5, 1.1)].map(each => ({
      ...each,
      overPlain: undefined,
      overSimplex: each.overPlain,
    }));
    const tuning = conclude('guest', cells);
    expect(tuning.recommendation?.epochLength).toBe(1e5);
    expect(text(tuning)).toContain('There is no figure over plain');
  });
});

describe('epochvisor tune', () => {
  const guest = join(root, 'guest/build/compute.wasm');
  const short = [
    '--epoch-lengths',
    '100000,1e6',
    '--variants',
    'deferred',
    '--seconds-per-cell',
    '0.3',
    '--rounds',
    '1',
  ];

  it('gives figures for every cell, as JSON', () => {
    const { status, stdout, stderr } = epochvisor('tune', '--json', ...short, guest, '100000', '1');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const tuning = JSON.parse(stdout);
    expect(tuning.cells.map((each: Cell) => [each.variant, each.epochLength])).toEqual([
      ['simplex', 100_000],
      ['deferred', 100_000],
      ['simplex', 1_000_000],
      ['deferred', 1_000_000],
    ]);
    for (const each of tuning.cells) {
      expect(each.instructionsPerSecond).toBeGreaterThan(0);
      expect(each.overPlain).toBeGreaterThan(0);
      expect(each.interruptWaitMs.p99).toBeGreaterThan(each.interruptWaitMs.median);
      expect(each.logBytesPerSecond > 0).toBe(each.variant === 'deferred');
    }
    expect(tuning.recommendation.variant).toBe('deferred');
  }, 60_000);

  it('knows a guest that waits, which hears of interrupts at once', () => {
    const { stdout } = epochvisor('tune', '--json', ...short, join(root, 'guest/build/ticks.wasm'), '1000', '5');
    for (const each of JSON.parse(stdout).cells) expect(each.interruptWaitMs).toBeUndefined();
  }, 60_000);

  it("leaves the user's disk as it is", () => {
    const disk = folder.file('disk');
    writeFileSync(disk, Buffer.alloc(1 << 20, 7));
    const { status, stdout } = epochvisor('tune', ...short, '--disk', disk, join(root, 'guest/build/disk.wasm'));
    expect(status).toBe(0);
    expect(stdout).toContain('| deferred |');
    expect(readFileSync(disk).equals(Buffer.alloc(1 << 20, 7))).toBe(true);
  }, 60_000);

  it.each([300, 1500])('ends at Ctrl-C without a word, %d ms after its start', async ms => {
    // A group of its own: as from a terminal, the signal reaches the replicas too.
    const child = spawn(process.execPath, [join(root, 'dist/engine/cli/main.js'), 'tune', guest, '100000'], {
      detached: true,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk));
    await sleep(ms);
    process.kill(-child.pid!, 'SIGINT');
    const [status, signal] = await once(child, 'exit');
    // Before the command has been loaded, Node itself ends by the signal.
    expect(status ?? signal).toBeOneOf([130, 'SIGINT']);
    expect(said).toBe('');
  });

  it.each([
    [['--epoch-lengths', '0', guest], /epoch-lengths.*whole number/],
    [['--variants', 'fast', guest], /Variants are original, revised, deferred/],
    [['--seconds-per-cell', 'x', guest], /number of seconds/],
    [['no-such.wasm'], /no such file/],
    [['--disk', 'no-such-disk', guest], /DISK_MISSING/],
  ])('refuses %j in one line', (args, message) => {
    const { status, stdout, stderr } = epochvisor('tune', ...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
